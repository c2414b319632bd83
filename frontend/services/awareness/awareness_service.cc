#include "frontend/services/awareness/awareness_service.h"

#include <algorithm>
#include <future>
#include <optional>
#include <utility>

#include "frontend/services/awareness/records.h"
#include "frontend/services/own_topic.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::Result;
using engine::Status;

Result<std::unique_ptr<AwarenessService>> AwarenessService::open(engine::Log& log,
                                                                 const engine::Clock& clock,
                                                                 const Options& options) {
  const engine::TopicConfig compacted{.compaction = engine::Compaction::kNewest};
  auto history = find_or_create(log, kHistoryTopic, {.retention_age = options.history});
  if (!history) return engine::fail_at(kHistoryTopic, std::move(history.error()));
  if (history->config.retention_age != options.history) {
    history = log.alter_topic(kHistoryTopic, {.retention_age = options.history});
    if (!history) return engine::fail_at(kHistoryTopic, std::move(history.error()));
  }
  auto states = find_or_create(log, kStatesTopic, compacted);
  if (!states) return engine::fail_at(kStatesTopic, std::move(states.error()));
  auto rules = find_or_create(log, kRulesTopic, compacted);
  if (!rules) return engine::fail_at(kRulesTopic, std::move(rules.error()));
  const Topics topics{.history = *history, .states = *states, .rules = *rules};
  std::unique_ptr<AwarenessService> service(new AwarenessService(log, clock, options, topics));
  if (Status loaded = service->load(topics); !loaded) return std::unexpected(loaded.error());
  if (!options.is_driven) service->thread_ = std::thread([raw = service.get()] { raw->run(); });
  return service;
}

AwarenessService::AwarenessService(engine::Log& log, const engine::Clock& clock,
                                   const Options& options, const Topics& topics)
    : log_(log),
      clock_(clock),
      options_(options),
      trail_({.log = log,
              .history = topics.history.id,
              .states = topics.states.id,
              .in_flight = in_flight_,
              .post =
                  [this](std::move_only_function<void()> work) {
                    post([work = std::move(work)](TapedAwareness&, Moment) mutable { work(); });
                  }}),
      rules_({.log = log,
              .rules = topics.rules.id,
              .in_flight = in_flight_,
              .post = [this](Work work) { post(std::move(work)); },
              .blocks = options.blocks}),
      history_(log, topics.history.id, in_flight_),
      core_(options.rules, options.tape) {}

AwarenessService::~AwarenessService() {
  {
    const engine::MutexLock lock(mutex_);
    stopping_ = true;
  }
  posted_.notify_one();
  if (thread_.joinable()) thread_.join();
  core_.end_tape();
}

Status AwarenessService::load(const Topics& topics) {
  if (Status rules = load_rules(topics.rules.id); !rules)
    return engine::fail_at(kRulesTopic, std::move(rules.error()));
  if (Status states = load_states(topics.states.id); !states)
    return engine::fail_at(kStatesTopic, std::move(states.error()));
  return {};
}

// A rule that was lost may have been one that hides somebody.
Status AwarenessService::load_rules(engine::TopicId topic) {
  Status loaded{};
  const auto visit = [&](const engine::Record& record) {
    if (loaded) loaded = load_rule(record);
  };
  const auto on_damage = [&](const engine::Error& damage) {
    if (options_.accept_damaged_rules || closed_by_) return;
    closed_by_ = engine::Error{
        engine::ErrorCode::kDamaged,
        "awareness is closed: its rules are damaged, so that nobody knows who may see whom (" +
            damage.message + "); with awareness.accept_damaged_rules it does without them"};
  };
  const Status read = read_all_and_wait(log_, topic, visit, on_damage);
  return read ? loaded : read;
}

Status AwarenessService::load_rule(const engine::Record& record) {
  if (record.kind == engine::RecordKind::kTombstone) {
    const std::string_view key = engine::as_text(record.key);
    const std::size_t zero = key.find('\0');
    if (zero == std::string_view::npos) return {};
    return load_relation(std::string(key.substr(1, zero - 1)), std::string(key.substr(zero + 1)),
                         {});
  }
  const auto rule = decode_rule(record.value);
  if (!rule) return {};
  return rule->other.empty() ? core_.load_privacy(rule->eid, rule->privacy)
                             : load_relation(rule->eid, rule->other, rule->relation);
}

Status AwarenessService::load_relation(const std::string& owner, const std::string& other,
                                       const Relation& relation) {
  if (options_.blocks != nullptr)
    options_.blocks->set(owner, other, relation.restriction == Restriction::kBlocked);
  return core_.load_relation(owner, other, relation);
}

