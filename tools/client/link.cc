#include "tools/client/link.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace bimip::client {
namespace {

constexpr std::chrono::milliseconds kConnectWithin{10'000};
constexpr std::chrono::milliseconds kNap{20};

}  // namespace

Link::Link(Options options) : options_(std::move(options)), backoff_(engine::random_id().low) {}

bool Link::may_come_back(const engine::Error& error) const {
  const bool transient =
      error.code == engine::ErrorCode::kIo || error.code == engine::ErrorCode::kBusy;
  const auto patience = was_up_ ? options_.reconnect_for : options_.connect_for;
  return transient && Clock::now() - last_success_ < patience;
}

Status Link::come_up() {
  // Those that lost their connection together do not come back together.
  if (was_up_ && !sleep(std::max(backoff_.next(), std::exchange(retry_after_, {}))))
    return engine::fail(engine::ErrorCode::kClosed, "interrupted");
  while (true) {
    auto connected = Connection::open(options_.server, options_.producer, kConnectWithin);
    if (connected) {
      connection_ = std::move(*connected);
      if (was_up_) {
        ++reconnects_;
        on_trouble("connected again");
      }
      was_up_ = true;
      return {};
    }
    if (!may_come_back(connected.error())) return std::unexpected(std::move(connected.error()));
    if (!sleep(backoff_.next())) return engine::fail(engine::ErrorCode::kClosed, "interrupted");
  }
}

Status Link::lost(engine::Error error) {
  retry_after_ = connection_->retry_after();
  connection_.reset();
  if (!may_come_back(error)) return std::unexpected(std::move(error));
  on_trouble(error.message);
  return {};
}

void Link::succeeded() {
  last_success_ = Clock::now();
  backoff_.reset();
}

// False when it was interrupted.
bool Link::sleep(std::chrono::milliseconds time) const {
  const Clock::time_point until = Clock::now() + time;
  while (Clock::now() < until) {
    if (options_.stop.load()) return false;
    std::this_thread::sleep_for(kNap);
  }
  return !options_.stop.load();
}

}  // namespace bimip::client
