#include "tests/engine/simulation/simulation.h"

#include "tests/support/joined.h"

namespace bimip::testing {

using namespace std::chrono_literals;

// Until what retention takes is gone, and nothing goes while the store is read.
constexpr std::uint64_t kRetentionRounds = 20;

class Simulation::Request final : public AppendRequest {
 public:
  Request(Simulation& simulation, Partition& to, Sent& sent)
      : simulation_(simulation),
        partition_(to),
        sent_(sent),
        fields_(records_of(sent, to.history->producer())) {
    records = fields_;
  }
  void on_appended(Result<Appended> result) override {
    simulation_.answered(partition_, sent_, result);
  }
  bool is_withdrawn() override { return partition_.failed; }

 private:
  Simulation& simulation_;
  Partition& partition_;
  Sent& sent_;
  std::vector<RecordFields> fields_;
};

Simulation::Simulation(std::uint64_t seed)
    : random_(seed), device_(std::make_unique<SimDevice>(random_.next())) {}

Simulation::~Simulation() {
  device_->crash();
  store_.reset();
}

void Simulation::broken(const std::string& why) {
  if (broken_.empty()) broken_ = why;
}

LogClient Simulation::client() {
  return LogClient(*store_, [this] { store_->step(); });
}

std::string Simulation::run(int actions) {
  if (std::string why = open(); !why.empty()) return why;
  make_topic();
  for (int i = 0; i < actions && broken_.empty(); ++i) {
    act();
    if (device_->crashed()) crash();
  }
  if (broken_.empty()) finish();
  return broken_;
}

void Simulation::act() {
  const std::uint64_t dice = random_.below(100);
  if (dice < 45) return append();
  if (dice < 65) return work(1 + random_.below(6));
  if (dice < 75) return consume();
  if (dice < 83) return clock_.pass(std::chrono::milliseconds(random_.below(3000)));
  if (dice < 85) return idle();
  if (dice < 87) return clock_.step_wall(std::chrono::seconds(random_.below(200)) - 100s);
  if (dice < 89) return make_topic();
  if (dice < 92) return inject();
  if (dice < 94) return device_->crash_at(device_->steps() + 1 + random_.below(80));
  if (dice < 96) return restart();
  if (dice < 98) return send_again();
  device_->crash();
}

// Long enough for what is done behind a writer's back.
void Simulation::idle() {
  for (std::uint64_t i = 10 + random_.below(60); i > 0; --i) {
    clock_.pass(200ms);
    work(8);
  }
}

// A few keys that all have many records, and some that have one.
std::string Simulation::some_key() {
  const std::uint64_t kind = random_.below(8);
  if (kind < 2) return {};
  if (kind < 7) return joined("key ", random_.below(6));
  return joined("once ", random_.below(1'000'000));
}

void Simulation::make_topic() {
  if (history_.topics().size() >= 3) return;
  TopicConfig config{.partitions = 1 + static_cast<std::uint32_t>(random_.below(2)),
                     .durability = random_.one_in(3) ? Durability::kWritten : Durability::kDurable,
                     .segment_bytes = limits::kSegmentBytesMin << random_.below(3)};
  if (random_.one_in(3)) config.segment_age = 5s;
  if (random_.one_in(3)) config.compaction = Compaction::kNewest;
  if (random_.one_in(3)) config.retention_bytes = config.segment_bytes * (1 + random_.below(3));
  const std::string name = joined("t", history_.topics().size());
  History::Topic& topic = history_.topic(name, config);
  topic.created = store_->create_topic(name, config).has_value();
  for (std::uint32_t i = 0; i < config.partitions; ++i) {
    partitions_.push_back(std::make_unique<Partition>(
        Partition{.topic = name, .number = PartitionId(i), .history = &topic.partitions[i]}));
  }
}

void Simulation::append() {
  Partition& partition = *partitions_[random_.below(partitions_.size())];
  if (partition.failed) return;
  std::vector<std::string> values;
  std::vector<std::string> keys;
  const std::uint64_t count = random_.one_in(4) ? 1 + random_.below(5) : 1;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string value = joined(counts_.appends, ".", i, ":");
    value.resize(value.size() + random_.below(random_.one_in(10) ? 30'000 : 2'000),
                 static_cast<char>('a' + random_.below(26)));
    values.push_back(std::move(value));
    keys.push_back(some_key());
  }
  const Durability topic = history_.topics().at(partition.topic).config.durability;
  const Durability wants = random_.one_in(4) ? Durability::kDurable : topic;
  send(partition, partition.history->send(std::move(values), wants, std::move(keys)));
}

