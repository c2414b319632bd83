#include "tests/engine/crash/history.h"

#include <algorithm>
#include <set>

#include "tests/support/joined.h"

namespace bimip::testing {

Sent& PartitionHistory::send(std::vector<std::string> values, Durability wants,
                             std::vector<std::string> keys) {
  const std::uint64_t count = values.size();
  keys.resize(count);
  sent_.push_back({.values = std::move(values),
                   .keys = std::move(keys),
                   .first_number = ProducerNumber(next_number_),
                   .wants = wants,
                   .first = {}});
  next_number_ += count;
  return sent_.back();
}

std::vector<std::string> PartitionHistory::everything() const {
  std::vector<std::string> values;
  for (const Sent& sent : sent_) {
    if (sent.state == Sent::State::kRefused) continue;
    values.insert(values.end(), sent.values.begin(), sent.values.end());
  }
  return values;
}

struct PartitionHistory::Numbered {
  const Sent& sent;
  Offset first;
  Offset end;
};

// Where every append stands when nothing that may have been stored is lost.
std::vector<PartitionHistory::Numbered> PartitionHistory::numbered() const {
  std::vector<Numbered> all;
  Offset next;
  for (const Sent& sent : sent_) {
    if (sent.state == Sent::State::kRefused) continue;
    all.push_back({.sent = sent, .first = next, .end = next + sent.values.size()});
    next = all.back().end;
  }
  return all;
}

std::map<std::string, std::vector<Offset>> PartitionHistory::entities(Offset end) const {
  std::map<std::string, std::vector<Offset>> entities;
  for (const Numbered& append : numbered()) {
    for (std::size_t i = 0; i < append.sent.keys.size(); ++i) {
      const Offset offset = append.first + i;
      if (offset < end && !append.sent.keys[i].empty())
        entities[append.sent.keys[i]].push_back(offset);
    }
  }
  return entities;
}

// Retention takes no more than it may: what is left and would be kept has the bytes it asks for.
std::string PartitionHistory::start_contradiction(const Left& left,
                                                  const TopicConfig& config) const {
  if (left.bounds.start == Offset(0)) return {};
  if (config.retention_bytes == 0) return joined("the log starts at ", left.bounds.start.value());
  std::uint64_t bytes_max = limits::kSegmentBytesMin;  // of headers and footers
  for (const Numbered& append : numbered()) {
    if (append.first < left.bounds.start) continue;
    bytes_max += 2 * limits::kSectorBytes;  // a block of its own, and what it wastes
    for (std::size_t i = 0; i < append.sent.values.size(); ++i)
      bytes_max += append.sent.values[i].size() + append.sent.keys[i].size() + 100;
  }
  if (bytes_max < config.retention_bytes)
    return joined("the log starts at ", left.bounds.start.value(), ": too much went");
  return {};
}

std::string PartitionHistory::contradiction(const Left& left, const TopicConfig& config,
                                            Survives survives,
                                            const std::set<std::string>& erased) const {
  if (std::string why = start_contradiction(left, config); !why.empty()) return why;
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
  for (const Numbered& append : numbered()) {
    const Sent& sent = append.sent;
    const bool stored = sent.state == Sent::State::kStored;
    const bool promised =
        stored && (sent.wants == Durability::kDurable || survives == Survives::kDurableAndWritten);
    if (stored && sent.first != append.first)
      return joined("an append was answered ", sent.first.value(), ", but it is the log's ",
                    append.first.value());
    if (append.first >= end) {
      if (promised) return joined("record ", append.first.value(), " was acknowledged and is gone");
      continue;
    }
    if (append.end > end) return joined("half of an append is left, up to ", end.value());
    for (std::size_t i = 0; i < sent.values.size(); ++i) {
      const Offset offset = append.first + i;
      if (next == left.records.end() || next->offset != offset.value()) {
        if (offset >= start && !is_replaced(sent.keys[i], offset))
          return joined("record ", offset.value(), " is gone from the middle");
        continue;
      }
      if (next->value != sent.values[i] || next->key != sent.keys[i])
        return joined("record ", offset.value(), " is not what was appended there");
      ++next;
    }
  }
  if (next != left.records.end()) return joined("record ", next->offset, " was never appended");
  return {};
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
      next = increment + 1;
    }
    if (batch->next().value() > appended.size() + 1) return "replay went past the end";
    if (std::string why = pass_to(batch->next().value()); !why.empty()) return why;
  }
  return {};
}

}  // namespace

History::Topic& History::topic(const std::string& name, const TopicConfig& config) {
  Topic& topic = topics_[name];
  topic.config = config;
  for (std::uint32_t i = static_cast<std::uint32_t>(topic.partitions.size()); i < config.partitions;
       ++i)
    topic.partitions.emplace_back(ProducerId{.high = topics_.size(), .low = i + 1});
  return topic;
}

std::string History::contradiction(Log& log, LogClient& client, Survives survives) const {
  for (const auto& [name, topic] : topics_) {
    const Result<TopicInfo> found = log.find_topic(name);
    if (!found && topic.created) return "topic " + name + " is gone";
    for (std::uint32_t i = 0; i < topic.partitions.size(); ++i) {
      const std::string where = joined(name, "/", i, ": ");
      Left left;
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

std::vector<RecordFields> records_of(const Sent& sent, ProducerId producer) {
  std::vector<RecordFields> records;
  for (std::size_t i = 0; i < sent.values.size(); ++i) {
    RecordFields fields = value_record(sent.values[i], sent.keys[i]);
    fields.producer = ProducerMark{.id = producer, .number = sent.first_number + i};
    records.push_back(fields);
  }
  return records;
}

}  // namespace bimip::testing
