// What was erased is nowhere any more, and everything else is as it was.
#include "engine/partition/erasure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine/entity/base_file.h"
#include "tests/engine/store/worked_store.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kErased = "user-4711@example.org";

std::string hash_bytes(StoreId store, std::string_view key) {
  const EntityHash hash = entity_hash(store, as_bytes(key));
  std::string bytes(11, '\0');
  for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<char>(hash.high >> (8 * i));
  for (unsigned i = 0; i < 3; ++i) bytes[8 + i] = static_cast<char>(hash.low >> (8 * i));
  return bytes;
}

// Where on a device, in any file, some bytes are.
std::vector<std::string> found_in(SimDevice& device, std::string_view bytes) {
  std::vector<std::string> names;
  for (const std::string& file : device.files()) {
    const auto contents = device.contents(file);
    if (contents && as_text(*contents).find(bytes) != std::string_view::npos) names.push_back(file);
  }
  return names;
}

class Erasure : public ::testing::Test {
 protected:
  void begin(const TopicConfig& config) { topic_ = log_.topic(config); }
  std::string value(const std::string& key, int i) const {
    return "secret of " + std::to_string(i) + (key == kErased ? "/erased/" : "/kept/") +
           std::string(1500, static_cast<char>('a' + i % 20));
  }
  void put(const std::string& key, int i, const std::string& idempotency_key = {}) {
    const std::string text = value(key, i);
    RecordFields fields = value_record(text, key);
    fields.idempotency_key = as_bytes(idempotency_key);
    const auto appended = log_.client().append(topic_, {fields});
    ASSERT_TRUE(appended) << appended.error().message;
    if (key != kErased)
      kept_.push_back({.offset = appended->first.value(), .key = key, .value = text});
  }
  void fill(int records) {
    for (int i = 0; i < records; ++i)
      put(i % 7 == 3 ? kErased : "user " + std::to_string(i % 5), i);
  }
  Result<Erased> erase(std::string_view key) {
    PendingErase request;
    request.topic = topic_;
    request.key = as_bytes(key);
    log_.store().erase_entity(request);
    for (int i = 0; i < 4000 && !request.done(); ++i) {
      log_.clock().pass(250ms);
      for (int j = 0; j < 8; ++j) log_.store().step();
    }
    EXPECT_TRUE(request.done());
    return request.answer();
  }
  void expect_nowhere(std::string_view key = kErased) {
    EXPECT_THAT(found_in(device_, key), IsEmpty());
    EXPECT_THAT(found_in(device_, hash_bytes(log_.store().report().store, key)), IsEmpty());
    EXPECT_THAT(found_in(device_, "/erased/"), IsEmpty());
  }
  void expect_the_others() {
    const auto all = log_.client().read_all(topic_);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_THAT(all->gaps, IsEmpty());
    EXPECT_EQ(all->records, kept_);
  }
  // Every record of a key, by its increment, is there and leads on.
  void expect_chain(const std::string& key) {
    std::vector<StoredRecord> wanted;
    for (const StoredRecord& record : kept_) {
      if (record.key == key) wanted.push_back(record);
    }
    const auto batch = log_.client().read_entity(topic_, key, {.from = IncrementId(1)});
    ASSERT_TRUE(batch) << batch.error().message;
    ASSERT_EQ(batch->records().size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_EQ(batch->records()[i].offset.value(), wanted[i].offset);
      EXPECT_EQ(batch->records()[i].entity->increment, IncrementId(i + 1));
    }
    EXPECT_THAT(batch->gaps(), IsEmpty());
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  TopicId topic_;
  std::vector<StoredRecord> kept_;
};

TEST_F(Erasure, LeavesNothingOfTheKeyAndEverythingElse) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  fill(300);
  ASSERT_GT(log_.sealed(topic_).size(), 3U);
  ASSERT_THAT(found_in(device_, kErased), Not(IsEmpty()));
  const Result<Erased> erased = erase(kErased);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->records, 43U);
  EXPECT_GT(erased->segments_rewritten, 3U);
  EXPECT_GT(erased->files_proven, erased->segments_rewritten);
  EXPECT_EQ(erased->mentions, 0U);
  for (int round = 0; round < 2; ++round) {
    expect_nowhere();
    expect_the_others();
    for (int key = 0; key < 5; ++key) expect_chain("user " + std::to_string(key));
    const auto state = log_.client().find_entity(topic_, kErased);
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().code, ErrorCode::kNotFound);
    log_.reopen();
    for (const PartitionReport& report : log_.store().report().partitions) {
      EXPECT_THAT(report.notes, IsEmpty());
      EXPECT_THAT(report.damaged, IsEmpty());
    }
  }
}

