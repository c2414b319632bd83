#include "tests/engine/crash/history.h"

#include <algorithm>

#include "tests/support/joined.h"

namespace bimip::testing {

Sent& PartitionHistory::send(std::vector<SentRecord> records, Durability wants) {
  sent_.push_back({.records = std::move(records),
                   .first_number = ProducerNumber(next_number_),
                   .wants = wants,
                   .first = {}});
  const Sent& sent = sent_.back();
  for (const SentRecord& record : sent.records) {
    if (record.not_before || record.expires_at) timed_.emplace_back(next_number_);
    ++next_number_;
  }
  return sent_.back();
}

void PartitionHistory::clock_shows(Timestamp now) {
  for (const ProducerNumber number : timed_) {
    SentRecord& record = record_of(number);
    record.was_due = record.was_due || (record.not_before && *record.not_before <= now);
    record.had_expired = record.had_expired || (record.expires_at && *record.expires_at <= now);
  }
}

// Of the append with this number: behind the last when there is none.
std::size_t PartitionHistory::find(ProducerNumber number) const {
  const auto behind = std::ranges::upper_bound(sent_, number, {}, &Sent::first_number);
  if (behind == sent_.begin() || number.value() >= next_number_) return sent_.size();
  return static_cast<std::size_t>(behind - sent_.begin()) - 1;
}

const SentRecord& PartitionHistory::record_of(ProducerNumber number) const {
  const Sent& sent = sent_[find(number)];
  return sent.records[number - sent.first_number];
}

SentRecord& PartitionHistory::record_of(ProducerNumber number) {
  Sent& sent = sent_[find(number)];
  return sent.records[number - sent.first_number];
}

std::string PartitionHistory::saw(const Record& stored) {
  const std::optional<Offset> held = held_at(stored);
  std::string why = held ? saw_released(stored, *held) : saw_sent(stored);
  if (!why.empty()) return joined("record ", stored.offset.value(), " ", why);
  return {};
}

namespace {

bool is_same(const SentRecord& sent, const Record& stored) {
  return sent.value == as_text(stored.value) && sent.key == as_text(stored.key) &&
         sent.expires_at == stored.expires_at;
}

}  // namespace

std::string PartitionHistory::saw_sent(const Record& stored) {
  if (!stored.producer || stored.producer->id != producer_) return "is not this producer's";
  const ProducerNumber number = stored.producer->number;
  const std::size_t sent = find(number);
  if (sent == sent_.size()) return "was never appended";
  if (sent_[sent].state == Sent::State::kRefused) return "was refused, and is there";
  SentRecord& record = record_of(number);
  if (!is_same(record, stored)) return "is not what was appended";
  if (!is_held(stored)) {
    if (record.not_before && !record.was_due) return "can be read before its time";
    return {};
  }
  if (stored.not_before != record.not_before) return "is held until another time";
  if (stored.entity) return "is held and has an increment";
  record.held_at = stored.offset;
  held_[stored.offset] = number;
  return {};
}

std::string PartitionHistory::saw_released(const Record& stored, Offset held_at) {
  const auto held = held_.find(held_at);
  if (held == held_.end()) return joined("was held at ", held_at.value(), ", where nothing was");
  SentRecord& record = record_of(held->second);
  if (record.released_at)
    return joined("came at ", record.released_at->value(), " already: it comes twice");
  if (!is_same(record, stored) || is_held(stored)) return "is not what was held";
  if (!record.was_due) return "comes before its time";
  record.released_at = stored.offset;
  released_[stored.offset] = held->second;
  return {};
}

std::string PartitionHistory::lost_from(Offset end, Survives survives) {
  for (Sent& sent : sent_) {
    if (sent.state != Sent::State::kStored || sent.first + sent.records.size() <= end) continue;
    if (sent.is_promised(survives))
      return joined("record ", sent.first.value(), " was acknowledged and is gone");
    sent.state = Sent::State::kRefused;
  }
  for (auto at = held_.lower_bound(end); at != held_.end(); at = held_.erase(at))
    record_of(at->second).held_at.reset();
  for (auto at = released_.lower_bound(end); at != released_.end(); at = released_.erase(at))
    record_of(at->second).released_at.reset();
  return {};
}

// Where every append stands when nothing that may have been stored is lost: one behind the other,
// but for what the log itself appended in between.
std::vector<PartitionHistory::Numbered> PartitionHistory::numbered() const {
  std::vector<Numbered> all;
  Offset next;
  for (const Sent& sent : sent_) {
    if (sent.state == Sent::State::kRefused) continue;
    while (released_.contains(next)) ++next;
    all.push_back({.sent = sent, .first = next, .end = next + sent.records.size()});
    next = all.back().end;
  }
  return all;
}

std::vector<Standing> PartitionHistory::everything() const {
  std::vector<Standing> all;
  auto released = released_.begin();
  const auto add_released = [&] {
    for (; released != released_.end() && released->first == Offset(all.size()); ++released)
      all.push_back({.record = &record_of(released->second)});
  };
  for (const Numbered& append : numbered()) {
    add_released();
    for (const SentRecord& record : append.sent.records)
      all.push_back({.record = &record, .is_held = record.held_at.has_value()});
  }
  add_released();
  return all;
}

std::vector<const SentRecord*> PartitionHistory::pending() const {
  std::vector<const SentRecord*> pending;
  for (const auto& [offset, number] : held_) {
    const SentRecord& record = record_of(number);
    if (!record.released_at && !record.had_expired) pending.push_back(&record);
  }
  return pending;
}

std::map<std::string, std::vector<Offset>> PartitionHistory::entities(Offset end) const {
  std::map<std::string, std::vector<Offset>> entities;
  Offset offset;
  for (const Standing& standing : everything()) {
    if (offset >= end) break;
    if (!standing.is_held && !standing.record->key.empty())
      entities[standing.record->key].push_back(offset);
    ++offset;
  }
  return entities;
}

History::Topic& History::topic(const std::string& name, const TopicConfig& config) {
  Topic& topic = topics_[name];
  topic.config = config;
  for (std::uint32_t i = static_cast<std::uint32_t>(topic.partitions.size()); i < config.partitions;
       ++i)
    topic.partitions.emplace_back(ProducerId{.high = topics_.size(), .low = i + 1});
  return topic;
}

void History::clock_shows(Timestamp now) {
  for (auto& [name, topic] : topics_) {
    for (PartitionHistory& partition : topic.partitions) partition.clock_shows(now);
  }
}

std::vector<RecordFields> records_of(const Sent& sent, ProducerId producer) {
  std::vector<RecordFields> records;
  for (std::size_t i = 0; i < sent.records.size(); ++i) {
    const SentRecord& record = sent.records[i];
    RecordFields fields = value_record(record.value, record.key);
    fields.not_before = record.not_before;
    fields.expires_at = record.expires_at;
    fields.producer = ProducerMark{.id = producer, .number = sent.first_number + i};
    records.push_back(fields);
  }
  return records;
}

}  // namespace bimip::testing
