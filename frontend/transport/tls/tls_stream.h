// TLS over a socket that somebody else waits for.
#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <span>

struct ssl_st;

namespace bimip::frontend {

// The server's end of one connection. Owner-thread only. Does not own the socket, which is
// non-blocking and outlives it. The handshake happens inside the first reads. OpenSSL writes to a
// socket that the peer has closed as write() does: the process ignores SIGPIPE.
class TlsStream {
 public:
  // Takes the OpenSSL object.
  explicit TlsStream(ssl_st* ssl) : ssl_(ssl) {}
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // As a socket's: would_block when there is nothing, eof at the peer's orderly end.
  std::size_t read_some(std::span<char> into, boost::system::error_code& error);
  std::size_t write_some(std::span<const char> bytes, boost::system::error_code& error);
  // The peer is told that nothing follows, if the socket takes it.
  void shut_down();

  // Bytes were taken from the socket and not yet read: it need not become readable again.
  [[nodiscard]] bool has_pending() const;
  // The last read waits until the socket takes bytes.
  [[nodiscard]] bool read_wants_room() const { return read_wants_room_; }
  // The peer began with something that is no TLS.
  [[nodiscard]] bool is_foreign() const { return foreign_; }
  // Before that nothing can be written.
  [[nodiscard]] bool is_established() const { return established_; }

 private:
  [[nodiscard]] boost::system::error_code problem_of(int result);

  ssl_st* const ssl_;
  bool read_wants_room_ = false;
  bool established_ = false;
  bool foreign_ = false;
  bool broken_ = false;  // no more is to be said over it
};

}  // namespace bimip::frontend
