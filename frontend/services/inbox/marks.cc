#include "frontend/services/inbox/marks.h"

#include <algorithm>
#include <array>
#include <utility>

#include "frontend/services/own_topic.h"

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

std::string encode_value(IncrementId value) {
  std::array<std::byte, sizeof(std::uint64_t)> bytes{};
  engine::store(bytes.data(), value.value());
  return std::string(engine::as_text(bytes));
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
  Append(std::shared_ptr<Mark> mark, std::string key_bytes, IncrementId value)
      : mark_(std::move(mark)), key_bytes_(std::move(key_bytes)), value_(encode_value(value)) {
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
  std::optional<IncrementId> value;
  {
    const engine::MutexLock lock(mutex_);
    value = value_;
    if (!value) {
      knowing_.push_back(std::move(known));
      if (std::exchange(looking_, true)) return;
    }
  }
  if (value) return known(*value);
  auto look = std::make_unique<Look>(shared_from_this(), encode_key(key_));
  look->topic = marks_.topic_.id;
  look->partition = engine::partition_of_key(look->key, marks_.topic_.config.partitions);
  marks_.in_flight_.begun();
  marks_.log_.read_entity(*look.release());
}

void Mark::looked(engine::Result<engine::EntityBatch> result) {
  engine::Result<IncrementId> value = IncrementId(0);
  if (!result && result.error().code != ErrorCode::kNotFound) {
    value = std::unexpected(std::move(result.error()));
  } else if (result && !result->records().empty()) {
    engine::ByteReader reader(result->records().front().value);
    value = IncrementId(reader.read<std::uint64_t>());
    if (!reader.ok() || reader.remaining() > 0)
      value = engine::fail(ErrorCode::kDamaged, "a mark's record is none");
  }
  std::vector<Known> knowing;
  {
    const engine::MutexLock lock(mutex_);
    looking_ = false;
    if (value) value_ = stored_ = on_its_way_to_ = claimed_ = *value;
    knowing.swap(knowing_);
  }
  for (Known& known : knowing) known(value);
  marks_.in_flight_.ended();
}

IncrementId Mark::value() const {
  const engine::MutexLock lock(mutex_);
  return value_.value_or(IncrementId(0));
}

void Mark::advance(IncrementId to, Stored stored) {
  std::unique_ptr<Append> append;
  bool is_stored = false;
  {
    const engine::MutexLock lock(mutex_);
    value_ = std::max(value_.value_or(to), to);
    is_stored = stored_ >= to && !set_back_;
    if (!is_stored) storing_.emplace_back(to, std::move(stored));
    append = next_append();
  }
  if (is_stored) stored({});
  if (append) marks_.log_.append(*append.release());
}

void Mark::set_back(const Step& step) {
  std::unique_ptr<Append> append;
  Waiting waiting;
  {
    const engine::MutexLock lock(mutex_);
    if (value_ != step.from || step.to >= step.from) return;
    value_ = claimed_ = step.to;
    claims_.clear();
    waiting = std::exchange(waiting_, {});
    set_back_ = true;
    append = next_append();
  }
  for (auto& [to, stored] : waiting)
    stored(engine::fail(ErrorCode::kOutOfRange, "the mark was ahead of what there is"));
  if (append) marks_.log_.append(*append.release());
}

// One at a time: what comes meanwhile goes together. No further than what was claimed and is done.
std::unique_ptr<Mark::Append> Mark::next_append() {
  if (on_its_way_ || !value_) return nullptr;
  const IncrementId to =
      claims_.empty() ? *value_ : std::min(*value_, claims_.front().range.first - 1);
  if (stored_ >= to && !set_back_) return nullptr;
  on_its_way_ = true;
  set_back_ = false;
  on_its_way_to_ = to;
  auto append = std::make_unique<Append>(shared_from_this(), encode_key(key_), to);
  append->topic = marks_.topic_.id;
  append->partition =
      engine::partition_of_key(append->records.front().key, marks_.topic_.config.partitions);
  marks_.in_flight_.begun();
  return append;
}

// Those whose number is to be taken; the others stay in order.
template <typename IsTaken>
Mark::Waiting Mark::take_if(Waiting& from, const IsTaken& is_taken) {
  Waiting taken;
  for (auto& one : std::exchange(from, {}))
    (is_taken(one.first) ? taken : from).push_back(std::move(one));
  return taken;
}

void Mark::appended(const engine::Result<engine::Appended>& result) {
  Waiting answered;
  std::unique_ptr<Append> append;
  {
    const engine::MutexLock lock(mutex_);
    on_its_way_ = false;
    if (result) stored_ = on_its_way_to_;
    const IncrementId stored = stored_;
    answered = take_if(storing_, [&](IncrementId to) { return !result || to <= stored; });
    // What was refused is tried again with the next advance.
    if (result) append = next_append();
  }
  const engine::Status status = result ? engine::Status{} : std::unexpected(result.error());
  for (auto& [to, stored] : answered) stored(status);
  if (append) marks_.log_.append(*append.release());
  marks_.in_flight_.ended();
}

std::optional<Mark::Range> Mark::claim(IncrementId to) {
  const engine::MutexLock lock(mutex_);
  claimed_ = std::max(claimed_, value_.value_or(IncrementId(0)));
  if (to <= claimed_) return std::nullopt;
  const Range range{.first = claimed_ + 1, .last = to};
  claims_.push_back({.range = range});
  claimed_ = to;
  return range;
}

// Those that go up to a number in [first, last].
Mark::Waiting Mark::take_waiting(IncrementId first, IncrementId last) {
  return take_if(waiting_, [&](IncrementId to) { return to >= first && to <= last; });
}

void Mark::end_claim(const Range& range, const engine::Status& done) {
  std::optional<IncrementId> to;
  Waiting ended;
  {
    const engine::MutexLock lock(mutex_);
    const auto claim =
        std::ranges::find(claims_, range.first, [](const Claim& one) { return one.range.first; });
    if (claim == claims_.end()) return;  // one in front of it failed, or the mark was set back
    if (!done) {
      claims_.erase(claim, claims_.end());
      claimed_ = std::max(range.first - 1, value_.value_or(IncrementId(0)));
      ended = take_waiting(range.first, IncrementId(UINT64_MAX));
    } else {
      claim->is_done = true;
      for (; !claims_.empty() && claims_.front().is_done; claims_.pop_front())
        to = claims_.front().range.last;
      if (to) ended = take_waiting(IncrementId(0), *to);
    }
  }
  if (to) advance(*to, [](const engine::Status&) {});
  for (auto& [up_to, stored] : ended) {
    if (done) {
      advance(up_to, std::move(stored));
    } else {
      stored(done);
    }
  }
}

void Mark::advance_after_claims(IncrementId to, Stored stored) {
  {
    const engine::MutexLock lock(mutex_);
    if (!claims_.empty() && claims_.front().range.first <= to) {
      waiting_.emplace_back(to, std::move(stored));
      return;
    }
  }
  advance(to, std::move(stored));
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
