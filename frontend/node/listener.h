// Accepts connections and spreads them over the shards.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "frontend/config/endpoint.h"
#include "frontend/node/shard.h"

namespace bimip::frontend {

// Runs on the first shard's thread. open() and close() are called by the node; count_closed() is
// thread-safe.
class Listener {
 public:
  Listener(const std::vector<std::unique_ptr<Shard>>& shards, std::size_t connections_max);

  // Where it listens, or why it cannot.
  [[nodiscard]] std::expected<ListenEndpoint, std::string> open(const ListenEndpoint& asked);
  // Accepts nothing more once the first shard has come to it.
  void close();
  void count_closed() { connections_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  void accept();
  void on_accepted(Shard& shard, Connection::Socket socket);
  void pause(const boost::system::error_code& error);

  const std::vector<std::unique_ptr<Shard>>& shards_;
  const std::size_t connections_max_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  std::size_t next_shard_ = 0;
  std::atomic<std::size_t> connections_{0};
  bool complained_ = false;  // of having no descriptors left
};

}  // namespace bimip::frontend
