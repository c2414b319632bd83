#include "engine/partition/producer_table.h"

#include <algorithm>
#include <iterator>

#include "engine/base/hash.h"
#include "engine/base/limits.h"

namespace bimip::engine {
namespace {

std::uint64_t end_number(const ProducerRun& run) { return run.first_number.value() + run.count; }

}  // namespace

ProducerTable::ProducerTable(const ProducerState& state) {
  for (const ProducerEntry& entry : state.producers) {
    Producer producer{.id = entry.id, .last_seen = entry.last_seen, .runs = {}, .numbers = 0};
    for (const ProducerRun& run : entry.runs) {
      producer.runs.push_back(run);
      producer.numbers += run.count;
    }
    runs_ += producer.runs.size();
    by_id_[entry.id] = producers_.insert(producers_.end(), std::move(producer));
  }
  for (const IdempotencyEntry& entry : state.idempotency_keys) {
    keys_.push_back(entry);
    by_key_[entry.key] = {entry.offset, entry.stored_at};
  }
}

ProducerTable::Answer ProducerTable::look(const RecordFields& record, Timestamp now) const {
  if (record.producer && !held_at(record)) {
    const auto found = by_id_.find(record.producer->id);
    if (found != by_id_.end()) {
      const std::deque<ProducerRun>& runs = found->second->runs;
      const std::uint64_t number = record.producer->number.value();
      if (number < end_number(runs.back())) {
        const auto run = std::ranges::find_if(
            runs, [&](const ProducerRun& r) { return number < end_number(r); });
        if (number < run->first_number.value()) return {.known = Known::kSuperseded, .offset = {}};
        return {.known = Known::kStored,
                .offset = run->first_offset + (number - run->first_number.value())};
      }
    }
  }
  if (!record.idempotency_key.empty()) {
    const auto found = by_key_.find(xxh3_128(record.idempotency_key));
    if (found != by_key_.end() && now - found->second.second <= limits::kIdempotencyWindow) {
      return {.known = Known::kStored, .offset = found->second.first};
    }
  }
  return {};
}

void ProducerTable::add(const RecordFields& record, Offset offset, Timestamp now) {
  if (record.producer && !held_at(record)) add_number(*record.producer, offset, now);
  if (!record.idempotency_key.empty()) add_key(xxh3_128(record.idempotency_key), offset, now);
}

void ProducerTable::add_number(const ProducerMark& mark, Offset offset, Timestamp now) {
  forget_idle(now);
  auto found = by_id_.find(mark.id);
  if (found == by_id_.end()) {
    found = by_id_
                .emplace(mark.id, producers_.insert(
                                      producers_.end(),
                                      {.id = mark.id, .last_seen = {}, .runs = {}, .numbers = 0}))
                .first;
  } else {
    producers_.splice(producers_.end(), producers_, found->second);
  }
  Producer& producer = *found->second;
  producer.last_seen = now;
  const bool continues = !producer.runs.empty() &&
                         end_number(producer.runs.back()) == mark.number.value() &&
                         producer.runs.back().first_offset + producer.runs.back().count == offset;
  if (continues) {
    ++producer.runs.back().count;
  } else {
    producer.runs.push_back({.first_number = mark.number, .first_offset = offset, .count = 1});
    ++runs_;
  }
  ++producer.numbers;
  const std::size_t kept = runs_ > limits::kProducerRunsMax
                               ? limits::kProducerNumbersKeptUnderPressure
                               : limits::kProducerNumbersKept;
  while (producer.numbers - producer.runs.front().count >= kept) drop_oldest_run(producer);
}

void ProducerTable::settle(const ProducerId& id, ProducerNumber below) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  Producer& producer = *found->second;
  while (producer.runs.size() > 1 && end_number(producer.runs.front()) <= below.value())
    drop_oldest_run(producer);
}

void ProducerTable::drop_oldest_run(Producer& producer) {
  producer.numbers -= producer.runs.front().count;
  producer.runs.pop_front();
  --runs_;
}

void ProducerTable::add_key(Hash128 key, Offset offset, Timestamp now) {
  const auto drop_oldest = [this] {
    const IdempotencyEntry& oldest = keys_.front();
    const auto found = by_key_.find(oldest.key);
    if (found != by_key_.end() && found->second.first == oldest.offset) by_key_.erase(found);
    keys_.pop_front();
  };
  keys_.push_back({.key = key, .offset = offset, .stored_at = now});
  by_key_[key] = {offset, now};
  while (keys_.size() > limits::kIdempotencyKeysMax) drop_oldest();
  while (now - keys_.front().stored_at > limits::kIdempotencyWindow) drop_oldest();
}

void ProducerTable::forget_keys(std::span<const Offset> offsets) {
  const auto is_one = [&](Offset offset) { return std::ranges::binary_search(offsets, offset); };
  std::erase_if(keys_, [&](const IdempotencyEntry& entry) { return is_one(entry.offset); });
  std::erase_if(by_key_, [&](const auto& entry) { return is_one(entry.second.first); });
}

bool forget_keys(ProducerState& state, std::span<const Offset> offsets) {
  return std::erase_if(state.idempotency_keys, [&](const IdempotencyEntry& entry) {
           return std::ranges::binary_search(offsets, entry.offset);
         }) > 0;
}

void ProducerTable::forget_idle(Timestamp now) {
  while (!producers_.empty() && (producers_.size() > limits::kProducersMax ||
                                 now - producers_.front().last_seen > limits::kProducerIdleMax)) {
    runs_ -= producers_.front().runs.size();
    by_id_.erase(producers_.front().id);
    producers_.pop_front();
  }
}

ProducerState ProducerTable::snapshot() const {
  ProducerState state;
  state.producers.reserve(producers_.size());
  for (const Producer& producer : producers_) {
    state.producers.push_back({.id = producer.id,
                               .last_seen = producer.last_seen,
                               .runs = {producer.runs.begin(), producer.runs.end()}});
  }
  state.idempotency_keys.assign(keys_.begin(), keys_.end());
  return state;
}

std::size_t ProducerTable::snapshot_bytes() const {
  return producers_.size() * 32 + runs_ * 24 + keys_.size() * 32;
}

}  // namespace bimip::engine
