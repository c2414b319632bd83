#include "frontend/node/node.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "frontend/config/server_log.h"
#include "frontend/node/grpc_port.h"
#include "frontend/node/listener.h"
#include "frontend/node/node_metrics.h"
#include "frontend/node/refusal.h"
#include "frontend/node/report_text.h"
#include "frontend/node/security.h"
#include "frontend/node/shard.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/services/broker/broker.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/services/offers/offer_service.h"
#include "frontend/services/registry/session_registry.h"
#include "frontend/services/replies/reply_hub.h"
#include "frontend/session/closed_sessions.h"
#include "frontend/stanza/limits.h"
#include "frontend/transport/grpc/peer_address.h"
#include "frontend/transport/http/http_carrier.h"
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

std::shared_ptr<Session> begin_session(SessionHost& host, Framing framing, Moment now) {
  return std::make_shared<Session>(host, new_session_id(), framing, now);
}

std::unique_ptr<Carrier> speak_stanzas(SessionHost& host, Moment now) {
  return std::make_unique<StreamCarrier>(begin_session(host, Framing::kLength, now));
}

std::unexpected<NodeError> cannot_run(std::string why) {
  return std::unexpected(NodeError{.kind = NodeError::Kind::kCannotRun, .message = std::move(why)});
}

// A device that answers the Ping of every heartbeat stays.
AwarenessService::Options awareness_of(const Settings& settings) {
  const std::chrono::milliseconds lease =
      std::max(settings.awareness_lease, 2 * settings.limits.heartbeat);
  return {.rules = {.lease = lease,
                    .grace = settings.awareness_grace,
                    .recover_within = settings.awareness_recover_within,
                    .coalesce = settings.awareness_coalesce,
                    .counts_above = settings.awareness_counts_above,
                    .entities_max = settings.awareness_entities_max,
                    .relations_max = settings.awareness_relations_max},
          .history = std::chrono::ceil<std::chrono::seconds>(settings.awareness_history),
          .accept_damaged_rules = settings.awareness_accept_damaged_rules};
}

// Each shard has a file, and each core of the node.
std::uint64_t record_bytes_each(const Settings& settings) {
  constexpr std::size_t kCores = 2;
  return settings.record_bytes / (shards_of(settings) + kCores);
}

// Null: nothing is recorded.
struct CoreRecordings {
  std::unique_ptr<CoreRecording> awareness{};
  std::unique_ptr<CoreRecording> offers{};
};

std::expected<std::unique_ptr<CoreRecording>, std::string> record(const Settings& settings,
                                                                  RecordedCore core) {
  return CoreRecording::create(
      recording_file(settings.record, core),
      {.core = core, .began = engine::system_clock().now(), .shards = shards_of(settings)},
      record_bytes_each(settings), [core] {
        log_warning("recording of " + std::string(name_of(core)) +
                    " has ended: record_bytes is reached, or the file cannot be written");
      });
}

// Makes the folder of the whole recording, too.
std::expected<CoreRecordings, std::string> record_cores(const Settings& settings) {
  CoreRecordings recordings;
  if (settings.record.empty()) return recordings;
  if (auto made = make_recording_folder(settings.record); !made)
    return std::unexpected(std::move(made.error()));
  for (const auto& [core, recording] : {std::pair(RecordedCore::kAwareness, &recordings.awareness),
                                        std::pair(RecordedCore::kOffers, &recordings.offers)}) {
    auto created = record(settings, core);
    if (!created) return std::unexpected(std::move(created.error()));
    *recording = std::move(*created);
  }
  return recordings;
}

// The rest is for the bytes on their way.
constexpr double kDrainShareForLeaving = 0.8;

}  // namespace

class Node::Parts {
 public:
  Parts(const Settings& settings, std::unique_ptr<engine::Store> store,
        std::unique_ptr<Broker> broker, std::unique_ptr<InboxService> inboxes,
        std::unique_ptr<SessionRegistry> registry, CoreRecordings recordings,
        std::unique_ptr<AwarenessService> awareness, std::unique_ptr<OfferService> offers)
      : settings_(settings),
        store_(std::move(store)),
        broker_(std::move(broker)),
        inboxes_(std::move(inboxes)),
        registry_(std::move(registry)),
        recordings_(std::move(recordings)),
        awareness_(std::move(awareness)),
        offers_(std::move(offers)) {}

  ~Parts() { stop(); }

