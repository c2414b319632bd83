#include "tools/client/socket.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

namespace bimip::client {

using engine::ErrorCode;
using engine::fail;
using engine::Result;

namespace {

std::string words_of(int error) { return std::generic_category().message(error); }

// The error that a finished non-blocking connect left, 0 for none.
int connect_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

int milliseconds_until(SteadyTime time) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      time - std::max(SteadyTime(), std::chrono::steady_clock::now()));
  return static_cast<int>(
      std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Socket> Socket::connect(const ServerAddress& address, Patience patience) {
  const std::string place = "no server at " + text_of(address);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) return fail(ErrorCode::kIo, place + ": " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);

  std::string reason = "no address";
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Socket socket(::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.fd_ < 0) {
      reason = words_of(errno);
      continue;
    }
    const int at_once = 1;
    ::setsockopt(socket.fd_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    int outcome = ::connect(socket.fd_, one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (outcome == EINPROGRESS) {
      Result<bool> is_done = socket.wait(For::kSending, patience);
      if (!is_done) return std::unexpected(std::move(is_done.error()));
      outcome = *is_done ? connect_error(socket.fd_) : ETIMEDOUT;
    }
    if (outcome == 0) return socket;
    reason = words_of(outcome);
  }
  return fail(ErrorCode::kIo, place + ": " + reason);
}

Result<std::size_t> Socket::send(std::string_view bytes) {
  const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
  return fail(ErrorCode::kIo, "the connection broke: " + words_of(errno));
}

Result<std::size_t> Socket::receive(std::span<char> into) {
  const ssize_t received = ::recv(fd_, into.data(), into.size(), 0);
  if (received > 0) return static_cast<std::size_t>(received);
  if (received == 0) return fail(ErrorCode::kClosed, "the server closed the connection");
  if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
  return fail(ErrorCode::kIo, "the connection broke: " + words_of(errno));
}

Result<bool> Socket::wait(For what, Patience patience) const {
  const short events = what == For::kSending ? POLLOUT : POLLIN;
  while (true) {
    std::array<pollfd, 2> fds{{{.fd = fd_, .events = events, .revents = 0},
                               {.fd = patience.stop_fd, .events = POLLIN, .revents = 0}}};
    const int ready = ::poll(fds.data(), fds.size(), milliseconds_until(patience.until));
    if (ready < 0 && errno != EINTR) return fail(ErrorCode::kIo, words_of(errno));
    if (ready > 0 && fds[1].revents != 0) return fail(ErrorCode::kClosed, "interrupted");
    if (ready > 0) return true;
    if (ready == 0) return false;
  }
}

}  // namespace bimip::client