void Simulation::send(Partition& partition, Sent& sent) {
  const Result<TopicInfo> topic = store_->find_topic(partition.topic);
  if (!topic) {
    partition.failed = true;
    return;
  }
  ++counts_.appends;
  requests_.push_back(std::make_unique<Request>(*this, partition, sent));
  Request& request = *requests_.back();
  request.topic = topic->id;
  request.partition = partition.number;
  request.durability = sent.wants;
  store_->append(request);
}

void Simulation::answered(Partition& partition, Sent& sent, const Result<Appended>& result) {
  if (result) {
    if (sent.state == Sent::State::kStored && sent.first != result->first)
      broken("an append was answered two offsets");
    sent.state = Sent::State::kStored;
    sent.first = result->first;
    return;
  }
  switch (result.error().code) {
    case ErrorCode::kBusy:
    case ErrorCode::kNoSpace:
      // Of an append in doubt it says nothing about the first time.
      if (!sent.in_doubt) sent.state = Sent::State::kRefused;
      break;
    case ErrorCode::kDegraded:
    case ErrorCode::kClosed:
      sent.in_doubt = true;
      partition.failed = true;
      break;
    default:
      broken(joined("an append was answered: ", result.error().message));
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
  const std::vector<std::string> expected = partition.history->everything();
  Offset next = partition.cursor;
  const Status read = batch->for_each([&](const Record& record) {
    const bool may_skip = config.compaction == Compaction::kNewest;
    if (may_skip ? record.offset < next : record.offset != next)
      broken("a reader was given a hole");
    if (record.offset.value() >= expected.size() ||
        as_text(record.value) != expected[record.offset.value()])
      broken("a reader was given what was never appended there");
    next = record.offset + 1;
  });
  next = std::max(next, batch->range().end);
  if (!read || batch->range().end != next) broken("a batch is not what it says");
  partition.cursor = next;
  if (topic->config.durability == Durability::kDurable)
    partition.seen = std::max(partition.seen, next.value());
}

void Simulation::inject() {
  static constexpr std::array kOperations{SimOperation::kWrite,  SimOperation::kSync,
                                          SimOperation::kCreate, SimOperation::kRename,
                                          SimOperation::kRead,   SimOperation::kAllocate};
  ++counts_.faults;
  faulted_ = true;
  const SimOperation operation = kOperations[random_.below(kOperations.size())];
  const bool full = operation == SimOperation::kAllocate ||
                    (operation == SimOperation::kCreate && random_.one_in(2));
  device_->fail_next({.operation = operation,
                      .path_contains = "/t0/",
                      .code = full ? ErrorCode::kNoSpace : ErrorCode::kIo,
                      .skip = random_.below(4),
                      .times = 1 + random_.below(3)});
}

void Simulation::work(std::uint64_t rounds) {
  for (std::uint64_t i = 0; i < rounds && !device_->crashed(); ++i) store_->step();
}

std::string Simulation::open() {
  faulted_ = false;
  Result<std::unique_ptr<Store>> store = Store::open({.directory = "data",
                                                      .free_space_floor = 0,
                                                      .spare_bytes = 2 * limits::kSegmentBytesMin,
                                                      .device = device_.get(),
                                                      .clock = &clock_,
                                                      .threading = Threading::kManual});
  if (!store) return "the store was refused: " + store.error().message;
  store_ = std::move(*store);
  return {};
}

// The power goes, perhaps again while the log recovers.
void Simulation::crash() {
  ++counts_.crashes;
  note_removed();
  Survives survives = faulted_ ? Survives::kDurable : Survives::kDurableAndWritten;
  while (true) {
    device_->crash();
    store_.reset();
    requests_.clear();
    const LossMode mode = kAllLossModes[random_.below(kAllLossModes.size())];
    if (mode != LossMode::kKeepAll) survives = Survives::kDurable;
    device_ = device_->image(mode, random_.next());
    if (!random_.one_in(3)) break;
    device_->crash_at(1 + random_.below(30));
    (void)open();
    if (!device_->crashed()) break;
    ++counts_.crashes_in_recovery;
  }
  store_.reset();
  device_ = device_->image(LossMode::kKeepAll, random_.next());
  recover_and_check(survives);
}

void Simulation::note_removed() {
  if (store_ == nullptr) return;
  counts_.compactions += store_->upkeep().compactions;
  counts_.rewrites += store_->upkeep().rewrites;
  counts_.bytes_freed += store_->upkeep().bytes_freed;
}

// In good order.
void Simulation::restart() {
  ++counts_.restarts;
  note_removed();
  const Survives survives = faulted_ ? Survives::kDurable : Survives::kDurableAndWritten;
  store_.reset();
  if (device_->crashed()) return;
  requests_.clear();
  device_->clear_faults();
  recover_and_check(survives);
}

void Simulation::recover_and_check(Survives survives) {
  const std::string refused = open();
  if (device_->crashed()) return;  // meanwhile: crash() follows
  if (!refused.empty()) return broken(refused);
  for (const StoreReport::Unusable& unusable : store_->report().unusable)
    broken("a partition cannot be used: " + unusable.error.message);
  for (const PartitionReport& partition : store_->report().partitions) {
    for (const DamagedRange& damage : partition.damaged) broken("called damage: " + damage.why);
  }
  work(kRetentionRounds);
  LogClient reader = client();
  const std::string why = history_.contradiction(*store_, reader, survives);
  if (device_->crashed()) return;
  if (!why.empty()) broken(why);
  for (auto& [name, topic] : history_.topics()) {
    const Result<TopicInfo> made = store_->create_topic(name, topic.config);
    if (device_->crashed()) return;
    if (!made) return broken("a topic cannot be made again: " + made.error().message);
    topic.created = true;
  }
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    const TopicId topic = store_->find_topic(partition->topic)->id;
    adopt(*partition, store_->bounds(topic, partition->number)->visible_end.value());
  }
  send_again();
}