  std::expected<void, NodeError> start() {
    auto security = Security::open(
        settings_, {.log = *store_, .clock = engine::system_clock(), .on_changed = [this] {
                      for (const auto& shard : shards_) shard->tick_soon();
                    }});
    if (!security) return cannot_run(std::move(security.error()));
    security_ = std::move(*security);
    const std::size_t shards = shards_of(settings_);
    for (std::size_t i = 0; i < shards; ++i) {
      std::unique_ptr<ShardRecording> recording;
      if (!settings_.record.empty()) {
        auto created = ShardRecording::create(recording_file(settings_.record, i),
                                              {.shard = i,
                                               .began = engine::system_clock().now(),
                                               .checks_tokens = security_->tokens() != nullptr,
                                               .shards = shards},
                                              record_bytes_each(settings_));
        if (!created) return cannot_run(created.error());
        recording = std::move(*created);
      }
      Shard::Parts parts{.log = *store_,
                         .clock = engine::system_clock(),
                         .limits = settings_.limits,
                         .broker = *broker_,
                         .entities = entities_,
                         .inboxes = *inboxes_,
                         .registry = *registry_,
                         .replies = replies_,
                         .awareness = *awareness_,
                         .offers = *offers_,
                         .closed = closed_sessions_,
                         .survey =
                             [this](std::unique_ptr<SessionSurvey> survey) {
                               show_sessions(0, std::move(survey));
                             },
                         .run_blocking =
                             [this](std::move_only_function<void()> work) {
                               boost::asio::post(blocking_, std::move(work));
                             },
                         .run_check =
                             [this](std::move_only_function<void()> work) {
                               security_->run_check(std::move(work));
                             },
                         .tls = security_->tls(),
                         .tokens = security_->tokens(),
                         .recording = std::move(recording),
                         .on_connection_closed = [this] { count_.remove(); },
                         .on_tick = work_of_ticks(i)};
      shards_.push_back(std::make_unique<Shard>(std::move(parts)));
    }
    tcp_ = std::make_unique<Listener>(Listener::Parts{.shards = shards_,
                                                      .count = count_,
                                                      .addresses = addresses_,
                                                      .maker = speak_stanzas,
                                                      .refusal = refusal_in(refusal_in_stanzas)});
    http_ = std::make_unique<Listener>(Listener::Parts{.shards = shards_,
                                                       .count = count_,
                                                       .addresses = addresses_,
                                                       .maker =
                                                           [this](SessionHost& host, Moment now) {
                                                             return std::make_unique<HttpCarrier>(
                                                                 http_service_, host, now);
                                                           },
                                                       .refusal = refusal_in(refusal_in_http)});
    grpc_ = std::make_unique<GrpcPort>(GrpcPort::Parts{.shards = shards_,
                                                       .count = count_,
                                                       .limits = settings_.limits,
                                                       .of_address = address_limits(),
                                                       .host = grpc_host_,
                                                       .refusal = refusal_in(http2_refusal)});
    for (const std::unique_ptr<Shard>& shard : shards_) shard->start();
    boost::asio::post(blocking_, [this] { hold_back_retention(); });
    return {};
  }

  std::expected<Listening, NodeError> listen() {
    Listening listening;
    auto tcp = tcp_->open(*parse_listen_endpoint(settings_.tcp));
    if (!tcp) return cannot_run(std::move(tcp.error()));
    listening.tcp = *tcp;
    if (!settings_.http.empty()) {
      auto http = http_->open(*parse_listen_endpoint(settings_.http));
      if (!http) return cannot_run(std::move(http.error()));
      listening.http = *http;
    }
    if (!settings_.grpc.empty()) {
      auto grpc = grpc_->open(*parse_listen_endpoint(settings_.grpc));
      if (!grpc) return cannot_run(std::move(grpc.error()));
      listening.grpc = *grpc;
    }
    return listening;
  }

  void reload() { security_->reload(); }

  // Each step needs what the next one takes away.
  void stop() {
    if (stopped_ || !grpc_) return;
    stopped_ = true;
    draining_.store(true);
    awareness_->drain();
    tcp_->close();
    grpc_->stop_serving();
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
    http_->close();  // until here it answers who asks whether the node is ready
    grpc_->close();
    for (const std::unique_ptr<Shard>& shard : shards_) shard->close_all().wait();
    boost::asio::post(blocking_, [this] { next_floors_.cancel(); });
    blocking_.join();
    security_->stop_checks();
    broker_->settle();
    inboxes_->settle();
    registry_->settle();
    awareness_->settle();
    offers_->settle();
    store_->close();
    security_->stop();
    for (const std::unique_ptr<Shard>& shard : shards_) shard->stop();
  }

  [[nodiscard]] const engine::Store& store() const { return *store_; }

