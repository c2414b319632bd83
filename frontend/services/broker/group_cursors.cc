#include "frontend/services/broker/group_cursors.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "frontend/services/own_topic.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using engine::ErrorCode;

constexpr engine::PartitionId kPartition(0);
constexpr std::size_t kFixedKeyBytes = 2 * sizeof(std::uint32_t);

// Topic id (4), partition (4), the group's name.
std::string encode_key(const GroupCursorKey& key) {
  std::array<std::byte, kFixedKeyBytes> fixed{};
  engine::store(fixed.data(), key.group.topic.value());
  engine::store(fixed.data() + sizeof(std::uint32_t), key.partition.value());
  return std::string(engine::as_text(fixed)) + key.group.group;
}

std::string encode_offset(engine::Offset offset) {
  std::array<std::byte, sizeof(std::uint64_t)> bytes{};
  engine::store(bytes.data(), offset.value());
  return std::string(engine::as_text(bytes));
}

}  // namespace

// A cursor on its way to the log. Owns itself until it is answered.
class GroupCursors::Append final : public engine::AppendRequest {
 public:
  // Without an offset: the cursor is forgotten.
  Append(GroupCursors& cursors, const GroupCursorKey& key, std::optional<engine::Offset> offset)
      : cursors_(cursors),
        key_(key),
        is_tombstone_(!offset),
        key_bytes_(encode_key(key)),
        value_(offset ? encode_offset(*offset) : std::string()) {
    fields_.key = engine::as_bytes(key_bytes_);
    fields_.value = engine::as_bytes(value_);
    if (is_tombstone_) fields_.kind = engine::RecordKind::kTombstone;
    topic = cursors.topic_;
    partition = kPartition;
    records = {&fields_, 1};
    cursors_.in_flight_.begun();
  }
  void on_appended(engine::Result<engine::Appended> result) override {
    const std::unique_ptr<Append> self(this);
    if (!is_tombstone_)
      cursors_.on_appended(key_, result ? engine::Status{} : std::unexpected(result.error()));
    cursors_.in_flight_.ended();
  }

 private:
  GroupCursors& cursors_;
  const GroupCursorKey key_;
  const bool is_tombstone_;
  const std::string key_bytes_;
  const std::string value_;
  engine::RecordFields fields_;
};

engine::Result<std::unique_ptr<GroupCursors>> GroupCursors::open(engine::Log& log) {
  auto topic = find_or_create(log, kTopic, {});
  if (!topic) return std::unexpected(std::move(topic.error()));
  std::unique_ptr<GroupCursors> cursors(new GroupCursors(log, topic->id));
  if (engine::Status loaded = cursors->load(); !loaded)
    return engine::fail_at(kTopic, std::move(loaded.error()));
  return cursors;
}

// Cursors that are lost mean records that are delivered again; it is no reason not to serve.
engine::Status GroupCursors::load() {
  return read_all_and_wait(log_, topic_, [&](const engine::Record& record) { apply(record); });
}

// What has not the form of a cursor was written by a later program, and is passed over.
void GroupCursors::apply(const engine::Record& record) {
  engine::ByteReader key(record.key);
  const engine::TopicId topic(key.read<std::uint32_t>());
  const engine::PartitionId partition(key.read<std::uint32_t>());
  engine::ByteReader value(record.value);
  const engine::Offset offset(value.read<std::uint64_t>());
  const bool is_tombstone = record.kind == engine::RecordKind::kTombstone;
  if (!key.ok() || (!is_tombstone && (!value.ok() || value.remaining() > 0))) return;
  const GroupCursorKey of{
      .group = {.topic = topic, .group = std::string(engine::as_text(key.rest()))},
      .partition = partition};
  const engine::MutexLock lock(mutex_);
  if (is_tombstone) {
    cursors_.erase(of);
  } else {
    cursors_[of] = {.committed = offset, .stored = offset, .moved_at = record.timestamp};
  }
}

std::optional<engine::Offset> GroupCursors::find(const GroupCursorKey& key) const {
  const engine::MutexLock lock(mutex_);
  const auto found = cursors_.find(key);
  return found == cursors_.end() ? std::nullopt : found->second.committed;
}

engine::Status GroupCursors::reserve(const GroupKey& group, std::uint32_t partitions,
                                     engine::Timestamp now) {
  std::vector<std::unique_ptr<Append>> tombstones;
  {
    const engine::MutexLock lock(mutex_);
    std::vector<GroupCursorKey> missing;
    for (std::uint32_t i = 0; i < partitions; ++i) {
      GroupCursorKey key{.group = group, .partition = engine::PartitionId(i)};
      if (!cursors_.contains(key)) missing.push_back(std::move(key));
    }
    if (cursors_.size() + missing.size() > limits::kGroupCursorsMax) forget_idle(now, tombstones);
    if (cursors_.size() + missing.size() > limits::kGroupCursorsMax)
      return engine::fail(ErrorCode::kBusy, "group_cursors_max is reached");
    for (const GroupCursorKey& key : missing) cursors_[key].moved_at = now;
  }
  for (std::unique_ptr<Append>& append : tombstones) log_.append(*append.release());
  return {};
}

