#include "frontend/transport/grpc/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <mutex>
#include <string>
#include <utility>

namespace bimip::frontend {
namespace {

// gRPC's C++ interface takes a certificate once, or files that it reads and believes by itself; its
// C interface asks for one at every handshake. So this asks that, and gives what was checked.
class TlsCredentials final : public grpc::ServerCredentials {
 public:
  explicit TlsCredentials(const TlsContext& tls) : tls_(tls) {
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE, fetch, this));
  }
  ~TlsCredentials() override { grpc_server_credentials_release(credentials_); }
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // On gRPC's threads.
  static grpc_ssl_certificate_config_reload_status fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<TlsCredentials*>(self)->fetch(*config);
  }
  grpc_ssl_certificate_config_reload_status fetch(grpc_ssl_server_certificate_config*& config) {
    const std::shared_ptr<const TlsContext::Pem> pem = tls_.pem();
    {
      const std::lock_guard lock(mutex_);
      if (given_ == pem) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
      given_ = pem;
    }
    const grpc_ssl_pem_key_cert_pair pair{.private_key = pem->key.c_str(),
                                          .cert_chain = pem->certificate.c_str()};
    // It insists on authorities for clients, also where no client is asked for a certificate.
    const char* const authorities = pair.cert_chain;
    config = grpc_ssl_server_certificate_config_create(authorities, &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const TlsContext& tls_;
  grpc_server_credentials* credentials_ = nullptr;
  std::mutex mutex_;
  std::shared_ptr<const TlsContext::Pem> given_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> make_tls_credentials(const TlsContext& tls) {
  return std::make_shared<TlsCredentials>(tls);
}

}  // namespace bimip::frontend