TEST_F(Erasure, LetsTheKeyBeginAnew) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  fill(100);
  ASSERT_TRUE(erase(kErased));
  put(kErased, 1);
  EXPECT_EQ(log_.client().find_entity(topic_, kErased)->last_increment, IncrementId(1));
  log_.reopen();
  put(kErased, 2);
  EXPECT_EQ(log_.client().find_entity(topic_, kErased)->last_increment, IncrementId(2));
  put("user 0", 3);
  expect_chain("user 0");
}

TEST_F(Erasure, OfARecordInTheActiveSegmentOnly) {
  begin({});
  put("user 1", 1);
  put(kErased, 2);
  put("user 1", 3);
  const Result<Erased> erased = erase(kErased);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->records, 1U);
  expect_nowhere();
  expect_the_others();
}

TEST_F(Erasure, OfAKeyThatNeverWasChangesNothing) {
  begin({});
  put("user 1", 1);
  const Manifest before = log_.manifest(topic_);
  const Result<Erased> erased = erase("nobody's key");
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->records, 0U);
  EXPECT_EQ(log_.manifest(topic_), before) << "nothing was rolled, nothing written anew";
  EXPECT_GT(erased->files_proven, 0U);
}

TEST_F(Erasure, RefusesTheKeyMeanwhileAndTakesOthers) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  fill(60);
  PendingErase request;
  request.topic = topic_;
  request.key = as_bytes(kErased);
  log_.store().erase_entity(request);
  while (log_.store().step()) {
  }
  log_.clock().pass(250ms);
  log_.store().step();
  ASSERT_FALSE(request.done());
  const auto refused = log_.client().append(topic_, {value_record("again", kErased)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  put("user 2", 1000);
  log_.work();
  ASSERT_TRUE(request.done());
  ASSERT_TRUE(request.answer()) << request.answer().error().message;
  expect_nowhere();
  expect_the_others();
  EXPECT_TRUE(log_.client().append(topic_, {value_record("again", kErased)}));
}

TEST_F(Erasure, TakesWhatTheEntityBaseKnows) {
  begin({.segment_bytes = limits::kSegmentBytesMin, .retention_bytes = 256 * 1024});
  put(kErased, 1);
  for (int i = 0; i < 300; ++i) put("later " + std::to_string(i % 3), i);
  log_.work();
  ASSERT_GT(log_.manifest(topic_).log_start, Offset(1));
  const std::string hash = hash_bytes(log_.store().report().store, kErased);
  ASSERT_THAT(found_in(device_, hash), Contains(HasSubstr("entities")));
  const Result<Erased> erased = erase(kErased);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->records, 0U) << "retention had taken it";
  expect_nowhere();
  EXPECT_EQ(log_.client().find_entity(topic_, "later 0")->last_increment, IncrementId(100));
}

TEST_F(Erasure, ForgetsIdempotencyKeysOfWhatItErased) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  for (int i = 0; i < 60; ++i)
    put(i % 2 == 0 ? kErased : "user 1", i, "payment " + std::to_string(i));
  ASSERT_TRUE(erase(kErased));
  expect_nowhere();
  RecordFields kept = value_record("again", "user 1");
  kept.idempotency_key = as_bytes("payment 1");
  EXPECT_EQ(log_.client().append(topic_, {kept})->first, Offset(1)) << "of others they stay known";
  const Offset end = log_.store().bounds(topic_, PartitionId(0))->visible_end;
  RecordFields again = value_record("again", kErased);
  again.idempotency_key = as_bytes("payment 2");
  EXPECT_EQ(log_.client().append(topic_, {again})->first, end) << "a new publish";
}

