// A connection that comes back when it is lost.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "tools/client/backoff.h"
#include "tools/client/connection.h"

namespace bimip::client {

// Owner-thread only. `stop` is looked at while waiting; another thread or a signal sets it.
class Link {
 public:
  struct Options {
    Endpoint server;
    ProducerIdentity producer{};
    std::chrono::milliseconds connect_for{0};  // how long the first connection may take to come
    std::chrono::milliseconds reconnect_for{60'000};  // without success, then it gives up
    const std::atomic<bool>& stop;
  };
  explicit Link(Options options);

  [[nodiscard]] bool is_up() const { return connection_ != nullptr; }
  [[nodiscard]] Connection& connection() { return *connection_; }
  // Connects, trying again after a growing wait. kIo: no server in time; kClosed: stop was set;
  // else what the server has against this client.
  [[nodiscard]] Status come_up();
  // The connection is of no more use. What to do: nothing (come_up() again), or fail with the
  // error.
  [[nodiscard]] Status lost(engine::Error error);
  // Something useful happened: the next trouble is a new one.
  void succeeded();
  [[nodiscard]] std::chrono::milliseconds next_wait() { return backoff_.next(); }
  [[nodiscard]] std::uint64_t reconnects() const { return reconnects_; }
  // Called when the connection is lost, and when it is back.
  std::function<void(const std::string&)> on_trouble = [](const std::string&) {};

 private:
  [[nodiscard]] bool may_come_back(const engine::Error& error) const;
  [[nodiscard]] bool sleep(std::chrono::milliseconds time) const;

  Options options_;
  Backoff backoff_;
  std::unique_ptr<Connection> connection_;
  Clock::time_point last_success_ = Clock::now();
  std::chrono::milliseconds retry_after_{};  // as the server asked
  bool was_up_ = false;
  std::uint64_t reconnects_ = 0;
};

}  // namespace bimip::client
