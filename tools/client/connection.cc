#include "tools/client/connection.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "bimip/v1/stanza.pb.h"
#include "tools/client/tls_client.h"

namespace bimip::client {
namespace {

using engine::ErrorCode;

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kWordsBytesMax = 200;
// Whether the server is there is looked at this often.
constexpr std::chrono::milliseconds kLookEvery{200};

std::unexpected<engine::Error> gone(const std::string& why) {
  return engine::fail(ErrorCode::kIo, why);
}

std::unexpected<engine::Error> gone_with(const std::string& what, int error) {
  return gone(what + ": " + std::strerror(error));
}

int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) ::freeaddrinfo(first);
  }
};

// Waits until the socket's connect() has ended; what became of it.
int outcome_of_connect(int socket, Clock::time_point until) {
  pollfd wait{.fd = socket, .events = POLLOUT, .revents = 0};
  if (::poll(&wait, 1, milliseconds_until(until)) <= 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// What a port that speaks something else says to us in words: in HTTP, since who else may come
// reads that. Empty: nothing of the kind.
std::string words_of(std::string_view bytes) {
  if (!bytes.starts_with("HTTP/1.")) return {};
  const std::size_t body = bytes.find("\r\n\r\n");
  if (body == std::string_view::npos) return {};
  std::string_view words = bytes.substr(body + 4, kWordsBytesMax);
  words = words.substr(0, words.find('\n'));
  return std::ranges::all_of(words, [](char c) { return c >= ' ' && c <= '~'; })
             ? std::string(words)
             : std::string();
}

}  // namespace

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

Result<std::unique_ptr<Connection>> Connection::open(const Endpoint& endpoint,
                                                     const ProducerIdentity& producer,
                                                     std::chrono::milliseconds time) {
  std::unique_ptr<Connection> connection(new Connection());
  const Clock::time_point until = Clock::now() + time;
  connection->endpoint_ = endpoint;
  if (Status done = connection->connect(endpoint, until); !done)
    return std::unexpected(std::move(done.error()));
  if (Status done = connection->encrypt(until); !done)
    return std::unexpected(std::move(done.error()));
  if (Status done = connection->identify(producer, until); !done)
    return std::unexpected(std::move(done.error()));
  return connection;
}

Status Connection::connect(const Endpoint& endpoint, Clock::time_point until) {
  const std::string where = endpoint.host + ":" + std::to_string(endpoint.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  AddressList addresses;
  const int found = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(),
                                  &hints, &addresses.first);
  if (found != 0) return gone(where + ": " + ::gai_strerror(found));
  int error = EHOSTUNREACH;
  for (const addrinfo* at = addresses.first; at != nullptr; at = at->ai_next) {
    const int fd = ::socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return gone_with("socket", errno);
    error = ::connect(fd, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) error = outcome_of_connect(fd, until);
    if (error == 0) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      socket_ = fd;
      return {};
    }
    ::close(fd);
  }
  return gone_with("no server at " + where, error);
}

Status Connection::encrypt(Clock::time_point until) {
  if (!endpoint_.tls) return {};
  auto tls = TlsClient::connect(socket_, endpoint_, until);
  if (!tls) return std::unexpected(std::move(tls.error()));
  tls_ = std::move(*tls);
  return {};
}

void Connection::send(const v1::Stanza& stanza) { frontend::append_frame(output_, stanza); }

Result<Readable> Connection::exchange(std::chrono::milliseconds wait, int also,
                                      const Visit& visit) {
  if (Status sent = send_some(); !sent) return std::unexpected(std::move(sent.error()));
  std::array<pollfd, 2> watched{
      pollfd{.fd = socket_,
             .events = static_cast<short>(unsent() > 0 ? POLLIN | POLLOUT : POLLIN),
             .revents = 0},
      pollfd{.fd = also, .events = POLLIN, .revents = 0}};
  const int ready =
      ::poll(watched.data(), watched.size(), static_cast<int>(std::min(wait, kLookEvery).count()));
  if (ready < 0 && errno != EINTR) return gone_with("poll", errno);
  if (ready <= 0) watched = {};
  if ((watched[0].revents & POLLOUT) != 0) {
    if (Status sent = send_some(); !sent) return std::unexpected(std::move(sent.error()));
  }
  if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
    if (Status received = receive_some(visit); !received)
      return std::unexpected(std::move(received.error()));
  }
  if (Status alive = look_for_life(); !alive) return std::unexpected(std::move(alive.error()));
  return watched[1].revents != 0 ? Readable::kYes : Readable::kNo;
}

Status Connection::send_some() {
  while (unsent() > 0) {
    const std::string_view rest = std::string_view(output_).substr(sent_);
    const ssize_t wrote =
        tls_ ? tls_->send(rest) : ::send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
    // What the server said before it closed is still to be read.
    if (wrote < 0 && (errno == EPIPE || errno == ECONNRESET)) return {};
    if (wrote < 0) return gone_with("send", errno);
    sent_ += static_cast<std::size_t>(wrote);
  }
  output_.clear();
  sent_ = 0;
  return {};
}

Status Connection::receive_some(const Visit& visit) {
  do {
    if (Status received = receive_once(visit); !received) return received;
    // Of what TLS has decrypted poll() knows nothing.
  } while (tls_ && tls_->has_pending());
  return {};
}

Status Connection::receive_once(const Visit& visit) {
  thread_local std::vector<char> input(kReadBytes);
  const ssize_t got = tls_ ? tls_->receive(input) : ::recv(socket_, input.data(), input.size(), 0);
  if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return {};
  if (got < 0) return gone_with("the connection to the server broke", errno);
  if (got == 0) {
    if (goodbye_) return std::unexpected(*goodbye_);
    return gone("the server closed the connection");
  }
  heard();
  v1::Stanza stanza;
  bool sound = true;
  const auto fed =
      frames_.feed(std::as_bytes(std::span(input.data(), static_cast<std::size_t>(got))),
                   [&](engine::Bytes frame) {
                     sound = stanza.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
                     if (!sound) return false;
                     take(stanza, visit);
                     return true;
                   });
  if (!fed || !sound) {
    const std::string words = words_of({input.data(), static_cast<std::size_t>(got)});
    if (words.empty()) return gone("what came from the server is not Bimip");
    return engine::fail(ErrorCode::kInvalidArgument, "the server says: " + words);
  }
  return {};
}

}  // namespace bimip::client
