// Who reads in a simulated life: one who looks at every record as soon as it can be read, and
// consumers that come and go.
#include "tests/engine/simulation/simulation.h"
#include "tests/support/joined.h"

namespace bimip::testing {

LogClient Simulation::client() {
  return LogClient(*store_, [this] {
    store_->step();
    observe();
  });
}

void Simulation::observe() {
  for (const std::unique_ptr<Partition>& partition : partitions_) observe(*partition);
}

void Simulation::observe(Partition& partition) {
  if (device_->crashed()) return;
  if (!partition.id) {
    const Result<TopicInfo> topic = store_->find_topic(partition.topic);
    if (!topic) return;
    partition.id = topic->id;
  }
  const Offset end = store_->bounds(*partition.id, partition.number)->visible_end;
  if (end < partition.observed) broken("what was read is gone, and nothing happened");
  LogClient reader(*store_, [this] { store_->step(); });
  while (partition.observed < end && broken_.empty()) {
    const auto batch = reader.read(*partition.id, partition.observed, partition.number);
    if (!batch) {
      const bool is_gone = batch.error().code == ErrorCode::kOutOfRange &&
                           partition.observed < batch.error().range.first &&
                           history_.topics().at(partition.topic).config.retention_bytes != 0;
      // What a crash left in time for retention and not for an observer: how it was numbered is not
      // known.
      lost_track_ = lost_track_ || is_gone;
      if (!device_->crashed() && !faulted_ && !is_gone)
        broken(joined("the newest records cannot be read: ", batch.error().message));
      return;
    }
    const Status read = batch->for_each_stored([&](const Record& record) {
      if (record.offset != partition.observed)
        broken(joined("nothing stands at ", partition.observed.value()));
      partition.observed = record.offset + 1;
      if (std::string why = partition.history->saw(record); !why.empty())
        broken(joined(partition.topic, "/", partition.number.value(), ": ", why));
      if (is_held(record)) ++counts_.held;
      if (held_at(record)) ++counts_.released;
    });
    if (!read || batch->range().end != partition.observed) broken("a batch is not what it says");
  }
}

void Simulation::consume() {
  Partition& partition = *partitions_[random_.below(partitions_.size())];
  const Result<TopicInfo> topic = store_->find_topic(partition.topic);
  if (!topic) return;
  if (random_.one_in(4)) partition.cursor = Offset(random_.below(partition.cursor.value() + 1));
  LogClient reader = client();
  const auto batch =
      reader.read(topic->id, partition.cursor, partition.number, 1 + random_.below(40'000));
  if (device_->crashed()) return;
  const TopicConfig& config = topic->config;
  if (!batch && batch.error().code == ErrorCode::kOutOfRange && config.retention_bytes != 0 &&
      partition.cursor < batch.error().range.first) {
    partition.cursor = batch.error().range.first;
    return;
  }
  if (!batch) {
    if (batch.error().code != ErrorCode::kIo || !faulted_)
      broken(joined("a read was answered: ", batch.error().message));
    return;
  }
  ++counts_.reads;
  observe(partition);
  if (partition.observed < batch->range().end) return;  // it could not be read meanwhile
  check_read(partition, config, *batch);
  partition.cursor = std::max(partition.cursor, batch->range().end);
}

// Nothing is left out between one record and the next but what may be.
void Simulation::check_read(Partition& partition, const TopicConfig& config,
                            const RecordBatch& batch) {
  const Timestamp now = clock_.now();
  const std::vector<Standing> expected = partition.history->everything();
  Offset next = partition.cursor;
  const auto pass_to = [&](Offset offset) {
    for (; next < offset; ++next) {
      const Standing& standing = expected[next.value()];
      const bool may_be_replaced =
          config.compaction == Compaction::kNewest && !standing.record->key.empty();
      if (standing.delivery(now) == Standing::Delivery::kMust && !may_be_replaced)
        broken(joined("a reader was not given record ", next.value()));
      if (standing.has_expired(now)) ++counts_.expired;
    }
  };
  const Status read = batch.for_each([&](const Record& record) {
    if (record.offset < next || record.offset.value() >= expected.size())
      return broken("a reader was given what was never appended there");
    pass_to(record.offset);
    const Standing& standing = expected[record.offset.value()];
    if (as_text(record.value) != standing.record->value)
      broken("a reader was given what was never appended there");
    if (standing.delivery(now) == Standing::Delivery::kMustNot)
      broken(joined("a reader was given record ", record.offset.value(),
                    standing.is_held ? ", which is held" : ", which has expired"));
    next = record.offset + 1;
  });
  if (!read || batch.range().end < next) return broken("a batch is not what it says");
  pass_to(batch.range().end);
}

}  // namespace bimip::testing
