// A connection's way to gRPC: a pair of sockets, one end of which is gRPC's.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace bimip::frontend {

// Our end. Owner-thread only. Non-blocking.
class ServerPipe {
 public:
  using ErrorCode = boost::system::error_code;
  ~ServerPipe() { *is_open_ = false; }
  ServerPipe(const ServerPipe&) = delete;
  ServerPipe& operator=(const ServerPipe&) = delete;
  // `hand_over` takes gRPC's end, and owns it from then on. Null: there are no descriptors left.
  [[nodiscard]] static std::unique_ptr<ServerPipe> open(boost::asio::io_context& context,
                                                        const std::function<void(int)>& hand_over);

  std::size_t read_some(std::span<char> into, ErrorCode& error);
  std::size_t write_some(std::span<const char> bytes, ErrorCode& error);
  enum class Until : std::uint8_t { kReadable, kWritable };
  // `then` is not called once it is closed.
  void await(Until what, std::function<void()> then);
  // gRPC ends the connection's calls. No handler is called after this.
  void close();
  // gRPC has closed its end as well: nothing of the connection is left in it.
  [[nodiscard]] bool is_left_by_server() const;

 private:
  using Socket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol,
                                                  boost::asio::io_context::executor_type>;
  // A descriptor's number is soon another file's; the file's own number is not.
  struct File {
    dev_t device = 0;
    ino_t number = 0;
    bool operator==(const File&) const = default;
  };
  struct End {
    int descriptor = -1;
    File file{};
  };
  // None of its own where there is no file.
  [[nodiscard]] static File file_of(int descriptor);
  ServerPipe(Socket socket, End servers);

  Socket socket_;
  const End servers_;
  std::shared_ptr<bool> is_open_ = std::make_shared<bool>(true);
};

}  // namespace bimip::frontend
