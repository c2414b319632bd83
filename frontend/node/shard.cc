#include "frontend/node/shard.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "engine/base/random.h"
#include "frontend/config/server_log.h"
#include "frontend/services/registry/session_registry.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::milliseconds kLeavingTick{10};
// A server takes this long to end and begin at least: who is back sooner finds nobody.
constexpr std::chrono::milliseconds kAwayLeast{500};

}  // namespace

// The sessions of a shard that read one partition. Told on the log's thread, tells on the shard's.
class Shard::PartitionWatch final : public engine::Watcher {
 public:
  explicit PartitionWatch(Shard& shard) : shard_(shard) {}

  void on_advanced(engine::TopicId topic, engine::PartitionId partition,
                   engine::Offset visible_end) override {
    topic_ = topic;
    partition_ = partition;
    end_.store(visible_end.value(), std::memory_order_release);
    if (!queued_.exchange(true) && shard_.advances_.put(*this)) engine::wake_after_answers(shard_);
  }

  // On the shard's thread.
  void deliver() {
    queued_.store(false);
    const engine::Offset end(end_.load(std::memory_order_acquire));
    // A session may unwatch meanwhile.
    const std::vector<Session*> readers = readers_;
    for (Session* reader : readers) {
      reader->on_advanced(topic_, partition_, end);
      shard_.mark(*reader);
    }
  }

  void add(Session& session) { readers_.push_back(&session); }
  // One of the session's; how many are left.
  std::size_t remove(Session& session) {
    readers_.erase(std::ranges::find(readers_, &session));
    return readers_.size();
  }

 private:
  friend class Shard;
  friend class Mailbox<PartitionWatch>;
  Shard& shard_;
  engine::TopicId topic_{};
  engine::PartitionId partition_{};
  std::atomic<std::uint64_t> end_{0};
  std::atomic<bool> queued_{false};
  bool abandoned_ = false;         // unwatched while queued: freed when it comes out
  std::vector<Session*> readers_;  // once for each subscription
  PartitionWatch* mail_next_ = nullptr;
};

Shard::Shard(Parts parts)
    : parts_(std::move(parts)),
      tape_(parts_.recording ? &parts_.recording->recorder() : nullptr),
      work_(context_.get_executor()),
      timer_(context_),
      read_buffer_(limits::kReadBytes),
      leaving_timer_(context_) {
  if (tape_ != nullptr) taped_.emplace(*tape_, &parts_.log);
}

Shard::~Shard() { stop(); }

void Shard::start() {
  await_tick();
  thread_ = std::thread([this] { context_.run(); });
}

Moment Shard::now() const {
  return {.monotonic = parts_.clock.monotonic(), .wall = parts_.clock.now()};
}

void Shard::connect(Connection::Socket socket, AddressLimits::Ticket ticket,
                    const CarrierMaker& maker) {
  post([this, &maker, socket = std::move(socket), ticket = std::move(ticket)]() mutable {
    auto connection = std::make_shared<Connection>(*this, std::move(socket), maker(*this, now()),
                                                   std::move(ticket));
    adopt(connection);
    if (parts_.tls != nullptr) connection->encrypt(*parts_.tls);
    connection->start();
  });
}

void Shard::adopt(std::shared_ptr<Peer> peer) {
  if (drained_) peer->on_drain();
  if (peer->outlasts_drain()) ++outlasting_;
  peers_.insert(std::move(peer));
}

void Shard::post(std::move_only_function<void()> work) {
  boost::asio::post(context_, std::move(work));
}

void Shard::on_closed(Peer& peer, Session* session) {
  if (session != nullptr) std::erase(marked_, session);
  if (peer.outlasts_drain()) --outlasting_;
  // Its caller is still inside it: the last owner lets go when that is done.
  const auto at = peers_.find(&peer);
  boost::asio::post(context_, [last = *at] {});
  peers_.erase(at);
  parts_.on_connection_closed();
  check_drained();
}

void Shard::wake() {
  boost::asio::post(context_, [this] { take_mail(); });
}

void Shard::came_back(SessionRequest& request) {
  if (answers_.put(request)) engine::wake_after_answers(*this);
}

void Shard::take_mail() {
  const Moment at = now();
  answers_.take_all([&](SessionRequest& request) {
    const std::unique_ptr<SessionRequest> owned(&request);
    owned->come_back(at);
    mark(*owned->session());
  });
  advances_.take_all([](PartitionWatch& watch) {
    if (watch.abandoned_) {
      delete &watch;
    } else {
      watch.deliver();
    }
  });
  pump_marked();
}

void Shard::mark(Session& session) {
  if (session.peer() == nullptr) return;
  if (marked_.empty() || marked_.back() != &session) marked_.push_back(&session);
}

void Shard::pump_marked() {
  while (!marked_.empty()) {
    Peer* peer = marked_.back()->peer();  // one that closes takes its session out of here
    marked_.pop_back();
    peer->pump();
  }
}

void Shard::run_blocking(std::move_only_function<void()> work) {
  parts_.run_blocking(std::move(work));
}

void Shard::run_check(std::move_only_function<void()> work) { parts_.run_check(std::move(work)); }