 private:
  // On the blocking pool's thread, every few seconds until the node drains.
  void hold_back_retention() {
    if (draining_.load()) return;
    broker_->hold_back_retention(*store_, engine::system_clock().now());
    next_floors_.expires_after(limits::kFloorsEvery);
    next_floors_.async_wait([this](const boost::system::error_code& error) {
      if (!error) hold_back_retention();
    });
  }

  // From shard to shard, in their order; and then it comes back to who asked.
  void show_sessions(std::size_t shard, std::unique_ptr<SessionSurvey> survey) {
    shards_[shard]->post([this, shard, survey = std::move(survey)]() mutable {
      shards_[shard]->show_sessions(*survey);
      if (shard + 1 < shards_.size()) return show_sessions(shard + 1, std::move(survey));
      SessionHost& asker = survey->session()->host();
      asker.came_back(*survey.release());
    });
  }

  // What of the whole node's is due goes along with one shard.
  [[nodiscard]] std::function<void(Moment)> work_of_ticks(std::size_t shard) {
    if (shard > 0) return [](Moment) {};
    return [this](Moment now) {
      offers_->on_tick(now.wall);
      registry_->on_tick();
      inboxes_->receipts().on_tick(now.monotonic);
    };
  }

  // On any thread.
  std::optional<PeerSeat> seat(const std::string& address, GrpcPeer peer) {
    // A call is not a connection: how fast they come is not limited by the address.
    auto ticket = addresses_.admit(
        address_of_peer(address), engine::system_clock().monotonic(),
        peer == GrpcPeer::kCall ? AddressLimits::Pacing::kUnpaced : AddressLimits::Pacing::kPaced);
    if (!ticket || !count_.add()) return std::nullopt;
    Shard& shard = *shards_[next_seat_.fetch_add(1) % shards_.size()];
    return PeerSeat{.host = shard, .owner = shard, .ticket = std::move(*ticket)};
  }

  using Refusal = std::function<std::string(std::string_view why)>;
  // Before TLS was agreed on there is no way to say anything.
  [[nodiscard]] Refusal refusal_in(Refusal language) const {
    if (security_->tls() != nullptr) return [](std::string_view) { return std::string(); };
    return language;
  }

  // On any shard's thread.
  [[nodiscard]] HttpPage page(std::string_view path, std::string_view token) const {
    if (path == "/healthz") return {.body = "alive\n"};
    if (path == "/version") return {.body = "bimipd " BIMIP_VERSION "\n"};
    if (path == "/metrics") {
      if (!may_see_metrics(token))
        return {.status = 401,
                .body =
                    "metrics are for operators: say 'Authorization: Bearer TOKEN', or set "
                    "metrics_open\n"};
      return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = metrics()};
    }
    if (path == "/readyz") {
      const std::string_view why = unready();
      if (!why.empty()) return {.status = 503, .body = std::string(why)};
      return {.body = "ready\n"};
    }
    return {.status = 404,
            .body =
                "no such page: there are /healthz, /readyz, /version and /metrics, and at / a "
                "WebSocket for sessions\n"};
  }

  // They count who is there, also who is invisible.
  [[nodiscard]] bool may_see_metrics(std::string_view token) const {
    const TokenService* tokens = security_->tokens();
    if (settings_.metrics_open || tokens == nullptr) return true;
    if (token.empty()) return false;
    const auto grant = tokens->check(token);
    return grant && grant->permissions->is_operator &&
           tokens->standing_of(*grant, {}) == TokenService::Standing::kGood;
  }

  // Why no work should be sent here; empty: it may be.
  [[nodiscard]] std::string_view unready() const {
    if (draining_.load()) return "stopping\n";
    const std::size_t refusing = store_->troubles().size();
    if (refusing == 0) return {};
    std::size_t partitions = 0;
    for (const engine::TopicInfo& topic : store_->list_topics())
      partitions += topic.config.partitions;
    return refusing >= partitions ? "no partition takes appends\n" : std::string_view{};
  }

  [[nodiscard]] std::string metrics() const {
    std::vector<const SessionMetrics*> shards;
    for (const std::unique_ptr<Shard>& shard : shards_) shards.push_back(&shard->metrics());
    return metrics_text({.store = *store_,
                         .broker = *broker_,
                         .registry = *registry_,
                         .awareness = *awareness_,
                         .offers = *offers_,
                         .shards = shards,
                         .connections = count_.open(),
                         .connections_refused = count_.refused(),
                         .refused_addresses = addresses_.refused() + grpc_->refused(),
                         .grpc_ends = grpc_->ends(),
                         .grpc_streams = grpc_->open_streams(),
                         .tls = security_->tls(),
                         .ready = unready().empty()});
  }

  [[nodiscard]] std::uint64_t or_all(std::uint64_t limit) const {
    return limit == 0 ? settings_.limits.connections : limit;
  }

  [[nodiscard]] AddressLimits::Limits address_limits() const {
    return {.connections = or_all(settings_.limits.connections_per_address),
            .connections_per_second = settings_.limits.connection_rate_per_address};
  }

  const Settings settings_;
  std::unique_ptr<engine::Store> store_;
  std::unique_ptr<Broker> broker_;
  std::unique_ptr<InboxService> inboxes_;
  std::unique_ptr<SessionRegistry> registry_;
  CoreRecordings recordings_;
  std::unique_ptr<AwarenessService> awareness_;
  std::unique_ptr<OfferService> offers_;
  boost::asio::thread_pool blocking_{1};
  boost::asio::steady_timer next_floors_{blocking_};
  std::unique_ptr<Security> security_;
  // The shards' peers count in these until they are gone.
  ClosedSessions closed_sessions_{engine::system_clock()};
  ReplyHub replies_;
  EntityCount entities_{or_all(settings_.limits.sessions_per_entity)};
  AddressLimits addresses_{address_limits()};
  std::vector<std::unique_ptr<Shard>> shards_;
  ConnectionCount count_{settings_.limits.connections};
  std::atomic<bool> draining_{false};
  HttpService http_service_{
      .page = [this](std::string_view path, std::string_view token) { return page(path, token); },
      .session = begin_session,
      .origins = words_of(settings_.http_origins)};
  std::atomic<std::size_t> next_seat_{0};
  GrpcHost grpc_host_{
      .seat = [this](const std::string& address, GrpcPeer peer) { return seat(address, peer); },
      .session = begin_session};
  std::unique_ptr<Listener> tcp_;
  std::unique_ptr<Listener> http_;
  std::unique_ptr<GrpcPort> grpc_;
  bool stopped_ = false;
};

