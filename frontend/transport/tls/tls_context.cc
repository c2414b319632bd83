#include "frontend/transport/tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "engine/base/assert.h"

namespace bimip::frontend {
namespace {

std::expected<std::string, std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
  return std::move(text).str();
}

// What OpenSSL says went wrong last.
std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  return text == nullptr ? "it cannot be used" : text;
}

using Made = std::expected<std::shared_ptr<ssl_ctx_st>, std::string>;

Made make_context(const TlsContext::Files& files) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return std::unexpected("TLS: " + reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection holds no buffer; a write may go out in parts, from wherever it is then.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return std::unexpected(files.certificate + ": " + reason());
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return std::unexpected(files.key + ": " + reason());
  if (SSL_CTX_check_private_key(context.get()) != 1)
    return std::unexpected(files.key + " is not the key of " + files.certificate);
  return context;
}

}  // namespace

std::expected<std::unique_ptr<TlsContext>, std::string> TlsContext::open(Files files) {
  std::unique_ptr<TlsContext> context(new TlsContext(std::move(files)));
  if (auto read = context->reload(); !read) return std::unexpected(std::move(read.error()));
  return context;
}

std::expected<TlsContext::Reload, std::string> TlsContext::reload() {
  auto text = read_file(files_.certificate);
  if (!text) return std::unexpected(std::move(text.error()));
  auto key = read_file(files_.key);
  if (!key) return std::unexpected(std::move(key.error()));
  *text += *key;
  OPENSSL_cleanse(key->data(), key->size());
  const engine::MutexLock lock(mutex_);
  if (*text == text_) return Reload::kUnchanged;
  text_ = std::move(*text);
  Made made = make_context(files_);
  if (!made) return std::unexpected(std::move(made.error()));
  context_ = std::move(*made);
  return Reload::kChanged;
}

std::unique_ptr<TlsStream> TlsContext::accept(int socket) const {
  std::shared_ptr<SSL_CTX> context;
  {
    const engine::MutexLock lock(mutex_);
    context = context_;
  }
  SSL* ssl = SSL_new(context.get());
  BIMIP_ASSERT(ssl != nullptr && SSL_set_fd(ssl, socket) == 1);
  SSL_set_accept_state(ssl);
  return std::make_unique<TlsStream>(ssl);
}

}  // namespace bimip::frontend
