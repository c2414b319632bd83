#include "frontend/services/inbox/marks.h"

#include <algorithm>
#include <array>
#include <utility>

#include "frontend/services/own_topic.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;

namespace {

// Kind (1), category's topic id (4), the length of the entity's name (2), that name, and for a
// cursor the device's.
std::string encode_key(const MarkKey& key) {
  std::array<std::byte, 1 + sizeof(std::uint32_t) + sizeof(std::uint16_t)> fixed{};
  fixed[0] = static_cast<std::byte>(key.kind);
  engine::store(fixed.data() + 1, key.category.value());
  engine::store(fixed.data() + 1 + sizeof(std::uint32_t),
                static_cast<std::uint16_t>(key.eid.size()));
  std::string text = std::string(engine::as_text(fixed)) + key.eid;
  if (key.kind == MarkKind::kCursor) text += key.device;
  return text;
}

}  // namespace

// Reads the mark's newest record. Owns itself until it is answered.
class Mark::Look final : public engine::EntityReadRequest {
 public:
  Look(std::shared_ptr<Mark> mark, std::string key_bytes)
      : mark_(std::move(mark)), key_bytes_(std::move(key_bytes)) {
    key = engine::as_bytes(key_bytes_);
    order = engine::EntityOrder::kNewestFirst;
    records_max = 1;
  }
  void on_entity_read(engine::Result<engine::EntityBatch> result) override {
    const std::unique_ptr<Look> self(this);
    mark_->looked(std::move(result));
  }

 private:
  const std::shared_ptr<Mark> mark_;
  const std::string key_bytes_;
};

// A value on its way to the log. Owns itself until it is answered.
class Mark::Append final : public engine::AppendRequest {
 public:
  Append(std::shared_ptr<Mark> mark, std::string key_bytes, const Increments& value)
      : mark_(std::move(mark)), key_bytes_(std::move(key_bytes)), value_(value.encode()) {
    fields_.key = engine::as_bytes(key_bytes_);
    fields_.value = engine::as_bytes(value_);
    records = {&fields_, 1};
  }
  void on_appended(engine::Result<engine::Appended> result) override {
    const std::unique_ptr<Append> self(this);
    mark_->appended(result);
  }

 private:
  const std::shared_ptr<Mark> mark_;
  const std::string key_bytes_;
  const std::string value_;
  engine::RecordFields fields_{};
};

Mark::~Mark() { marks_.forget(key_); }

void Mark::when_known(Known known) {
  bool is_known = false;
  {
    const engine::MutexLock lock(mutex_);
    is_known = value_.has_value();
    if (!is_known) {
      knowing_.push_back(std::move(known));
      if (std::exchange(looking_, true)) return;
    }
  }
  if (is_known) return known({});
  auto look = std::make_unique<Look>(shared_from_this(), encode_key(key_));
  look->topic = marks_.topic_.id;
  look->partition = engine::partition_of_key(look->key, marks_.topic_.config.partitions);
  marks_.in_flight_.begun();
  marks_.log_.read_entity(*look.release());
}

void Mark::looked(engine::Result<engine::EntityBatch> result) {
  engine::Result<Increments> value{};
  if (!result && result.error().code != ErrorCode::kNotFound) {
    value = std::unexpected(std::move(result.error()));
  } else if (result && !result->records().empty()) {
    value = Increments::decode(result->records().front().value);
  }
  std::vector<Known> knowing;
  {
    const engine::MutexLock lock(mutex_);
    looking_ = false;
    if (value) value_ = stored_ = claimed_ = *value;
    knowing.swap(knowing_);
  }
  const engine::Status status = value ? engine::Status{} : std::unexpected(value.error());
  for (Known& known : knowing) known(status);
  marks_.in_flight_.ended();
}

Increments Mark::increments() const {
  const engine::MutexLock lock(mutex_);
  return value_.value_or(Increments());
}

IncrementId Mark::up_to() const {
  const engine::MutexLock lock(mutex_);
  return value_ ? value_->up_to() : IncrementId(0);
}

IncrementId Mark::prefix() const {
  const engine::MutexLock lock(mutex_);
  return value_ ? value_->prefix() : IncrementId(0);
}

void Mark::advance(const Range& range, Stored stored) {
  std::unique_ptr<Append> append;
  Waiting answered;
  {
    const engine::MutexLock lock(mutex_);
    const Increments before = value_.value_or(Increments());
    value_ = before;
    value_->pass(range.last);
    value_->add(range);
    bound();
    if (*value_ != before) ++changes_;
    claimed_.pass(range.last);
    claimed_.add(range);
    storing_.push_back({.to = range.last, .change = changes_, .stored = std::move(stored)});
    append = next_append();
    answered = take_stored();
  }
  for (Waits& one : answered) one.stored({});
  if (append) marks_.log_.append(*append.release());
}

// A cursor rather knows less of what its device has; authors are rather told too little.
void Mark::bound() {
  if (key_.kind == MarkKind::kCursor) {
    for (Increments* const all : {&*value_, &claimed_}) {
      while (all->holes().size() > limits::kInboxHolesMax) all->join_closest_holes();
    }
    return;
  }
  while (claimed_.holes().size() > limits::kInboxHolesMax) {
    const Range hole = claimed_.smallest_hole();
    claimed_.add(hole);
    value_->add(hole);
  }
}

void Mark::set_back(const Step& step) {
  std::unique_ptr<Append> append;
  Waiting waiting;
  {
    const engine::MutexLock lock(mutex_);
    if (!value_ || value_->up_to() != step.from || step.to >= step.from) return;
    value_->set_back(step.to);
    ++changes_;
    claimed_ = *value_;
    claims_.clear();
    waiting = std::exchange(waiting_, {});
    append = next_append();
  }
  for (Waits& one : waiting)
    one.stored(engine::fail(ErrorCode::kOutOfRange, "the mark was ahead of what there is"));
  if (append) marks_.log_.append(*append.release());
}

