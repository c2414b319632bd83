#include "frontend/transport/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include "engine/base/assert.h"

namespace bimip::frontend {
namespace {

template <auto kFree>
struct Freed {
  template <typename Object>
  void operator()(Object* object) const {
    kFree(object);
  }
};
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

std::expected<std::string, std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
  return std::move(text).str();
}

Memory memory_of(const std::string& text) {
  Memory memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  BIMIP_ASSERT(memory != nullptr);
  return memory;
}

// What OpenSSL says went wrong last.
std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  return text == nullptr ? "it cannot be used" : text;
}

// An encrypted key must not have OpenSSL ask for its password on the terminal.
int no_password(char*, int, int, void*) { return 0; }

engine::Timestamp timestamp_of(const ASN1_TIME* time) {
  std::tm calendar{};
  BIMIP_ASSERT(ASN1_TIME_to_tm(time, &calendar) == 1);
  return engine::Timestamp(std::chrono::seconds(::timegm(&calendar)));
}

std::string text_of(const ASN1_TIME* time) {
  std::tm calendar{};
  BIMIP_ASSERT(ASN1_TIME_to_tm(time, &calendar) == 1);
  std::array<char, 32> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &calendar);
  return {text.data(), size};
}

// Whether it is its time; if not, in words.
std::string fault_of(const X509* certificate) {
  const ASN1_TIME* const begin = X509_get0_notBefore(certificate);
  const ASN1_TIME* const end = X509_get0_notAfter(certificate);
  if (X509_cmp_current_time(end) <= 0) return "expired on " + text_of(end);
  if (X509_cmp_current_time(begin) > 0) return "is not valid before " + text_of(begin);
  return {};
}

// Of what the client offers, each with its length before it, that which the port speaks.
int choose_protocol(SSL* ssl, const unsigned char** chosen, unsigned char* chosen_length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
  const char* const wanted = static_cast<const char*>(SSL_get_app_data(ssl));
  if (wanted == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const std::string_view all(reinterpret_cast<const char*>(offered), offered_length);
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t length = offered[at];
    if (all.substr(at + 1, length) == wanted) {
      *chosen = offered + at + 1;
      *chosen_length = static_cast<unsigned char>(length);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + length;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::shared_ptr<SSL_CTX> make_context() {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  BIMIP_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection holds no buffer; a write may go out in parts, from wherever it is then.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // What a client needs to resume is in its ticket: nothing of it is kept here.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

}  // namespace

std::expected<std::unique_ptr<TlsContext>, std::string> TlsContext::open(Files files) {
  std::unique_ptr<TlsContext> context(new TlsContext(std::move(files)));
  if (auto read = context->reload(); !read) return std::unexpected(std::move(read.error()));
  return context;
}

std::expected<TlsContext::InForce, std::string> TlsContext::make(const Files& files,
                                                                 const Pem& pem) {
  ERR_clear_error();
  const Memory chain = memory_of(pem.certificate);
  const Certificate certificate(PEM_read_bio_X509(chain.get(), nullptr, no_password, nullptr));
  if (!certificate)
    return std::unexpected(files.certificate + " holds no certificate in PEM: " + reason());
  const Key key(PEM_read_bio_PrivateKey(memory_of(pem.key).get(), nullptr, no_password, nullptr));
  if (!key)
    return std::unexpected(files.key + " holds no private key in PEM, not encrypted: " + reason());
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return std::unexpected(files.key + " is not the key of " + files.certificate);
  if (const std::string fault = fault_of(certificate.get()); !fault.empty())
    return std::unexpected(files.certificate + ": the certificate " + fault);

  InForce made{.context = make_context(),
               .expires_at = timestamp_of(X509_get0_notAfter(certificate.get()))};
  SSL_CTX* const context = made.context.get();
  if (SSL_CTX_use_certificate(context, certificate.get()) != 1)
    return std::unexpected(files.certificate + ": " + reason());
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return std::unexpected(files.key + ": " + reason());
  while (Certificate next{PEM_read_bio_X509(chain.get(), nullptr, no_password, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1)
      return std::unexpected(files.certificate + ": " + reason());
  }
  // The end of the file is an error, too: the one that there is nothing more in it.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
    return std::unexpected(files.certificate + ": " + reason());
  return made;
}

std::expected<TlsContext::Reload, std::string> TlsContext::reload() {
  auto certificate = read_file(files_.certificate);
  if (!certificate) return std::unexpected(std::move(certificate.error()));
  auto key = read_file(files_.key);
  if (!key) return std::unexpected(std::move(key.error()));
  const engine::MutexLock lock(mutex_);
  Pem pem{.certificate = std::move(*certificate), .key = std::move(*key)};
  if (pem == read_) return Reload::kUnchanged;
  read_ = std::move(pem);
  auto made = make(files_, read_);
  if (!made) return std::unexpected(std::move(made.error()));
  in_force_ = std::move(*made);
  return Reload::kChanged;
}

std::unique_ptr<TlsStream> TlsContext::accept(int socket, const char* protocol) const {
  std::shared_ptr<SSL_CTX> context;
  {
    const engine::MutexLock lock(mutex_);
    context = in_force_.context;
  }
  SSL* ssl = SSL_new(context.get());
  BIMIP_ASSERT(ssl != nullptr && SSL_set_fd(ssl, socket) == 1);
  SSL_set_accept_state(ssl);
  // OpenSSL hands it back, and writes nothing to it.
  SSL_set_app_data(ssl, const_cast<char*>(protocol));
  return std::make_unique<TlsStream>(ssl);
}

engine::Timestamp TlsContext::expires_at() const {
  const engine::MutexLock lock(mutex_);
  return in_force_.expires_at;
}

}  // namespace bimip::frontend