engine::Status Shard::watch(Session& session, engine::TopicId topic,
                            engine::PartitionId partition) {
  PartitionWatch*& watch = watches_[{topic, partition}];
  if (watch == nullptr) {
    auto made = std::make_unique<PartitionWatch>(*this);
    if (engine::Status watched = parts_.log.watch(topic, partition, *made); !watched) {
      watches_.erase({topic, partition});
      return watched;
    }
    watch = made.release();
  }
  watch->add(session);
  return {};
}

void Shard::unwatch(Session& session, engine::TopicId topic, engine::PartitionId partition) {
  const auto at = watches_.find({topic, partition});
  PartitionWatch* watch = at->second;
  if (watch->remove(session) > 0) return;
  watches_.erase(at);
  parts_.log.unwatch(topic, partition, *watch);
  if (watch->queued_.load()) {
    watch->abandoned_ = true;
  } else {
    delete watch;
  }
}

void Shard::await_tick() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    // A tick that was due already when it was cancelled comes without an error.
    if (error || stopping_) return;
    tick();
    await_tick();
  });
}

void Shard::tick() {
  const Moment at = now();
  for (const std::shared_ptr<Peer>& peer : all_peers()) peer->on_tick(at);
  parts_.on_tick(at);
  keep_recording();
}

// A recording that has ended is no reason for anything else to end.
void Shard::keep_recording() {
  if (tape_ == nullptr) return;
  tape_->flush();
  if (tape_->is_open() || std::exchange(told_recording_ends_, true)) return;
  log_warning("recording has ended: record_bytes is reached, or the file cannot be written");
}

// However often it is asked for meanwhile, once.
void Shard::tick_soon() {
  if (ticks_soon_.exchange(true)) return;
  boost::asio::post(context_, [this] {
    ticks_soon_.store(false);
    tick();
  });
}

// Some of them may close while the others are told.
std::vector<std::shared_ptr<Peer>> Shard::all_peers() const {
  std::vector<std::shared_ptr<Peer>> all;
  all.reserve(peers_.size());
  all.assign(peers_.begin(), peers_.end());
  return all;
}

void Shard::show_sessions(SessionSurvey& survey) {
  for (const std::shared_ptr<Peer>& peer : all_peers()) {
    Session* const session = peer->session();
    if (session == nullptr) continue;
    survey.visit(*session);
    if (session->is_over()) peer->pump();
  }
}

std::future<void> Shard::drain(const DrainPlan& plan) {
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> when_done = done->get_future();
  boost::asio::post(context_, [this, done, plan] {
    drained_ = std::move(*done);
    say_farewell(plan);
    let_go_due();
    check_drained();
  });
  return when_done;
}

void Shard::say_farewell(const DrainPlan& plan) {
  std::vector<std::shared_ptr<Peer>> all = all_peers();
  std::erase_if(all, [](const auto& peer) { return peer->outlasts_drain(); });
  if (all.empty()) return;
  engine::Random random(engine::random_id().low);
  for (std::size_t i = all.size() - 1; i > 0; --i) std::swap(all[i], all[random.below(i + 1)]);
  const auto count = static_cast<double>(all.size());
  const std::chrono::nanoseconds whole =
      std::min(plan.within, std::chrono::duration_cast<std::chrono::nanoseconds>(
                                std::chrono::duration<double>(count / plan.peers_per_second)));
  const auto whole_ms = std::chrono::ceil<std::chrono::milliseconds>(whole);
  const std::chrono::nanoseconds begin = now().monotonic;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto wait = whole * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(all.size());
    const auto back =
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(whole_ms.count()) + 1));
    all[i]->on_farewell({.leave_within = std::chrono::ceil<std::chrono::milliseconds>(wait),
                         .come_back_after = kAwayLeast + std::chrono::milliseconds(back)});
    all[i]->pump();
    leaving_.push_back({.at = begin + wait, .peer = all[i]});
  }
}

void Shard::let_go_due() {
  const std::chrono::nanoseconds at = now().monotonic;
  while (!leaving_.empty() && leaving_.front().at <= at) {
    const std::shared_ptr<Peer> peer = std::move(leaving_.front().peer);
    leaving_.pop_front();
    peer->on_drain();
    peer->pump();
  }
  if (leaving_.empty()) return;
  leaving_timer_.expires_after(kLeavingTick);
  leaving_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopping_) let_go_due();
  });
}

void Shard::check_drained() {
  if (!drained_ || peers_.size() > outlasting_ || drained_told_) return;
  drained_told_ = true;
  drained_->set_value();
}

std::future<void> Shard::close_all() {
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> when_done = done->get_future();
  boost::asio::post(context_, [this, done] {
    while (!peers_.empty()) {
      const std::shared_ptr<Peer> peer = *peers_.begin();
      peer->close();
    }
    done->set_value();
  });
  return when_done;
}

void Shard::stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(context_, [this] {
    stopping_ = true;
    timer_.cancel();
    leaving_timer_.cancel();
    work_.reset();
  });
  thread_.join();
  take_mail();
  if (tape_ != nullptr) tape_->finish();
}

}  // namespace bimip::frontend
