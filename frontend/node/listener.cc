#include "frontend/node/listener.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>

#include "frontend/config/server_log.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

}  // namespace

bool ConnectionCount::add() {
  if (open_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
  remove();
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

Listener::Listener(const std::vector<std::unique_ptr<Shard>>& shards, ConnectionCount& count,
                   Shard::CarrierMaker maker)
    : shards_(shards),
      count_(count),
      maker_(std::move(maker)),
      acceptor_(shards.front()->context()),
      timer_(shards.front()->context()) {}

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
  Shard& shard = *shards_[next_shard_];
  acceptor_.async_accept(shard.context(),
                         [this, &shard](ErrorCode error, Connection::Socket socket) {
                           if (!acceptor_.is_open()) return;
                           if (error) return pause(error);
                           complained_ = false;
                           next_shard_ = (next_shard_ + 1) % shards_.size();
                           on_accepted(shard, std::move(socket));
                           accept();
                         });
}

void Listener::on_accepted(Shard& shard, Connection::Socket socket) {
  if (!count_.add()) {
    log_warning("refused a connection: limits.connections is reached");
    return;
  }
  shard.connect(std::move(socket), maker_);
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