TEST_F(Erasure, GoesOverAllPartitionsOfATopic) {
  topic_ = log_.topic({.partitions = 3});
  for (std::uint32_t partition = 0; partition < 3; ++partition) {
    for (const char* key : {kErased, "user 1"})
      ASSERT_TRUE(
          log_.client().append(topic_, {value_record("/erased/", key)}, PartitionId(partition)));
  }
  const Result<Erased> erased = erase(kErased);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->records, 3U);
  EXPECT_THAT(found_in(device_, kErased), IsEmpty());
}

TEST_F(Erasure, LeavesNothingOfDamagedBlocksAndSideFiles) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  fill(120);
  const std::vector<ManifestSegment> sealed = log_.sealed(topic_);
  ASSERT_GT(sealed.size(), 1U);
  log_.close();
  const std::string name = WorkedStore::folder() + "/" + file_names::segment(sealed.front().epoch);
  ASSERT_TRUE(device_.flip_bit(name, FilePosition(limits::kSectorBytes + 600), 1));
  const std::string side = WorkedStore::folder() + "/" +
                           file_names::quarantine(sealed.front().epoch, FilePosition(4096));
  auto file = device_.open(side, OpenMode::kCreate);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(FilePosition(0), as_bytes(std::string(kErased) + "/erased/")));
  ASSERT_TRUE((*file)->sync());
  file->reset();
  log_.open();
  const Result<Erased> erased = erase(kErased);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->side_files_removed, 1U);
  expect_nowhere();
  const auto all = log_.client().read_all(topic_);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->gaps.size(), 1U) << "what was damaged stays told of";
}

TEST_F(Erasure, IsNotDoneWhileAForeignFileHoldsTheKey) {
  begin({});
  put(kErased, 1);
  auto file = device_.open(WorkedStore::folder() + "/copy-of-somebody", OpenMode::kCreate);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(FilePosition(0), as_bytes(kErased)));
  const Result<Erased> erased = erase(kErased);
  ASSERT_FALSE(erased);
  EXPECT_EQ(erased.error().code, ErrorCode::kDamaged);
  EXPECT_THAT(erased.error().message, HasSubstr("copy-of-somebody"));
  EXPECT_TRUE(log_.client().append(topic_, {value_record("x", kErased)})) << "refused no more";
}

TEST_F(Erasure, CountsWhoElseMentionsTheKey) {
  begin({});
  put(kErased, 1);
  const std::string text = "a letter to " + std::string(kErased);
  ASSERT_TRUE(log_.client().append(topic_, {value_record(text, "user 1")}));
  const Result<Erased> erased = erase(kErased);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->mentions, 1U);
}

// No directory knows those that are held; the proof finds them, in sealed segments and the active
// one.
TEST_F(Erasure, TakesWhatIsHeldUntilItsTime) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  const auto hold = [&](const std::string& key, const std::string& text) {
    RecordFields fields = value_record(text, key);
    fields.not_before = log_.clock().now() + 1h;
    ASSERT_TRUE(log_.client().append(topic_, {fields}));
  };
  hold(kErased, "/erased/" + std::string(200, 'h'));
  hold("user 9", "/kept/ until its time");
  fill(100);
  hold(kErased, "/erased/" + std::string(200, 'i'));
  const Result<Erased> erased = erase(kErased);
  ASSERT_TRUE(erased) << erased.error().message;
  EXPECT_EQ(erased->records, 16U);
  expect_nowhere();
  log_.work(2h);
  const auto all = log_.client().read_all(topic_);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->records.back().value, "/kept/ until its time");
  EXPECT_EQ(all->records.size(), kept_.size() + 1);
  expect_nowhere();
}

