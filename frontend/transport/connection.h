// A TCP connection: moves bytes between a socket and its session, and nothing else.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "frontend/session/session.h"
#include "frontend/stanza/framing.h"

namespace bimip::frontend {

class Connection;

// What a connection needs of its thread. Outlives it.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  [[nodiscard]] virtual Moment now() const = 0;
  [[nodiscard]] virtual std::chrono::nanoseconds write_stall() const = 0;
  // Scratch to read into, shared by the thread's connections.
  [[nodiscard]] virtual std::span<char> read_buffer() = 0;
  // The connection is closed; forgets it.
  virtual void on_closed(Connection& connection) = 0;
};

// On its owner's thread only. Between frames it holds no buffer.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  Connection(ConnectionOwner& owner, Socket socket, std::shared_ptr<Session> session);

  void start();
  // Sends what the session has; reads when it may; closes when it is over. To be called after
  // anything happened to the session.
  void pump();
  // A few times a second: closes a socket that takes nothing.
  void on_tick(Moment now);
  void close();

  [[nodiscard]] Session& session() { return *session_; }

 private:
  void await_input();
  void on_readable();
  void on_bytes(std::span<const char> bytes);
  void refuse_in_words();
  void send_some();
  void await_room();

  ConnectionOwner& owner_;
  Socket socket_;
  const std::shared_ptr<Session> session_;
  FrameReader frames_{FrameReader::Begin::kWithPreface};
  std::string sending_;
  std::size_t sent_ = 0;  // of sending_
  std::chrono::nanoseconds last_progress_{};
  bool reading_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace bimip::frontend