Status AwarenessService::load_states(engine::TopicId topic) {
  std::unordered_map<std::string, KeptState> newest;
  engine::Timestamp ended_at{};
  const Status read = read_all_and_wait(log_, topic, [&](const engine::Record& record) {
    ended_at = std::max(ended_at, record.timestamp);
    if (record.kind == engine::RecordKind::kTombstone) {
      newest.erase(std::string(engine::as_text(record.key)));
      return;
    }
    auto state = decode_state(record.value);
    if (state && !state->eid.empty()) newest[state->eid] = std::move(state->state);
  });
  if (!read) return read;
  const Moment at = now();
  for (const auto& [eid, state] : newest) {
    if (options_.history > std::chrono::seconds{} && state.devices.empty() &&
        at.wall - state.published.since > options_.history) {
      trail_.forget(eid);
      continue;
    }
    if (Status loaded = core_.load_state(eid, state, ended_at, at); !loaded) return loaded;
  }
  return {};
}

Moment AwarenessService::now() const {
  return {.monotonic = clock_.monotonic(), .wall = clock_.now()};
}

std::chrono::nanoseconds AwarenessService::heard_at(SeatNumber seat) const {
  const auto found = seats_.find(seat);
  return found == seats_.end() ? std::chrono::nanoseconds{} : found->second->heard_at();
}

void AwarenessService::post(Work work) {
  {
    const engine::MutexLock lock(mutex_);
    work_.push_back(std::move(work));
    if (work_.size() > 1) return;  // it was woken for the first
  }
  posted_.notify_one();
}

SeatNumber AwarenessService::take_seat(std::shared_ptr<AwarenessListener> listener) {
  const SeatNumber seat(last_seat_.fetch_add(1) + 1);
  post([this, seat, listener = std::move(listener)](TapedAwareness&, Moment) mutable {
    seats_.emplace(seat, std::move(listener));
  });
  return seat;
}

void AwarenessService::leave_seat(SeatOf seat, Leaving leaving) {
  post([this, seat = std::move(seat), leaving](TapedAwareness& core, Moment now) {
    core.leave(seat, leaving, now);
    core.unwatch(seat.seat);
    seats_.erase(seat.seat);
  });
}

void AwarenessService::drain() {
  post([this](TapedAwareness& core, Moment now) {
    core.stop_lapsing();
    if (core.numbers().there > 0) trail_.mark_alive(now.wall);
  });
}

void AwarenessService::settle() {
  do {
    in_flight_.wait();
    if (options_.is_driven) {
      while (step()) {
      }
      continue;
    }
    std::promise<void> done;
    post([&done](TapedAwareness&, Moment) { done.set_value(); });
    done.get_future().wait();
  } while (in_flight_.count() > 0);
}

AwarenessService::Numbers AwarenessService::numbers() const {
  const engine::MutexLock lock(mutex_);
  return numbers_;
}

void AwarenessService::run() {
  for (;;) {
    await_work();
    std::vector<Work> all;
    {
      const engine::MutexLock lock(mutex_);
      all.swap(work_);
      if (stopping_ && all.empty()) return;
    }
    do_all(std::move(all));
  }
}

// Or until something is due, or the mark of life is.
void AwarenessService::await_work() {
  const std::chrono::nanoseconds begin = clock_.monotonic();
  std::chrono::nanoseconds wait = limits::kAliveEvery;
  if (const auto due = core_.next_due()) wait = std::min(wait, *due - begin);
  const engine::MutexLock lock(mutex_);
  if (!work_.empty() || stopping_ || wait <= std::chrono::nanoseconds{}) return;
  posted_.wait_for(mutex_, wait);
}

bool AwarenessService::step() {
  std::vector<Work> all;
  {
    const engine::MutexLock lock(mutex_);
    all.swap(work_);
  }
  const auto due = core_.next_due();
  const bool has_work = !all.empty() || (due && *due <= clock_.monotonic());
  do_all(std::move(all));
  return has_work;
}

void AwarenessService::do_all(std::vector<Work> all) {
  core_.advance(now(), *this);
  hand_out();
  for (Work& work : all) {
    work(core_, now());
    hand_out();
  }
  const std::chrono::nanoseconds at = clock_.monotonic();
  const TapedAwareness::Numbers& numbers = core_.numbers();
  if (numbers.there > 0 && at - marked_alive_at_ >= limits::kAliveEvery) {
    marked_alive_at_ = at;
    trail_.mark_alive(clock_.now());
  }
  if (at - tried_again_at_ >= limits::kStatesAgainEvery) {
    tried_again_at_ = at;
    trail_.try_again();
  }
  if (options_.tape != nullptr) options_.tape->flush();
  const engine::MutexLock lock(mutex_);
  static_cast<TapedAwareness::Numbers&>(numbers_) = numbers;
  numbers_.records_refused = trail_.refused().value();
}

void AwarenessService::when_stored(std::string eid, Trail::Done done) {
  stored_waits_.emplace_back(std::move(eid), std::move(done));
}

void AwarenessService::hand_out() {
  trail_.write(core_);
  for (auto& [eid, done] : std::exchange(stored_waits_, {}))
    trail_.when_stored(eid, std::move(done));
  for (Told& told : core_.take_told()) {
    const auto seat = seats_.find(told.seat);
    if (seat != seats_.end()) seat->second->on_told(std::move(told));
  }
}

}  // namespace bimip::frontend