// Without what is claimed and not done. It goes no further than that, so that a device whose author
// was not told has those messages again after a restart; but never back.
Increments Mark::storable() const {
  Increments all = *value_;
  for (const Range& claim : claims_) {
    if (claim.first > stored_.up_to()) {
      all.set_back(claim.first - 1);
    } else {
      all.take_out(claim);
    }
  }
  return all;
}

// One at a time: what comes meanwhile goes together.
std::unique_ptr<Mark::Append> Mark::next_append() {
  if (on_its_way_ || !value_) return nullptr;
  Increments next = storable();
  if (next == stored_) {
    changes_stored_ = changes_;
    return nullptr;
  }
  on_its_way_ = true;
  changes_on_their_way_ = changes_;
  auto append = std::make_unique<Append>(shared_from_this(), encode_key(key_), next);
  on_its_way_to_ = std::move(next);
  append->topic = marks_.topic_.id;
  append->partition =
      engine::partition_of_key(append->records.front().key, marks_.topic_.config.partitions);
  marks_.in_flight_.begun();
  return append;
}

// The others stay in order.
template <typename IsTaken>
Mark::Waiting Mark::take_if(Waiting& from, const IsTaken& is_taken) {
  Waiting taken;
  for (Waits& one : std::exchange(from, {}))
    (is_taken(one) ? taken : from).push_back(std::move(one));
  return taken;
}

bool Mark::is_claimed_up_to(IncrementId to) const {
  return std::ranges::any_of(claims_, [&](const Range& claim) { return claim.first <= to; });
}

Mark::Waiting Mark::take_stored() {
  return take_if(storing_, [&](const Waits& one) NO_THREAD_SAFETY_ANALYSIS {
    return one.change <= changes_stored_ && !is_claimed_up_to(one.to);
  });
}

void Mark::appended(const engine::Result<engine::Appended>& result) {
  Waiting answered;
  std::unique_ptr<Append> append;
  {
    const engine::MutexLock lock(mutex_);
    on_its_way_ = false;
    // What was refused is tried again with the next advance.
    if (result) {
      stored_ = std::move(on_its_way_to_);
      changes_stored_ = changes_on_their_way_;
      append = next_append();
      answered = take_stored();
    } else {
      answered = std::exchange(storing_, {});
    }
  }
  const engine::Status status = result ? engine::Status{} : std::unexpected(result.error());
  for (Waits& one : answered) one.stored(status);
  if (append) marks_.log_.append(*append.release());
  marks_.in_flight_.ended();
}

Mark::Ranges Mark::claim(const Ranges& wanted) {
  const engine::MutexLock lock(mutex_);
  Ranges left;
  for (const Range& range : wanted) {
    for (const Range& free : claimed_.missing(range)) left.push_back(free);
  }
  for (const Range& range : left) {
    claims_.push_back(range);
    claimed_.pass(range.last);
    claimed_.add(range);
  }
  if (value_ && key_.kind != MarkKind::kCursor) bound();
  return left;
}

void Mark::end_claim(const Range& range, const engine::Status& done) {
  Waiting ended;
  Waiting answered;
  std::unique_ptr<Append> append;
  {
    const engine::MutexLock lock(mutex_);
    const auto claim = std::ranges::find(claims_, range);
    if (claim == claims_.end()) return;  // the mark was set back
    claims_.erase(claim);
    ++changes_;
    if (done) {
      value_->pass(range.last);
      value_->add(range);
    } else {
      claimed_.take_out(range);
      for (const Range& part : value_->parts()) claimed_.add(part);
    }
    // What waits for the log to have it waits for what this claim has kept out of it.
    for (Waits& one : storing_) {
      if (one.to >= range.first) one.change = changes_;
    }
    ended = take_if(waiting_, [&](const Waits& one) NO_THREAD_SAFETY_ANALYSIS {
      return done ? !is_claimed_up_to(one.to) : one.to >= range.first;
    });
    append = next_append();
    answered = take_stored();
  }
  for (Waits& one : answered) one.stored({});
  if (append) marks_.log_.append(*append.release());
  for (Waits& one : ended) {
    if (done) {
      advance({.first = IncrementId(1), .last = one.to}, std::move(one.stored));
    } else {
      one.stored(done);
    }
  }
}

void Mark::advance_after_claims(IncrementId to, Stored stored) {
  {
    const engine::MutexLock lock(mutex_);
    if (is_claimed_up_to(to)) {
      waiting_.push_back({.to = to, .stored = std::move(stored)});
      return;
    }
  }
  advance({.first = IncrementId(1), .last = to}, std::move(stored));
}

engine::Result<std::unique_ptr<Marks>> Marks::open(engine::Log& log) {
  auto topic = find_or_create(log, kTopic, {.compaction = engine::Compaction::kNewest});
  if (!topic) return std::unexpected(std::move(topic.error()));
  return std::unique_ptr<Marks>(new Marks(log, *topic));
}

std::shared_ptr<Mark> Marks::of(const MarkKey& key) {
  const engine::MutexLock lock(mutex_);
  std::weak_ptr<Mark>& held = held_[key];
  if (std::shared_ptr<Mark> mark = held.lock()) return mark;
  auto mark = std::make_shared<Mark>(*this, key);
  held = mark;
  return mark;
}

// Another one of the same key may be there already.
void Marks::forget(const MarkKey& key) {
  const engine::MutexLock lock(mutex_);
  const auto at = held_.find(key);
  if (at != held_.end() && at->second.expired()) held_.erase(at);
}

}  // namespace bimip::frontend
