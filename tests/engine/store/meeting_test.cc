// Calls that meet others on their way: each order in which they may come, one after another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/store/worked_store.h"
#include "tests/support/meddling_device.h"
#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

// Its records go with the log's oldest segments, and its number stays known: whichever of the two a
// reader finds in between.
TEST(AnEntityThatIsLookedFor, IsFoundWhileItsSegmentGoes) {
  SimDevice disk(1);
  MeddlingDevice device(disk);
  ManualClock clock;
  const auto store = Store::open({.directory = "data",
                                  .free_space_floor = 0,
                                  .entities_in_memory_max = 30,
                                  .rewrite_bytes_per_second = 0,
                                  .device = &device,
                                  .clock = &clock,
                                  .threading = Threading::kManual});
  ASSERT_TRUE(store);
  const auto work = [&, &log = **store] {
    for (int i = 0; i < 200; ++i) {
      clock.pass(250ms);
      while (log.step()) {
      }
    }
  };
  LogClient client(**store, [&] { (*store)->step(); });
  const TopicId topic =
      (*store)->create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
  const auto append = [&](const std::string& key) {
    ASSERT_TRUE(client.append(topic, {value_record(std::string(1000, 'x'), key)}));
  };
  // There is a base, which counts all but the last of them.
  for (int i = 0; i < 200; ++i) append("first " + std::to_string(i));
  ASSERT_TRUE((*store)->alter_topic("t", {.retention_bytes = 1}));
  work();
  ASSERT_TRUE((*store)->alter_topic("t", {.retention_bytes = 0}));
  append("wanted");
  for (int i = 0; i < 400; ++i) append("later " + std::to_string(i));
  work();
  const Offset start = (*store)->bounds(topic, PartitionId(0))->start;
  ASSERT_EQ(client.find_entity(topic, "wanted")->last_increment, IncrementId(1));

  bool meddled = false;
  device.once_opened("entities", [&] {
    meddled = true;
    ASSERT_TRUE((*store)->alter_topic("t", {.retention_bytes = 1}));
    work();
  });
  const Result<EntityState> found = client.find_entity(topic, "wanted");
  ASSERT_TRUE(meddled);
  ASSERT_GT((*store)->bounds(topic, PartitionId(0))->start, start);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->last_increment, IncrementId(1));
}

TEST(AClosedStore, AnswersWhateverItIsAsked) {
  SimDevice device(1);
  WorkedStore log(device);
  const TopicId topic = log.topic({});
  log.append(topic, "a", "key");
  log.store().close();
  LogClient client = log.client();
  EXPECT_EQ(client.append(topic, "b").error().code, ErrorCode::kClosed);
  EXPECT_EQ(client.read(topic, Offset(0)).error().code, ErrorCode::kClosed);
  EXPECT_EQ(client.find_time(topic, Timestamp{}).error().code, ErrorCode::kClosed);
  EXPECT_EQ(client.find_entity(topic, "key").error().code, ErrorCode::kClosed);
  EXPECT_EQ(client.list_entities(topic, {}, 1).error().code, ErrorCode::kClosed);
  EXPECT_EQ(log.store().bounds(topic, PartitionId(0)).error().code, ErrorCode::kClosed);
  EXPECT_EQ(log.store().create_topic("late", {}).error().code, ErrorCode::kClosed);
  EXPECT_EQ(log.store().alter_topic("t", {}).error().code, ErrorCode::kClosed);
  PendingErase erase;
  erase.topic = topic;
  erase.key = as_bytes("key");
  log.store().erase_entity(erase);
  EXPECT_EQ(erase.answer().error().code, ErrorCode::kClosed);
  PendingReopen reopen;
  reopen.topic = topic;
  log.store().reopen(reopen);
  EXPECT_EQ(reopen.result()->error().code, ErrorCode::kClosed);
  EXPECT_EQ(log.store().find_topic("t")->id, topic);
  EXPECT_THAT(log.store().list_topics(), ::testing::SizeIs(1));
  EXPECT_THAT(log.store().troubles(), ::testing::IsEmpty());
  log.store().set_retention_floor(topic, PartitionId(0), Offset(1));
}

// One partition after another, each on its own: closed after every number of steps.
TEST(AStoreThatCloses, AnswersAnErasureWhereverItStands) {
  for (int steps = 0;; ++steps) {
    SimDevice device(1);
    WorkedStore log(device);
    const TopicId topic = log.topic({.partitions = 3});
    for (std::uint32_t partition = 0; partition < 3; ++partition)
      ASSERT_TRUE(log.client().append(topic, {value_record("v", "key")}, PartitionId(partition)));
    PendingErase request;
    request.topic = topic;
    request.key = as_bytes("key");
    log.store().erase_entity(request);
    for (int i = 0; i < steps && !request.done(); ++i) {
      if (!log.store().step()) log.clock().pass(50ms);
    }
    const bool was_done = request.done();
    log.close();
    ASSERT_TRUE(request.done()) << "after " << steps << " steps";
    if (was_done) {
      ASSERT_TRUE(request.answer()) << request.answer().error().message;
      EXPECT_GT(steps, 30);
      return;
    }
    EXPECT_EQ(request.answer().error().code, ErrorCode::kClosed);
  }
}

TEST(AnErasure, IsAnsweredWithTheTroubleOfItsPartition) {
  SimDevice device(1);
  WorkedStore log(device);
  const TopicId topic = log.topic({});
  log.append(topic, "v", "key");
  PendingErase request;
  request.topic = topic;
  request.key = as_bytes("key");
  log.store().erase_entity(request);
  log.store().step();
  device.fail_next({.operation = SimOperation::kWrite, .path_contains = ".segment"});
  EXPECT_EQ(log.client().append(topic, "w").error().code, ErrorCode::kDegraded);
  log.work(1s);
  ASSERT_TRUE(request.done());
  EXPECT_EQ(request.answer().error().code, ErrorCode::kDegraded)
      << request.answer().error().message;
}

// A reader that had the segment before it was erased may ask for its directory afterwards, which
// would be made anew.
TEST(AReaderOfAnErasedSegment, BringsNothingOfItBack) {
  SimDevice device(1);
  WorkedStore log(device);
  const TopicId topic = log.topic({.segment_bytes = limits::kSegmentBytesMin});
  for (int i = 0; i < 100; ++i) log.append(topic, std::string(1000, 'x'), "key");
  const ManifestSegment first = log.sealed(topic).front();
  BufferPool pool(limits::kBufferArenaBytes);
  const auto segment = SealedSegment::open(device,
                                           {.folder = WorkedStore::folder(),
                                            .segment = {.store = log.store().report().store,
                                                        .topic = topic,
                                                        .partition = PartitionId(0),
                                                        .epoch = first.epoch},
                                            .base_offset = first.base_offset,
                                            .end_offset = first.end_offset,
                                            .file_bytes = first.file_bytes},
                                           pool);
  ASSERT_TRUE(segment) << segment.error().message;
  PendingErase request;
  request.topic = topic;
  request.key = as_bytes("key");
  log.store().erase_entity(request);
  log.work(1min);
  ASSERT_TRUE(request.done());
  ASSERT_TRUE(request.answer()) << request.answer().error().message;
  const std::vector<std::string> files = log.files();
  const auto entities = (*segment)->entities();
  ASSERT_TRUE(entities) << entities.error().message;
  EXPECT_TRUE(
      (*entities)->views().front().find(entity_hash(log.store().report().store, as_bytes("key"))));
  EXPECT_EQ(log.files(), files);
}

}  // namespace
}  // namespace bimip::testing
