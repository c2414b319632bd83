// A TCP connection that never blocks.
#pragma once

#include <span>
#include <string_view>

#include "tools/client/heartbeat.h"
#include "tools/client/server_address.h"

namespace bimip::client {

// What is waited for beside a deadline: a descriptor that becomes readable when the program is to
// stop; -1 for none.
struct Patience {
  SteadyTime until;
  int stop_fd = -1;
};

// Thread-compatible. Errors are kIo, and kClosed where the peer ended the connection; after one the
// socket is of no more use.
class Socket {
 public:
  // Tries every address of the host. kIo: nobody is there; kClosed: told to stop.
  [[nodiscard]] static engine::Result<Socket> connect(const ServerAddress& address,
                                                      Patience patience);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  // How many bytes went; 0 when none can for now.
  [[nodiscard]] engine::Result<std::size_t> send(std::string_view bytes);
  // How many bytes came; 0 when none are there for now.
  [[nodiscard]] engine::Result<std::size_t> receive(std::span<char> into);

  // Until there is something to receive, or room to send. False: the time is up.
  enum class For : std::uint8_t { kReceiving, kSending };
  [[nodiscard]] engine::Result<bool> wait(For what, Patience patience) const;

  [[nodiscard]] int fd() const { return fd_; }

 private:
  explicit Socket(int fd) : fd_(fd) {}

  int fd_ = -1;
};

// For poll(2): milliseconds until `time`, rounded up, at least 0.
[[nodiscard]] int milliseconds_until(SteadyTime time);

}  // namespace bimip::client
