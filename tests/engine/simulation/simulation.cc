#include "tests/engine/simulation/simulation.h"

#include "tests/support/joined.h"

namespace bimip::testing {

using namespace std::chrono_literals;

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

std::string Simulation::run(int actions) {
  if (std::string why = open(); !why.empty()) return why;
  make_topic();
  for (int i = 0; i < actions && broken_.empty() && !lost_track_; ++i) {
    act();
    if (device_->crashed()) crash();
  }
  if (broken_.empty() && !lost_track_) finish();
  counts_.cut_short = lost_track_ ? 1 : 0;
  return broken_;
}

void Simulation::act() {
  const std::uint64_t dice = random_.below(100);
  if (dice < 45) return append();
  if (dice < 65) return work(1 + random_.below(6));
  if (dice < 75) return consume();
  if (dice < 83) return pass(std::chrono::milliseconds(random_.below(3000)));
  if (dice < 85) return idle();
  if (dice < 87) return step_wall(std::chrono::seconds(random_.below(200)) - 100s);
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
    pass(200ms);
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

// Some come later, some expire, some do both.
SentRecord Simulation::some_record(std::string value) {
  SentRecord record{.value = std::move(value), .key = some_key()};
  Timestamp from = clock_.now();
  if (random_.one_in(4))
    record.not_before = from += std::chrono::milliseconds(random_.below(20'000));
  if (random_.one_in(4))
    record.expires_at = from + std::chrono::milliseconds(1 + random_.below(30'000));
  return record;
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
  std::vector<SentRecord> records;
  const std::uint64_t count = random_.one_in(4) ? 1 + random_.below(5) : 1;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string value = joined(counts_.appends, ".", i, ":");
    value.resize(value.size() + random_.below(random_.one_in(10) ? 30'000 : 2'000),
                 static_cast<char>('a' + random_.below(26)));
    records.push_back(some_record(std::move(value)));
  }
  const Durability topic = history_.topics().at(partition.topic).config.durability;
  const Durability wants = random_.one_in(4) ? Durability::kDurable : topic;
  Sent& sent = partition.history->send(std::move(records), wants);
  partition.history->clock_shows(clock_.now());
  send(partition, sent);
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

// What was sent is answered now, or never.
void Simulation::close() {
  store_.reset();
  requests_.clear();
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

void Simulation::pass(std::chrono::microseconds time) {
  clock_.pass(time);
  history_.clock_shows(clock_.now());
}

void Simulation::step_wall(std::chrono::microseconds time) {
  clock_.step_wall(time);
  history_.clock_shows(clock_.now());
}

void Simulation::work(std::uint64_t rounds) {
  for (std::uint64_t i = 0; i < rounds && !device_->crashed(); ++i) {
    store_->step();
    observe();
  }
}

// Until there is nothing to do before time passes.
void Simulation::settle() {
  constexpr int kRoundsMax = 2000;
  constexpr int kStill = 4;
  int still = 0;
  for (int i = 0; i < kRoundsMax && still < kStill && !device_->crashed(); ++i) {
    still = store_->step() ? 0 : still + 1;
    observe();
  }
}

}  // namespace bimip::testing
