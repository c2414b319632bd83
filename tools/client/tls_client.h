// A client's end of TLS over a connected, non-blocking socket.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <span>
#include <string_view>

#include "tools/client/endpoint.h"

struct ssl_st;

namespace bimip::client {

// Owner-thread only. Does not own the socket, which outlives it.
class TlsClient {
 public:
  // Shakes hands and checks that the server is who it should be: its certificate is of one of the
  // authorities, and for the host's name or address. kIo: no answer in time; kInvalidArgument: not
  // to be trusted.
  [[nodiscard]] static Result<std::unique_ptr<TlsClient>> connect(
      int socket, const Endpoint& endpoint, std::chrono::steady_clock::time_point until);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // As send() and recv() of a socket, errno included.
  [[nodiscard]] ssize_t send(std::string_view bytes);
  [[nodiscard]] ssize_t receive(std::span<char> into);
  // Bytes can be received although the socket has none.
  [[nodiscard]] bool has_pending() const;

 private:
  explicit TlsClient(ssl_st* ssl) : ssl_(ssl) {}
  [[nodiscard]] Status shake_hands(int socket, std::chrono::steady_clock::time_point until);
  [[nodiscard]] ssize_t failed(int result) const;

  ssl_st* const ssl_;
};

}  // namespace bimip::client
