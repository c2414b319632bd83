#include "frontend/services/broker/broker.h"

#include <utility>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

engine::Result<std::unique_ptr<Broker>> Broker::open(engine::Log& log) {
  auto cursors = GroupCursors::open(log);
  if (!cursors) return std::unexpected(std::move(cursors.error()));
  return std::unique_ptr<Broker>(new Broker(std::move(*cursors)));
}

engine::Result<MemberId> Broker::join(const Joining& joining) {
  const GroupKey& key = joining.key;
  const engine::MutexLock lock(mutex_);
  if (engine::Status room = cursors_->reserve(key, joining.partitions, joining.now); !room)
    return std::unexpected(std::move(room.error()));
  auto live = groups_.find(key);
  if (live == groups_.end()) {
    if (groups_.size() >= limits::kGroupsMax)
      return engine::fail(ErrorCode::kBusy, "groups_max is reached");
    live = groups_.emplace(key, LiveGroup{.group = Group(joining.partitions)}).first;
  }
  const MemberId id{++last_member_};
  live->second.members.emplace(id, &joining.member);
  ++rebalances_;
  tell(key, live->second, live->second.group.join(id));
  return id;
}

void Broker::leave(const GroupKey& key, MemberId member, std::vector<HandedBack> handed_back,
                   engine::Timestamp now) {
  const engine::MutexLock lock(mutex_);
  const auto live = groups_.find(key);
  if (live == groups_.end() || live->second.members.erase(member) == 0) return;
  for (HandedBack& one : handed_back) {
    if (live->second.group.owner_of(one.partition.value()) == member)
      take_back(key, live->second, std::move(one), now);
  }
  ++rebalances_;
  tell(key, live->second, live->second.group.leave(member));
  // What nobody acknowledged is counted for as long as the group may come back to it.
  if (live->second.group.is_empty() && live->second.attempts.empty()) groups_.erase(live);
}

void Broker::let_go(const GroupKey& key, MemberId member, HandedBack handed_back,
                    engine::Timestamp now) {
  const engine::MutexLock lock(mutex_);
  const auto live = groups_.find(key);
  if (live == groups_.end() || !live->second.members.contains(member)) return;
  const std::uint32_t partition = handed_back.partition.value();
  if (live->second.group.owner_of(partition) != member) return;
  take_back(key, live->second, std::move(handed_back), now);
  tell(key, live->second, live->second.group.let_go(member, partition));
}

void Broker::commit(const GroupKey& key, engine::PartitionId partition, engine::Offset offset,
                    engine::Timestamp now, GroupCursors::Stored stored) {
  cursors_->commit({.group = key, .partition = partition}, offset, now, std::move(stored));
}

void Broker::set_back(const GroupKey& key, engine::PartitionId partition,
                      const GroupCursors::Step& step, engine::Timestamp now) {
  cursors_->set_back({.group = key, .partition = partition}, step, now);
}

void Broker::hold_back_retention(engine::Log& log, engine::Timestamp now) {
  std::vector<engine::TopicInfo> topics = log.list_topics();
  std::erase_if(topics, [](const engine::TopicInfo& topic) {
    return topic.config.retention_floor != engine::RetentionFloor::kCursors;
  });
  if (topics.empty()) return;
  std::vector<GroupKey> live;
  {
    const engine::MutexLock lock(mutex_);
    for (const auto& [key, group] : groups_) live.push_back(key);
  }
  for (const engine::TopicInfo& topic : topics) {
    for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
      const auto bounds = log.bounds(topic.id, engine::PartitionId(i));
      if (!bounds) continue;
      for (const GroupKey& group : live) {
        if (group.topic == topic.id)
          cursors_->touch({.group = group, .partition = engine::PartitionId(i)},
                          bounds->visible_end, now);
      }
    }
  }
  const GroupCursors::Floors floors = cursors_->floors(now);
  for (const engine::TopicInfo& topic : topics) {
    for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
      const auto floor = floors.find({topic.id, engine::PartitionId(i)});
      log.set_retention_floor(topic.id, engine::PartitionId(i),
                              floor == floors.end() ? engine::kNoFloor : floor->second);
    }
  }
}

Broker::Numbers Broker::numbers() const {
  const engine::MutexLock lock(mutex_);
  Numbers numbers{.cursors = cursors_->size(), .rebalances = rebalances_};
  for (const auto& [key, live] : groups_) {
    if (!live.members.empty()) ++numbers.groups;
    numbers.members += live.members.size();
  }
  return numbers;
}

void Broker::take_back(const GroupKey& key, LiveGroup& live, HandedBack handed_back,
                       engine::Timestamp now) {
  if (handed_back.committed) commit(key, handed_back.partition, *handed_back.committed, now);
  std::vector<DeliveredRange>& ranges = handed_back.unacknowledged;
  if (ranges.size() > limits::kAttemptRangesKept) ranges.resize(limits::kAttemptRangesKept);
  if (ranges.empty()) {
    live.attempts.erase(handed_back.partition);
  } else {
    live.attempts[handed_back.partition] = std::move(ranges);
  }
}

void Broker::tell(const GroupKey& key, LiveGroup& live, const std::vector<Reassignment>& told) {
  for (const Reassignment& one : told) {
    GroupChange change{.generation = one.generation};
    for (const std::uint32_t partition : one.taken)
      change.taken.push_back(engine::PartitionId(partition));
    for (const std::uint32_t number : one.given) {
      const engine::PartitionId partition(number);
      GivenPartition& given = change.given.emplace_back(GivenPartition{.partition = partition});
      given.committed = cursors_->find({.group = key, .partition = partition});
      if (const auto attempts = live.attempts.extract(partition))
        given.attempts = std::move(attempts.mapped());
    }
    live.members.at(one.member)->on_reassigned(std::move(change));
  }
}

}  // namespace bimip::frontend
