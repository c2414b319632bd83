// What is left of a log, held against what was sent.
#include <algorithm>

#include "tests/engine/crash/history.h"
#include "tests/support/joined.h"

namespace bimip::testing {

// Retention takes no more than it may: what is left and would be kept has the bytes it asks for,
// and nothing that waits for its time goes.
std::string PartitionHistory::start_contradiction(const Left& left,
                                                  const TopicConfig& config) const {
  const Offset start = left.bounds.start;
  if (start == Offset(0)) return {};
  if (config.retention_bytes == 0) return joined("the log starts at ", start.value());
  for (const SentRecord* record : pending()) {
    if (*record->held_at < start)
      return joined("record ", record->held_at->value(), " is held, and the log starts at ",
                    start.value());
  }
  std::uint64_t bytes_max = limits::kSegmentBytesMin;  // of headers and footers
  const std::vector<Standing> all = everything();
  for (std::size_t at = start.value(); at < all.size(); ++at) {
    // A block of its own at the most, and what that wastes.
    bytes_max +=
        all[at].record->value.size() + all[at].record->key.size() + 100 + 2 * limits::kSectorBytes;
  }
  if (bytes_max < config.retention_bytes)
    return joined("the log starts at ", start.value(), ": too much went");
  return {};
}

// Of whole appends: what was acknowledged is there, where it was told, and none by half.
std::string PartitionHistory::append_contradiction(const Left& left, Survives survives) const {
  const Offset end = left.bounds.visible_end;
  for (const Numbered& append : numbered()) {
    const Sent& sent = append.sent;
    if (sent.state == Sent::State::kStored && sent.first != append.first)
      return joined("an append was answered ", sent.first.value(), ", but it is the log's ",
                    append.first.value());
    if (append.first >= end && sent.is_promised(survives))
      return joined("record ", append.first.value(), " was acknowledged and is gone");
    if (append.first < end && append.end > end)
      return joined("half of an append is left, up to ", end.value());
  }
  return {};
}

// Of what a reader is given: every record that it must be given, and none that it must not.
std::string PartitionHistory::record_contradiction(const Left& left, const TopicConfig& config,
                                                   const std::set<std::string>& erased) const {
  const auto [start, end] = std::pair(left.bounds.start, left.bounds.visible_end);
  const auto entities = this->entities(end);
  const auto is_replaced = [&](const std::string& key, Offset offset) {
    if (key.empty()) return false;
    const std::vector<Offset>& offsets = entities.at(key);
    const auto newer =
        static_cast<std::uint64_t>(offsets.end() - std::ranges::upper_bound(offsets, offset));
    return erased.contains(key) || (config.compaction == Compaction::kNewest && newer > 0) ||
           (config.entity_records_max != 0 && newer >= config.entity_records_max);
  };
  auto next = left.records.begin();
  Offset offset;
  for (const Standing& standing : everything()) {
    if (offset >= end) break;
    const auto [record, delivery] = std::pair(standing.record, standing.delivery(left.as_of));
    const bool is_there = next != left.records.end() && next->offset == offset.value();
    if (is_there && (next->value != record->value || next->key != record->key))
      return joined("record ", offset.value(), " is not what was appended there");
    if (is_there && delivery == Standing::Delivery::kMustNot)
      return joined("record ", offset.value(), standing.is_held ? " is held" : " has expired",
                    ", and is given to a reader");
    if (!is_there && delivery == Standing::Delivery::kMust && offset >= start &&
        !is_replaced(record->key, offset))
      return joined("record ", offset.value(), " is gone from the middle");
    if (is_there) ++next;
    ++offset;
  }
  if (next != left.records.end()) return joined("record ", next->offset, " was never appended");
  return {};
}

std::string PartitionHistory::contradiction(const Left& left, const TopicConfig& config,
                                            Survives survives,
                                            const std::set<std::string>& erased) const {
  if (std::string why = start_contradiction(left, config); !why.empty()) return why;
  if (std::string why = append_contradiction(left, survives); !why.empty()) return why;
  return record_contradiction(left, config, erased);
}

namespace {

// All that is answered of one entity, held against what was appended and what is left of it.
std::string entity_contradiction(LogClient& client, TopicId topic, PartitionId partition,
                                 const std::string& key, const std::vector<Offset>& appended,
                                 const std::set<std::uint64_t>& left) {
  const auto state = client.find_entity(topic, key, partition);
  if (!state) return state.error().message;
  if (state->last_increment.value() != appended.size())
    return joined("it has ", state->last_increment.value(), " increments, not ", appended.size());
  if (state->newest != appended.back())
    return joined("its newest is ", state->newest.value(), ", not ", appended.back().value());
  std::uint64_t next = 1;  // increment
  const auto pass_to = [&](std::uint64_t increment) -> std::string {
    for (; next < increment; ++next) {
      if (left.contains(appended[next - 1].value()))
        return joined("increment ", next, " is there and was not replayed");
    }
    return {};
  };
  while (next <= appended.size()) {
    const auto batch =
        client.read_entity(topic, key, {.from = IncrementId(next), .records_max = 20}, partition);
    if (!batch) return batch.error().message;
    for (const EntityGap& gap : batch->gaps()) {
      if (gap.kind == EntityGapKind::kDamage) return "a gap is called damage";
    }
    for (const Record& record : batch->records()) {
      const std::uint64_t increment = record.entity->increment.value();
      if (increment < next || increment > appended.size())
        return joined("increment ", increment, " was replayed out of turn");
      if (std::string why = pass_to(increment); !why.empty()) return why;
      if (record.offset != appended[increment - 1])
        return joined("increment ", increment, " is not the record it should be");
      if (!left.contains(record.offset.value()))
        return joined("increment ", increment, " was replayed, and no reader is given it");
      next = increment + 1;
    }
    if (batch->next().value() > appended.size() + 1) return "replay went past the end";
    if (std::string why = pass_to(batch->next().value()); !why.empty()) return why;
  }
  return {};
}

}  // namespace

std::string History::contradiction(Log& log, LogClient& client, Survives survives,
                                   Timestamp now) const {
  for (const auto& [name, topic] : topics_) {
    const Result<TopicInfo> found = log.find_topic(name);
    if (!found && topic.created) return "topic " + name + " is gone";
    for (std::uint32_t i = 0; i < topic.partitions.size(); ++i) {
      const std::string where = joined(name, "/", i, ": ");
      Left left{.records = {}, .bounds = {}, .as_of = now};
      if (found) {
        left.bounds = *log.bounds(found->id, PartitionId(i));
        const auto all = client.read_all(found->id, PartitionId(i), left.bounds.start);
        if (!all) return where + all.error().message;
        if (!all->gaps.empty()) return where + "reading met damage";
        left.records = all->records;
      }
      std::string why =
          topic.partitions[i].contradiction(left, topic.config, survives, topic.erased);
      if (!why.empty()) return where + why;
      std::set<std::uint64_t> there;
      for (const StoredRecord& record : left.records) there.insert(record.offset);
      for (const auto& [key, offsets] : topic.partitions[i].entities(left.bounds.visible_end)) {
        if (topic.is_gone.contains(key) &&
            client.find_entity(found->id, key, PartitionId(i)).has_value())
          return joined(where, "entity ", key, " was erased, and is there");
        if (topic.erased.contains(key)) continue;
        why = entity_contradiction(client, found->id, PartitionId(i), key, offsets, there);
        if (!why.empty()) return joined(where, "entity ", key, ": ", why);
      }
    }
  }
  return {};
}

}  // namespace bimip::testing
