#include "frontend/transport/tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <limits>

namespace bimip::frontend {
namespace {

namespace errors = boost::asio::error;

int bounded(std::size_t size) {
  return static_cast<int>(
      std::min(size, static_cast<std::size_t>(std::numeric_limits<int>::max())));
}

}  // namespace

TlsStream::~TlsStream() { SSL_free(ssl_); }

boost::system::error_code TlsStream::problem_of(int result) {
  const int problem = SSL_get_error(ssl_, result);
  if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) return errors::would_block;
  if (problem == SSL_ERROR_ZERO_RETURN) return errors::eof;
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  foreign_ = problem == SSL_ERROR_SSL && !established_ &&
             (reason == SSL_R_HTTP_REQUEST || reason == SSL_R_WRONG_VERSION_NUMBER);
  broken_ = true;
  return errors::connection_aborted;
}

std::size_t TlsStream::read_some(std::span<char> into, boost::system::error_code& error) {
  ERR_clear_error();
  const int got = SSL_read(ssl_, into.data(), bounded(into.size()));
  read_wants_room_ = got <= 0 && SSL_want_write(ssl_);
  // After an error OpenSSL is no longer sure of it.
  established_ = established_ || SSL_is_init_finished(ssl_) == 1;
  error = got > 0 ? boost::system::error_code() : problem_of(got);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::size_t TlsStream::write_some(std::span<const char> bytes, boost::system::error_code& error) {
  ERR_clear_error();
  const int wrote = SSL_write(ssl_, bytes.data(), bounded(bytes.size()));
  error = wrote > 0 ? boost::system::error_code() : problem_of(wrote);
  return wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
}

void TlsStream::shut_down() {
  if (broken_ || !established_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

bool TlsStream::has_pending() const { return SSL_pending(ssl_) > 0; }

}  // namespace bimip::frontend