// What is gone may go; what was in doubt is sent again.
void Simulation::adopt(Partition& partition, std::uint64_t records) {
  if (records < partition.seen) broken("what was read is gone");
  partition.cursor = std::min(partition.cursor, Offset(records));
  std::uint64_t at = 0;
  for (Sent& sent : partition.history->sent()) {
    if (sent.state == Sent::State::kRefused) continue;
    at += sent.values.size();
    if (at > records && sent.state == Sent::State::kStored) sent.state = Sent::State::kRefused;
    if (sent.state == Sent::State::kUnanswered) partition.failed = sent.in_doubt = true;
  }
}

// As a client does that has lost its connection: in order, each answered before the next.
void Simulation::send_again() {
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->failed) continue;
    for (Sent& sent : partition->history->sent()) {
      if (sent.state != Sent::State::kUnanswered) continue;
      partition->failed = false;
      send(*partition, sent);
      for (int i = 0; i < 500 && sent.state == Sent::State::kUnanswered && !partition->failed &&
                      !device_->crashed();
           ++i)
        store_->step();
      if (device_->crashed() || sent.state == Sent::State::kUnanswered) {
        partition->failed = true;
        break;
      }
    }
  }
}

// With nothing in the way every append is stored in the end, once, in order.
void Simulation::finish() {
  work(200);
  if (device_->crashed()) crash();
  device_->crash_at(0);  // no more of those that were to come
  for (int i = 0; i < 3 && broken_.empty(); ++i) {
    restart();
    work(100);
    if (device_->crashed()) crash();
  }
  if (!broken_.empty()) return;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    const TopicId topic = store_->find_topic(partition->topic)->id;
    if (store_->bounds(topic, partition->number)->visible_end.value() !=
        partition->history->everything().size())
      broken("an append was never stored");
  }
  LogClient reader = client();
  if (const std::string why = history_.contradiction(*store_, reader, Survives::kDurableAndWritten);
      !why.empty())
    broken("in the end: " + why);
}

}  // namespace bimip::testing
