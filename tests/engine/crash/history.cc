#include "tests/engine/crash/history.h"

#include "tests/support/joined.h"

namespace bimip::testing {

Sent& PartitionHistory::send(std::vector<std::string> values, Durability wants) {
  const std::uint64_t count = values.size();
  sent_.push_back({.values = std::move(values),
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

std::string PartitionHistory::contradiction(const std::vector<StoredRecord>& records,
                                            Survives survives) const {
  std::size_t at = 0;
  for (const Sent& sent : sent_) {
    if (sent.state == Sent::State::kRefused) continue;
    const bool stored = sent.state == Sent::State::kStored;
    const bool promised =
        stored && (sent.wants == Durability::kDurable || survives == Survives::kDurableAndWritten);
    if (stored && sent.first != Offset(at))
      return joined("an append was answered ", sent.first.value(), ", but it is the log's ", at);
    if (at >= records.size()) {
      if (promised) return joined("record ", at, " was acknowledged and is gone");
      at += sent.values.size();
      continue;
    }
    for (const std::string& value : sent.values) {
      if (at >= records.size()) return joined("half of an append is left, up to ", at);
      if (records[at].offset != at)
        return joined("offset ", records[at].offset, " follows record ", at);
      if (records[at].value != value)
        return joined("record ", at, " is not what was appended there");
      ++at;
    }
  }
  if (at < records.size()) return joined("record ", at, " was never appended");
  return {};
}

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
      std::vector<StoredRecord> records;
      if (found) {
        const auto all = client.read_all(found->id, PartitionId(i));
        const std::string where = joined(name, "/", i, ": ");
        if (!all) return where + all.error().message;
        if (!all->gaps.empty()) return where + "reading met damage";
        records = all->records;
      }
      std::string why = topic.partitions[i].contradiction(records, survives);
      if (!why.empty()) return joined(name, "/", i, ": ", why);
    }
  }
  return {};
}

std::vector<RecordFields> records_of(const Sent& sent, ProducerId producer) {
  std::vector<RecordFields> records;
  for (std::size_t i = 0; i < sent.values.size(); ++i) {
    RecordFields fields = value_record(sent.values[i]);
    fields.producer = ProducerMark{.id = producer, .number = sent.first_number + i};
    records.push_back(fields);
  }
  return records;
}

}  // namespace bimip::testing
