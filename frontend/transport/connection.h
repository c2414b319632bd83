// A TCP connection: moves bytes between a socket and what is spoken on it, and nothing else.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "frontend/session/peer.h"
#include "frontend/transport/address_limits.h"
#include "frontend/transport/carrier.h"
#include "frontend/transport/handler_memory.h"
#include "frontend/transport/peer_owner.h"
#include "frontend/transport/tls/tls_context.h"
#include "frontend/transport/tls/tls_stream.h"

namespace bimip::frontend {

// On its owner's thread only. Idle it holds neither buffer nor timer. A peer that takes
// nothing for the write-stall limit is closed.
class Connection final : public Peer, public std::enable_shared_from_this<Connection> {
 public:
  // Of the one kind of executor there is: the usual socket's any-executor is 48 bytes larger.
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;
  Connection(PeerOwner& owner, Socket socket, std::unique_ptr<Carrier> carrier,
             AddressLimits::Ticket ticket);

  // Before start(): all goes over TLS.
  void encrypt(const TlsContext& tls);
  void start();
  void pump() override;
  void on_tick(Moment now) override;
  void on_farewell(const Farewell& farewell) override { carrier_->on_farewell(farewell); }
  void on_drain() override;
  [[nodiscard]] bool outlasts_drain() const override { return carrier_->outlasts_drain(); }
  // Keeps its place until its carrier is left; not when it is called again.
  void close() override;
  [[nodiscard]] Session* session() const override { return carrier_->session(); }
  [[nodiscard]] PeerFacts facts() const override;

 private:
  void await_input();
  void on_readable();
  void carry(std::unique_ptr<Carrier> carrier);
  [[nodiscard]] std::size_t read_some(std::span<char> into, boost::system::error_code& error);
  [[nodiscard]] std::size_t write_some(std::span<const char> bytes,
                                       boost::system::error_code& error);
  void send_some();
  void await_room();
  [[nodiscard]] bool has_stalled(Moment now);
  void close_socket();
  void leave();

  PeerOwner& owner_;
  Socket socket_;
  const AddressLimits::Ticket ticket_;
  std::unique_ptr<Carrier> carrier_;
  std::unique_ptr<TlsStream> tls_;  // null: plain
  struct Sending {
    std::string bytes{};
    std::size_t sent = 0;
    std::chrono::nanoseconds last_progress{};
    int queued = 0;  // in the socket, not acknowledged by the peer, at the last tick
  };
  std::unique_ptr<Sending> sending_;  // on its way into the socket
  HandlerMemory wait_;                // for input: it waits nearly always
  bool reading_ = false;
  bool writing_ = false;
  bool draining_ = false;
  bool closed_ = false;
  bool left_ = false;  // its owner has forgotten it
};

}  // namespace bimip::frontend