void GroupCursors::forget_idle(engine::Timestamp now,
                               std::vector<std::unique_ptr<Append>>& tombstones) {
  for (auto at = cursors_.begin(); at != cursors_.end();) {
    const Cursor& cursor = at->second;
    if (cursor.on_its_way || now - cursor.moved_at <= limits::kGroupCursorIdleMax) {
      ++at;
      continue;
    }
    if (cursor.stored)
      tombstones.push_back(std::make_unique<Append>(*this, at->first, std::nullopt));
    refused_.erase(at->first);
    at = cursors_.erase(at);
  }
}

void GroupCursors::commit(const GroupCursorKey& key, engine::Offset offset, engine::Timestamp now,
                          Stored stored) {
  std::vector<std::unique_ptr<Append>> appends;
  bool is_stored = false;
  {
    const engine::MutexLock lock(mutex_);
    Cursor& cursor = cursors_[key];
    if (!cursor.committed || *cursor.committed < offset) {
      cursor.committed = offset;
      cursor.moved_at = now;
    } else if (!stored) {
      return;
    }
    is_stored = cursor.stored && *cursor.stored >= offset;
    if (stored && !is_stored) waiting_[key].emplace_back(offset, std::exchange(stored, nullptr));
    refused_.insert(key);
    for (const GroupCursorKey& waiting : refused_) {
      if (auto append = next_append(waiting, cursors_.at(waiting)))
        appends.push_back(std::move(append));
    }
    refused_.clear();
  }
  if (stored) stored({});
  for (std::unique_ptr<Append>& append : appends) log_.append(*append.release());
}

void GroupCursors::set_back(const GroupCursorKey& key, const Step& step, engine::Timestamp now) {
  std::unique_ptr<Append> append;
  {
    const engine::MutexLock lock(mutex_);
    const auto found = cursors_.find(key);
    if (found == cursors_.end() || found->second.committed != step.from || step.to >= step.from)
      return;
    Cursor& cursor = found->second;
    cursor.committed = step.to;
    cursor.stored.reset();
    cursor.moved_at = now;
    append = next_append(key, cursor);
  }
  if (append) log_.append(*append.release());
}

std::unique_ptr<GroupCursors::Append> GroupCursors::next_append(const GroupCursorKey& key,
                                                                Cursor& cursor) {
  if (cursor.on_its_way || cursor.stored == cursor.committed) return nullptr;
  cursor.on_its_way = cursor.committed;
  return std::make_unique<Append>(*this, key, cursor.committed);
}

void GroupCursors::on_appended(const GroupCursorKey& key, const engine::Status& status) {
  std::unique_ptr<Append> next;
  Waiting answered;
  {
    const engine::MutexLock lock(mutex_);
    Cursor& cursor = cursors_.at(key);  // what is on its way is not forgotten
    const std::optional<engine::Offset> offset = std::exchange(cursor.on_its_way, std::nullopt);
    if (status) {
      // One that was set back meanwhile is not where it was on its way to.
      if (offset <= cursor.committed) cursor.stored = offset;
      next = next_append(key, cursor);
    } else {
      refused_.insert(key);
    }
    answered = take_waiting(key, cursor, status);
  }
  for (auto& [offset, stored] : answered) stored(status);
  if (next) log_.append(*next.release());
}

GroupCursors::Waiting GroupCursors::take_waiting(const GroupCursorKey& key, const Cursor& cursor,
                                                 const engine::Status& status) {
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) return {};
  Waiting taken;
  for (auto& one : std::exchange(found->second, {})) {
    (!status || one.first <= cursor.stored ? taken : found->second).push_back(std::move(one));
  }
  if (found->second.empty()) waiting_.erase(found);
  return taken;
}

void GroupCursors::touch(const GroupCursorKey& key, engine::Offset end, engine::Timestamp now) {
  const engine::MutexLock lock(mutex_);
  const auto found = cursors_.find(key);
  if (found != cursors_.end() && found->second.committed && *found->second.committed >= end)
    found->second.moved_at = now;
}

GroupCursors::Floors GroupCursors::floors(engine::Timestamp now) const {
  Floors floors;
  const engine::MutexLock lock(mutex_);
  for (const auto& [key, cursor] : cursors_) {
    if (now - cursor.moved_at > limits::kGroupHoldsFor) continue;
    const engine::Offset at = cursor.committed.value_or(engine::Offset(0));
    const auto [floor, is_new] = floors.try_emplace({key.group.topic, key.partition}, at);
    if (!is_new) floor->second = std::min(floor->second, at);
  }
  return floors;
}

std::size_t GroupCursors::size() const {
  const engine::MutexLock lock(mutex_);
  return cursors_.size();
}

}  // namespace bimip::frontend
