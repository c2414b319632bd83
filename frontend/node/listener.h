// Accepts connections on one port and spreads them over the shards.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/config/endpoint.h"
#include "frontend/node/shard.h"

namespace bimip::frontend {

// The connections of all of a node's listeners. Thread-safe.
class ConnectionCount {
 public:
  explicit ConnectionCount(std::size_t most) : most_(most) {}
  // False: there are as many as there may be.
  [[nodiscard]] bool add();
  [[nodiscard]] std::uint64_t open() const { return open_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  void remove() { open_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  const std::size_t most_;
  std::atomic<std::size_t> open_{0};
  std::atomic<std::uint64_t> refused_{0};
};

// Runs on the first shard's thread. open() and close() are called by the node.
class Listener {
 public:
  struct Parts {
    const std::vector<std::unique_ptr<Shard>>& shards;
    ConnectionCount& count;
    AddressLimits& addresses;
    // What is spoken on the port ...
    Shard::CarrierMaker maker;
    // ... and what one who cannot be let in is told in it.
    std::function<std::string(std::string_view why)> refusal;
  };
  explicit Listener(Parts parts);

  // Where it listens, or why it cannot.
  [[nodiscard]] std::expected<ListenEndpoint, std::string> open(const ListenEndpoint& asked);
  // Accepts nothing more once the first shard has come to it.
  void close();

 private:
  void accept();
  void on_accepted(Shard& shard, Connection::Socket socket);
  void refuse(Connection::Socket socket, std::string_view why);
  void pause(const boost::system::error_code& error);

  const Parts parts_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  std::size_t next_shard_ = 0;
  std::chrono::nanoseconds complained_of_refusal_{};
  bool complained_ = false;  // of having no descriptors left
};

}  // namespace bimip::frontend
