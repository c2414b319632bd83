#include "frontend/node/listener.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include "engine/base/clock.h"
#include "frontend/config/server_log.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr std::chrono::seconds kComplainEvery{1};

}  // namespace

bool ConnectionCount::add() {
  if (open_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
  remove();
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

Listener::Listener(Parts parts)
    : parts_(std::move(parts)),
      acceptor_(parts_.shards.front()->context()),
      timer_(parts_.shards.front()->context()) {}

std::expected<ListenEndpoint, std::string> Listener::open(const ListenEndpoint& asked) {
  ErrorCode error;
  const boost::asio::ip::address ip = boost::asio::ip::make_address(asked.address, error);
  if (error) return std::unexpected("'" + asked.address + "' is no IP address");
  const tcp::endpoint endpoint(ip, asked.port);
  const auto fail = [&] {
    return std::unexpected("cannot listen on " + text_of(asked) + ": " + error.message());
  };
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return fail();
  const tcp::endpoint local = acceptor_.local_endpoint(error);
  if (error) return fail();
  boost::asio::post(acceptor_.get_executor(), [this] { accept(); });
  return ListenEndpoint{.address = asked.address, .port = local.port()};
}

void Listener::close() {
  boost::asio::post(acceptor_.get_executor(), [this] {
    ErrorCode ignored;
    acceptor_.close(ignored);
    timer_.cancel();
  });
}

void Listener::accept() {
  if (!acceptor_.is_open()) return;
  Shard& shard = *parts_.shards[next_shard_];
  acceptor_.async_accept(shard.context(),
                         [this, &shard](ErrorCode error, Connection::Socket socket) {
                           if (!acceptor_.is_open()) return;
                           if (error) return pause(error);
                           complained_ = false;
                           next_shard_ = (next_shard_ + 1) % parts_.shards.size();
                           on_accepted(shard, std::move(socket));
                           accept();
                         });
}

void Listener::on_accepted(Shard& shard, Connection::Socket socket) {
  ErrorCode error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // gone already
  auto ticket = parts_.addresses.admit(peer.address(), engine::system_clock().monotonic());
  if (!ticket) {
    return refuse(std::move(socket), ticket.error() == AddressLimits::Refusal::kTooMany
                                         ? "limits.connections_per_address is reached"
                                         : "limits.connection_rate_per_address is reached");
  }
  if (!parts_.count.add()) return refuse(std::move(socket), "limits.connections is reached");
  shard.connect(std::move(socket), std::move(*ticket), parts_.maker);
}

// In one write, or not at all: nothing is kept for who is not let in.
void Listener::refuse(Connection::Socket socket, std::string_view why) {
  const std::string refusal = parts_.refusal(why);
  ErrorCode ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(boost::asio::buffer(refusal), ignored);
  socket.shutdown(Connection::Socket::shutdown_send, ignored);
  const auto now = engine::system_clock().monotonic();
  if (now - complained_of_refusal_ < kComplainEvery) return;
  complained_of_refusal_ = now;
  log_warning("refused a connection", {{.name = "why", .value = std::string(why)}});
}

// Out of descriptors, say. Those in use come back; the connections that wait keep waiting.
void Listener::pause(const ErrorCode& error) {
  if (!complained_)
    log_warning("cannot accept a connection", {{.name = "error", .value = error.message()}});
  complained_ = true;
  timer_.expires_after(limits::kAcceptPause);
  timer_.async_wait([this](ErrorCode cancelled) {
    if (!cancelled) accept();
  });
}

}  // namespace bimip::frontend
