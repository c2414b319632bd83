#include "frontend/transport/grpc/server_pipe.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <utility>

#include "engine/base/assert.h"

namespace bimip::frontend {

ServerPipe::File ServerPipe::file_of(int descriptor) {
  struct stat facts{};
  if (::fstat(descriptor, &facts) != 0) return {};
  return {.device = facts.st_dev, .number = facts.st_ino};
}

std::unique_ptr<ServerPipe> ServerPipe::open(boost::asio::io_context& context,
                                             const std::function<void(int)>& hand_over) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return nullptr;
  const auto [ours, servers] = ends;
  Socket socket(context.get_executor());
  ErrorCode error;
  socket.assign(boost::asio::local::stream_protocol(), ours, error);
  if (!error) socket.non_blocking(true, error);
  if (error) {
    if (!socket.is_open()) ::close(ours);
    ::close(servers);
    return nullptr;
  }
  std::unique_ptr<ServerPipe> pipe(
      new ServerPipe(std::move(socket), {.descriptor = servers, .file = file_of(servers)}));
  hand_over(servers);
  return pipe;
}

ServerPipe::ServerPipe(Socket socket, End servers)
    : socket_(std::move(socket)), servers_(servers) {}

std::size_t ServerPipe::read_some(std::span<char> into, ErrorCode& error) {
  return socket_.read_some(boost::asio::buffer(into.data(), into.size()), error);
}

std::size_t ServerPipe::write_some(std::span<const char> bytes, ErrorCode& error) {
  return socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
}

void ServerPipe::await(Until what, std::function<void()> then) {
  socket_.async_wait(what == Until::kReadable ? Socket::wait_read : Socket::wait_write,
                     [is_open = is_open_, then = std::move(then)](ErrorCode) {
                       if (*is_open) then();
                     });
}

void ServerPipe::close() {
  *is_open_ = false;
  ErrorCode ignored;
  socket_.close(ignored);
}

bool ServerPipe::is_left_by_server() const { return file_of(servers_.descriptor) != servers_.file; }

}  // namespace bimip::frontend
