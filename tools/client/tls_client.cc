#include "tools/client/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace bimip::client {
namespace {

using engine::ErrorCode;
using Clock = std::chrono::steady_clock;

std::unexpected<engine::Error> distrust(const std::string& why) {
  return engine::fail(ErrorCode::kInvalidArgument, "TLS: " + why);
}

std::string last_reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  return text == nullptr ? "the handshake failed" : text;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

// Whom the certificate must be for.
bool expect_host(SSL* ssl, const std::string& host) {
  if (is_address(host))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1;
  return SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

}  // namespace

TlsClient::~TlsClient() { SSL_free(ssl_); }

Result<std::unique_ptr<TlsClient>> TlsClient::connect(int socket, const Endpoint& endpoint,
                                                      Clock::time_point until) {
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (!context) return distrust(last_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const int loaded =
      endpoint.ca_file.empty()
          ? SSL_CTX_set_default_verify_paths(context.get())
          : SSL_CTX_load_verify_locations(context.get(), endpoint.ca_file.c_str(), nullptr);
  if (loaded != 1) return distrust("no authorities in " + endpoint.ca_file);
  SSL* ssl = SSL_new(context.get());
  if (ssl == nullptr) return distrust(last_reason());
  std::unique_ptr<TlsClient> client(new TlsClient(ssl));
  if (SSL_set_fd(ssl, socket) != 1 || !expect_host(ssl, endpoint.host))
    return distrust(last_reason());
  if (Status shaken = client->shake_hands(socket, until); !shaken)
    return std::unexpected(std::move(shaken.error()));
  return client;
}

Status TlsClient::shake_hands(int socket, Clock::time_point until) {
  while (true) {
    ERR_clear_error();
    const int result = SSL_connect(ssl_);
    if (result == 1) return {};
    const int problem = SSL_get_error(ssl_, result);
    const bool waits = problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE;
    if (!waits) {
      const long verdict = SSL_get_verify_result(ssl_);
      if (verdict != X509_V_OK)
        return distrust(std::string("the server's certificate is not trusted: ") +
                        X509_verify_cert_error_string(verdict));
      if (problem == SSL_ERROR_SYSCALL)
        return engine::fail(ErrorCode::kIo, "TLS: the server ended the connection");
      if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_WRONG_VERSION_NUMBER)
        return distrust("what the server speaks on this port is no TLS");
      return distrust(last_reason());
    }
    pollfd wait{.fd = socket,
                .events = static_cast<short>(problem == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT),
                .revents = 0};
    if (::poll(&wait, 1, milliseconds_until(until)) == 0)
      return engine::fail(ErrorCode::kIo, "TLS: no answer from the server in time");
  }
}

ssize_t TlsClient::failed(int result) const {
  const int problem = SSL_get_error(ssl_, result);
  if (problem == SSL_ERROR_ZERO_RETURN) return 0;
  const bool waits = problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE;
  errno = waits ? EAGAIN : ECONNRESET;
  return -1;
}

ssize_t TlsClient::send(std::string_view bytes) {
  ERR_clear_error();
  const int wrote = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
  return wrote > 0 ? wrote : failed(wrote);
}

ssize_t TlsClient::receive(std::span<char> into) {
  ERR_clear_error();
  const int got = SSL_read(ssl_, into.data(), static_cast<int>(into.size()));
  return got > 0 ? got : failed(got);
}

bool TlsClient::has_pending() const { return SSL_pending(ssl_) > 0; }

}  // namespace bimip::client
