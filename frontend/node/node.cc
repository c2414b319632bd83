#include "frontend/node/node.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "frontend/node/listener.h"
#include "frontend/node/security.h"
#include "frontend/node/shard.h"
#include "frontend/transport/stream_carrier.h"

namespace bimip::frontend {

using engine::ErrorCode;

namespace {

constexpr std::size_t kShardsMax = 16;  // of those that were not asked for by number

std::size_t shards_of(const Settings& settings) {
  if (settings.shards > 0) return settings.shards;
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kShardsMax);
}

// Fifteen of 62 characters: 89 random bits, and as much as a string holds without memory of its
// own.
std::string new_session_id() {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  constexpr std::size_t kLength = 15;
  engine::Id128 id = engine::random_id();
  std::string text;
  while (text.size() < kLength) {
    std::uint64_t& half = text.size() < kLength / 2 ? id.high : id.low;
    text.push_back(kDigits[half % kDigits.size()]);
    half /= kDigits.size();
  }
  return text;
}

std::unique_ptr<Carrier> speak_stanzas(SessionHost& host, Moment now) {
  return std::make_unique<StreamCarrier>(
      std::make_shared<Session>(host, new_session_id(), Framing::kLength, now));
}

// As the first thing on a connection that will not be one.
std::string refusal_in_stanzas(std::string_view why) {
  Outbox outbox(Framing::kLength, limits::kFrameBytesMax);
  engine::Random random(engine::random_id().low);
  const auto wait = std::chrono::milliseconds(limits::kComeBackAfter);
  const auto more =
      static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(wait.count())));
  outbox.send_goodbye(Code::kResourceExhausted, why, wait + std::chrono::milliseconds(more));
  return outbox.take();
}

// The rest is for the bytes on their way.
constexpr double kDrainShareForLeaving = 0.8;

}  // namespace

class Node::Parts {
 public:
  Parts(const Settings& settings, std::unique_ptr<engine::Store> store)
      : settings_(settings), store_(std::move(store)) {}

  ~Parts() { stop(); }

  std::expected<void, NodeError> start() {
    auto security = Security::open(
        settings_, {.log = *store_, .clock = engine::system_clock(), .on_changed = [this] {
                      for (const auto& shard : shards_) shard->tick_soon();
                    }});
    if (!security)
      return std::unexpected(
          NodeError{.kind = NodeError::Kind::kCannotRun, .message = std::move(security.error())});
    security_ = std::move(*security);
    for (std::size_t i = 0; i < shards_of(settings_); ++i) {
      shards_.push_back(std::make_unique<Shard>(
          Shard::Parts{.log = *store_,
                       .clock = engine::system_clock(),
                       .limits = settings_.limits,
                       .entities = entities_,
                       .run_blocking =
                           [this](std::move_only_function<void()> work) {
                             boost::asio::post(blocking_, std::move(work));
                           },
                       .run_check =
                           [this](std::move_only_function<void()> work) {
                             security_->run_check(std::move(work));
                           },
                       .tokens = security_->tokens(),
                       .on_connection_closed = [this] { count_.remove(); }}));
    }
    listener_ = std::make_unique<Listener>(Listener::Parts{.shards = shards_,
                                                           .count = count_,
                                                           .addresses = addresses_,
                                                           .maker = speak_stanzas,
                                                           .refusal = refusal_in_stanzas});
    for (const std::unique_ptr<Shard>& shard : shards_) shard->start();
    return {};
  }

  std::expected<ListenEndpoint, NodeError> listen() {
    auto local = listener_->open(*parse_listen_endpoint(settings_.tcp));
    if (!local)
      return std::unexpected(
          NodeError{.kind = NodeError::Kind::kCannotRun, .message = std::move(local.error())});
    return *local;
  }

  void reload() { security_->reload(); }

  // Each step needs what the next one takes away.
  void stop() {
    if (stopped_ || !listener_) return;
    stopped_ = true;
    listener_->close();
    std::vector<std::future<void>> drained;
    const std::chrono::nanoseconds within = settings_.limits.drain_within;
    const Shard::DrainPlan plan{
        .peers_per_second =
            static_cast<double>(settings_.limits.drain_rate) / static_cast<double>(shards_.size()),
        .within =
            std::chrono::duration_cast<std::chrono::nanoseconds>(within * kDrainShareForLeaving)};
    for (const std::unique_ptr<Shard>& shard : shards_) drained.push_back(shard->drain(plan));
    const auto until = std::chrono::steady_clock::now() + within;
    for (const std::future<void>& shard : drained) shard.wait_until(until);
    for (const std::unique_ptr<Shard>& shard : shards_) shard->close_all().wait();
    blocking_.join();
    security_->stop_checks();
    store_->close();
    security_->stop();
    for (const std::unique_ptr<Shard>& shard : shards_) shard->stop();
  }

  [[nodiscard]] const engine::Store& store() const { return *store_; }

 private:
  const Settings settings_;
  std::unique_ptr<engine::Store> store_;
  boost::asio::thread_pool blocking_{1};
  std::unique_ptr<Security> security_;
  // The shards' peers count in these until they are gone.
  EntityCount entities_{settings_.limits.sessions_per_entity};
  AddressLimits addresses_{
      {.connections = settings_.limits.connections_per_address,
       .connections_per_second = settings_.limits.connection_rate_per_address}};
  std::vector<std::unique_ptr<Shard>> shards_;
  ConnectionCount count_{settings_.limits.connections};
  std::unique_ptr<Listener> listener_;
  bool stopped_ = false;
};

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() = default;

std::expected<std::unique_ptr<Node>, NodeError> Node::open(const Settings& settings) {
  engine::Result<std::unique_ptr<engine::Store>> store =
      engine::Store::open({.directory = settings.data_dir,
                           .free_space_floor = settings.free_space_floor,
                           .spare_bytes = settings.spare_space});
  if (!store) {
    const ErrorCode code = store.error().code;
    const bool machine = code == ErrorCode::kIo || code == ErrorCode::kNoSpace ||
                         code == ErrorCode::kNotFound || code == ErrorCode::kAlreadyExists;
    return std::unexpected(
        NodeError{.kind = machine ? NodeError::Kind::kCannotRun : NodeError::Kind::kRefused,
                  .message = store.error().message});
  }
  auto parts = std::make_unique<Parts>(settings, std::move(*store));
  if (auto started = parts->start(); !started) return std::unexpected(std::move(started.error()));
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

const engine::StoreReport& Node::report() const { return parts_->store().report(); }
std::vector<engine::TopicInfo> Node::topics() const { return parts_->store().list_topics(); }
std::expected<ListenEndpoint, NodeError> Node::listen() { return parts_->listen(); }
void Node::reload() { parts_->reload(); }
void Node::stop() { parts_->stop(); }

}  // namespace bimip::frontend
