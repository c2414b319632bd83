#include "tests/engine/partition/partition_bench.h"

namespace bimip::testing {

PartitionBench::PartitionBench() {
  EXPECT_TRUE(device_.create_directory("p"));
  EXPECT_TRUE(device_.sync_directory("/"));
  spares_ = *SpareSegments::open(device_, {.folder = "spare"});
}

SegmentKeeper::Place PartitionBench::place() {
  return {.folder = "p",
          .partition = {.store = kStore, .topic = TopicId(1), .partition = PartitionId(0)},
          .durability = config_.durability,
          .pool = &pool_};
}

void PartitionBench::open(const TopicConfig& config) {
  close();
  config_ = config;
  if (!there("manifest")) {
    ASSERT_TRUE(SegmentKeeper::create(device_, place(), clock_.now()));
    // With room, so that the first append need not wait for it.
    const auto file =
        device_.open(place().folder / file_names::segment(Epoch(1)), OpenMode::kReadWrite);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->allocate(FilePosition(limits::kSectorBytes), limits::kExtendBytesMin));
    ASSERT_TRUE((*file)->sync());
    ASSERT_TRUE(device_.sync_directory(place().folder));
  }
  auto queue = std::make_unique<HeldQueue>(on_attach_);
  queue_ = queue.get();
  loop_ = std::make_unique<WriterLoop>(
      WriterLoop::Parts{.device = device_,
                        .jobs = jobs_,
                        .clock = clock_,
                        .pool = pool_,
                        .tail = tail_,
                        .spares = *spares_,
                        .background = jobs_,
                        .budget = budget_,
                        .counters = upkeep_,
                        .troubles = troubles_,
                        .commits = commits_,
                        .on_tick = [] {},
                        .open_partitions_max = limits::kOpenPartitionsMax},
      std::move(queue));
  partition_ = std::make_unique<Partition>(Partition::Parts{.loop = *loop_,
                                                            .reader = {.pool = pool_,
                                                                       .tail = tail_,
                                                                       .sealed = sealed_,
                                                                       .ahead = ahead_,
                                                                       .clock = clock_}},
                                           place(), config_);
  Result<RecoveredPartition> recovered =
      recover_partition(device_, pool_, partition_->place(), clock_.now());
  ASSERT_TRUE(recovered) << recovered.error().message;
  report_ = recovered->report;
  loop_->open(*partition_, std::move(*recovered));
}

void PartitionBench::close() {
  while (jobs_.run_one()) {
  }
  loop_.reset();
  partition_.reset();
  tail_.drop(TopicId(1), PartitionId(0));
}

bool PartitionBench::stop() {
  loop_->begin_stop();
  for (int i = 0; i < 1000; ++i) {
    if (!loop_->run_once(std::chrono::microseconds(0))) return true;
    jobs_.run_one();
    while (queue_->held() > 0) queue_->finish(0);
  }
  return false;
}

PartitionBench::Request& PartitionBench::append(std::string value,
                                                std::optional<Durability> durability) {
  return append_all({std::move(value)}, durability);
}

PartitionBench::Request& PartitionBench::append_all(std::vector<std::string> values,
                                                    std::optional<Durability> durability) {
  requests_.push_back(
      std::make_unique<Request>(std::move(values), std::vector<RecordFields>(), answered_));
  requests_.back()->durability = durability;
  partition_->append(*requests_.back());
  return *requests_.back();
}

PartitionBench::Request& PartitionBench::append_records(std::vector<RecordFields> fields) {
  requests_.push_back(
      std::make_unique<Request>(std::vector<std::string>(), std::move(fields), answered_));
  partition_->append(*requests_.back());
  return *requests_.back();
}

void PartitionBench::settle() {
  bool busy = true;
  while (busy) {
    turn();
    busy = jobs_.run_one();
    for (; queue_->held() > 0; busy = true) queue_->finish(0);
    turn();
    busy = busy || queue_->held() > 0;
  }
}

void PartitionBench::pass(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kTick{250};
  for (; time.count() > 0; time -= kTick) {
    clock_.pass(std::min(time, kTick));
    settle();
  }
}

PartitionBench::Records PartitionBench::read(Offset from) {
  Records records;
  gaps_.clear();
  while (true) {
    Result<RecordBatch> batch = reader().read_disk(from, 1024 * 1024);
    if (!batch && batch.error().code == ErrorCode::kDamaged) {
      gaps_.push_back(batch.error().range);
      from = batch.error().range.end;
      continue;
    }
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch || batch->range().first == batch->range().end) return records;
    EXPECT_TRUE(batch->for_each([&](const Record& record) {
      records.push_back({.offset = record.offset.value(),
                         .key = std::string(as_text(record.key)),
                         .value = std::string(as_text(record.value))});
    }));
    from = batch->range().end;
  }
}

}  // namespace bimip::testing