// What was read before stays readable to who holds it; what is read afterwards is passed over.
TEST_F(Erasure, DisturbsNoReader) {
  begin({.segment_bytes = limits::kSegmentBytesMin});
  fill(100);
  const auto held = log_.client().read(topic_, Offset(0));
  ASSERT_TRUE(held);
  const auto entity = log_.client().read_entity(topic_, kErased, {.from = IncrementId(1)});
  ASSERT_TRUE(entity);
  ASSERT_TRUE(erase(kErased));
  std::uint64_t records = 0;
  ASSERT_TRUE(held->for_each([&](const Record&) { ++records; }));
  EXPECT_GT(records, 0U);
  EXPECT_EQ(as_text(entity->records().front().key), kErased);
  expect_the_others();
}

// Power goes at every step: what was answered as erased is; what was not can be asked for
// again; no other record is harmed, and no other increment used twice.
TEST(ErasureAndCrash, IsDoneOrAskedForAgain) {
  struct Ran {
    bool answered = false;
    std::vector<StoredRecord> kept{};
  };
  std::uint64_t first_step = 0;  // behind the last append
  const auto run = [&first_step](SimDevice& device) {
    Ran ran;
    WorkedStore log(device);
    const TopicId topic = log.topic({.segment_bytes = limits::kSegmentBytesMin});
    for (int i = 0; i < 100; ++i) {
      const std::string key = i % 5 == 2 ? kErased : "key " + std::to_string(i % 3);
      const std::string text =
          (key == kErased ? "/erased/" : "/kept/") + std::to_string(i) + std::string(1200, 'x');
      const auto appended = log.client().append(topic, {value_record(text, key)});
      if (appended && key != kErased)
        ran.kept.push_back({.offset = appended->first.value(), .key = key, .value = text});
    }
    if (first_step == 0) first_step = device.steps();
    PendingErase request;
    request.topic = topic;
    request.key = as_bytes(kErased);
    log.store().erase_entity(request);
    for (int i = 0; i < 80 && !request.done() && !device.crashed(); ++i) {
      log.clock().pass(250ms);
      for (int j = 0; j < 20; ++j) log.store().step();
    }
    ran.answered = request.done() && request.answer().has_value();
    log.close();
    return ran;
  };
  SimDevice whole(1);
  ASSERT_TRUE(run(whole).answered);
  std::uint64_t images = 0;
  std::uint64_t unanswered = 0;
  for (std::uint64_t step = first_step + 1; step <= whole.steps(); step += proof_stride()) {
    SimDevice device(1);
    device.crash_at(step);
    const Ran ran = run(device);
    if (!ran.answered) ++unanswered;
    for (const LossMode mode : kAllLossModes) {
      SCOPED_TRACE("step " + std::to_string(step) + ", " + std::string(name_of(mode)));
      const auto image = device.image(mode, step);
      ++images;
      if (ran.answered) {
        ASSERT_THAT(found_in(*image, kErased), IsEmpty());
      }
      WorkedStore log(*image);
      const auto topic = log.store().find_topic("t");
      ASSERT_TRUE(topic);
      auto all = log.client().read_all(topic->id);
      ASSERT_TRUE(all);
      ASSERT_THAT(all->gaps, IsEmpty());
      std::erase_if(all->records, [](const StoredRecord& r) { return r.key == kErased; });
      ASSERT_EQ(all->records, ran.kept);
      for (int key = 0; key < 3; ++key) {
        const auto state = log.client().find_entity(topic->id, "key " + std::to_string(key));
        ASSERT_TRUE(state) << state.error().message;
        const auto is_its = [&](const StoredRecord& r) {
          return r.key == "key " + std::to_string(key);
        };
        ASSERT_EQ(state->last_increment.value(), std::ranges::count_if(ran.kept, is_its));
      }
      PendingErase again;
      again.topic = topic->id;
      again.key = as_bytes(kErased);
      log.store().erase_entity(again);
      log.work(20s);
      ASSERT_TRUE(again.done());
      ASSERT_TRUE(again.answer()) << again.answer().error().message;
      ASSERT_THAT(found_in(*image, kErased), IsEmpty());
      ASSERT_THAT(found_in(*image, "/erased/"), IsEmpty());
    }
  }
  std::cout << images << " images, " << unanswered << " steps before the answer\n";
  EXPECT_GT(images, 600U / proof_stride());
  EXPECT_GT(unanswered, 60U / proof_stride());
}

}  // namespace
}  // namespace bimip::testing