Node::Node(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Node::~Node() = default;

std::expected<std::unique_ptr<Node>, NodeError> Node::open(const Settings& settings) {
  engine::Result<std::unique_ptr<engine::Store>> store =
      engine::Store::open({.directory = settings.data_dir,
                           .free_space_floor = settings.free_space_floor,
                           .spare_bytes = settings.spare_space,
                           .scrub = {.bytes_per_second_max = settings.scrub_rate,
                                     .on_finding = [](const engine::ScrubFinding& finding) {
                                       log_warning(finding_line(finding));
                                     }}});
  if (!store) {
    const ErrorCode code = store.error().code;
    const bool machine = code == ErrorCode::kIo || code == ErrorCode::kNoSpace ||
                         code == ErrorCode::kNotFound || code == ErrorCode::kAlreadyExists;
    return std::unexpected(
        NodeError{.kind = machine ? NodeError::Kind::kCannotRun : NodeError::Kind::kRefused,
                  .message = store.error().message});
  }
  auto broker = Broker::open(**store);
  if (!broker) return cannot_run(broker.error().message);
  auto inboxes =
      InboxService::open(**store, words_of(settings.inbox_categories),
                         {.messages_max = settings.inbox_messages_max,
                          .age = std::chrono::ceil<std::chrono::seconds>(settings.inbox_keep)});
  if (!inboxes) return cannot_run(inboxes.error().message);
  auto registry = SessionRegistry::open(**store, engine::system_clock());
  if (!registry) return cannot_run(registry.error().message);
  auto recordings = record_cores(settings);
  if (!recordings) return cannot_run(std::move(recordings.error()));
  AwarenessService::Options options = awareness_of(settings);
  options.tape = recordings->awareness.get();
  options.blocks = &(*inboxes)->blocks();
  auto awareness = AwarenessService::open(**store, engine::system_clock(), options);
  if (!awareness) return cannot_run(awareness.error().message);
  if ((*awareness)->closed_by()) log_warning((*awareness)->closed_by()->message);
  auto offers = OfferService::open(**store, **inboxes, recordings->offers.get());
  if (!offers) return cannot_run(offers.error().message);
  auto parts = std::make_unique<Parts>(
      settings, std::move(*store), std::move(*broker), std::move(*inboxes), std::move(*registry),
      std::move(*recordings), std::move(*awareness), std::move(*offers));
  if (auto started = parts->start(); !started) return std::unexpected(std::move(started.error()));
  return std::unique_ptr<Node>(new Node(std::move(parts)));
}

const engine::StoreReport& Node::report() const { return parts_->store().report(); }
std::vector<engine::TopicInfo> Node::topics() const { return parts_->store().list_topics(); }
std::expected<Listening, NodeError> Node::listen() { return parts_->listen(); }
void Node::reload() { parts_->reload(); }
void Node::stop() { parts_->stop(); }

}  // namespace bimip::frontend
