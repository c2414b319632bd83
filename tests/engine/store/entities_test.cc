// The entities of a partition: numbered without a hole, found and replayed without a scan, through
// rolls, reopening, crashes and damage.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine/base/random.h"
#include "tests/engine/store/worked_store.h"

namespace bimip::testing {
namespace {

constexpr TopicConfig kSmallSegments{.segment_bytes = 64 * 1024};

struct Stored {
  std::uint64_t increment = 0;
  std::uint64_t offset = 0;
  std::string value;
  friend bool operator==(const Stored&, const Stored&) = default;
};
using Truth = std::map<std::string, std::vector<Stored>>;

// What the log itself says, read from end to end; each chain leads to the record before.
Truth scan(LogClient client, TopicId topic) {
  Truth truth;
  for (Offset from(0);;) {
    const Result<RecordBatch> batch = client.read(topic, from);
    if (!batch && batch.error().code == ErrorCode::kDamaged) {
      from = batch.error().range.end;
      continue;
    }
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch || batch->range().first == batch->range().end) return truth;
    const Status read = batch->for_each([&](const Record& record) {
      ASSERT_EQ(record.key.empty(), !record.entity);
      if (record.key.empty()) return;
      std::vector<Stored>& records = truth[std::string(as_text(record.key))];
      const bool is_next =
          !records.empty() && record.entity->increment.value() == records.back().increment + 1;
      EXPECT_TRUE(!is_next || record.entity->previous == Offset(records.back().offset));
      records.push_back({.increment = record.entity->increment.value(),
                         .offset = record.offset.value(),
                         .value = std::string(as_text(record.value))});
    });
    EXPECT_TRUE(read);
    from = batch->range().end;
  }
}

void expect_dense(const Truth& truth) {
  for (const auto& [key, records] : truth) {
    for (std::size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].increment, i + 1) << key;
  }
}

// One entity's records page by page; adds up the gaps.
struct Replay {
  std::vector<Stored> records;
  std::vector<EntityGap> gaps;
};
Replay replay(LogClient client, TopicId topic, const std::string& key, LogClient::EntityRead from) {
  Replay all;
  const bool forward = from.order == EntityOrder::kOldestFirst;
  while (true) {
    const Result<EntityBatch> batch = client.read_entity(topic, key, from);
    EXPECT_TRUE(batch) << batch.error().message;
    if (!batch) return all;
    for (const Record& record : batch->records()) {
      EXPECT_EQ(as_text(record.key), key);
      all.records.push_back({.increment = record.entity->increment.value(),
                             .offset = record.offset.value(),
                             .value = std::string(as_text(record.value))});
    }
    std::ranges::copy(batch->gaps(), std::back_inserter(all.gaps));
    const bool at_end =
        forward ? batch->next() > batch->last_increment() : batch->next() == IncrementId(0);
    if (at_end) return all;
    from.from = batch->next();
  }
}

// Everything that is answered of entities is what a scan says.
void expect_answers(LogClient client, TopicId topic, const Truth& truth, Random& random) {
  for (const auto& [key, records] : truth) {
    const Result<EntityState> state = client.find_entity(topic, key);
    ASSERT_TRUE(state) << key << ": " << state.error().message;
    ASSERT_EQ(state->last_increment, IncrementId(records.back().increment)) << key;
    ASSERT_EQ(state->newest, Offset(records.back().offset)) << key;
    const std::uint64_t k = 1 + random.below(records.size());
    const std::size_t page = 1 + random.below(20);
    const Replay forward =
        replay(client, topic, key, {.from = IncrementId(k), .records_max = page});
    const std::vector<Stored> wanted(records.begin() + static_cast<std::ptrdiff_t>(k - 1),
                                     records.end());
    ASSERT_EQ(forward.records, wanted) << key << " from " << k;
    ASSERT_TRUE(forward.gaps.empty()) << key;
    Replay back = replay(client, topic, key,
                         {.order = EntityOrder::kNewestFirst, .from = {}, .records_max = page});
    std::ranges::reverse(back.records);
    ASSERT_EQ(back.records, records) << key << " newest first";
    ASSERT_TRUE(back.gaps.empty()) << key;
  }
  const Result<EntityState> nobody = client.find_entity(topic, "nobody");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::kNotFound);
}

void expect_all_listed(LogClient client, TopicId topic, const Truth& truth) {
  std::map<std::string, std::uint64_t> listed;
  std::optional<EntityHash> from = EntityHash{};
  while (from) {
    const auto page = client.list_entities(topic, *from, 7);
    ASSERT_TRUE(page) << page.error().message;
    for (const EntityInfo& entity : page->entities) {
      const bool is_new =
          listed.emplace(as_text(entity.key), entity.state.last_increment.value()).second;
      EXPECT_TRUE(is_new) << as_text(entity.key);
    }
    from = page->next;
  }
  ASSERT_EQ(listed.size(), truth.size());
  for (const auto& [key, records] : truth) EXPECT_EQ(listed[key], records.back().increment) << key;
}

// Some keys often, many seldom.
std::string some_key(Random& random) {
  const std::uint64_t kind = random.below(3);
  if (kind == 0) return "hot";
  if (kind == 1) return "warm-" + std::to_string(random.below(10));
  return "cold-" + std::to_string(random.below(300));
}

void append_some(WorkedStore& store, TopicId topic, Random& random, int count) {
  for (int i = 0; i < count; ++i) {
    std::vector<std::string> texts;
    std::vector<RecordFields> fields;
    const std::uint64_t records = 1 + random.below(5);
    for (std::uint64_t j = 0; j < records; ++j) {
      texts.push_back(random.one_in(8) ? "" : some_key(random));
      texts.push_back(std::string(random.below(400), 'v'));
    }
    for (std::size_t j = 0; j < texts.size(); j += 2)
      fields.push_back(value_record(texts[j + 1], texts[j]));
    const auto appended = store.client().append(topic, fields);
    ASSERT_TRUE(appended) << appended.error().message;
  }
}

TEST(Entities, AreNumberedFromOneAndChained) {
  SimDevice device(1);
  WorkedStore store(device);
  const TopicId topic = store.topic({});
  store.append(topic, "a1", "alice");
  store.append(topic, "b1", "bob");
  store.append(topic, "without a key");
  store.append(topic, "a2", "alice");
  const Truth truth = scan(store.client(), topic);
  EXPECT_EQ(truth.at("alice"), (std::vector<Stored>{{1, 0, "a1"}, {2, 3, "a2"}}));
  EXPECT_EQ(truth.at("bob"), (std::vector<Stored>{{1, 1, "b1"}}));
  Random random(1);
  expect_answers(store.client(), topic, truth, random);
}

TEST(Entities, ARetriedRecordTakesNoIncrement) {
  SimDevice device(1);
  WorkedStore store(device);
  const TopicId topic = store.topic({});
  RecordFields fields = value_record("once", "alice");
  fields.producer = ProducerMark{.id = {.high = 1, .low = 1}, .number = ProducerNumber(5)};
  ASSERT_TRUE(store.client().append(topic, {fields}));
  ASSERT_TRUE(store.client().append(topic, {fields}));
  EXPECT_EQ(store.client().find_entity(topic, "alice")->last_increment, IncrementId(1));
}

TEST(Entities, AreFoundAndReplayedThroughRollsAndReopening) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    SimDevice device(seed);
    Random random(seed);
    WorkedStore store(device);
    const TopicId topic = store.topic(kSmallSegments);
    for (int round = 0; round < 4; ++round) {
      append_some(store, topic, random, 150);
      if (random.one_in(2)) store.work(std::chrono::seconds(2));
      if (random.one_in(2)) store.reopen();
      const Truth truth = scan(store.client(), topic);
      expect_dense(truth);
      expect_answers(store.client(), topic, truth, random);
      expect_all_listed(store.client(), topic, truth);
      if (::testing::Test::HasFatalFailure()) return;
    }
    EXPECT_GT(store.sealed(topic).size(), 3U);
  }
}

// The table holds a tenth of them: the others are looked up on the disk, in order with those that
// are in memory.
TEST(Entities, ThatDoNotFitIntoMemoryAreFoundOnTheDisk) {
  SimDevice device(7);
  Random random(7);
  WorkedStore store(device, 0, 30);
  const TopicId topic = store.topic(kSmallSegments);
  for (int round = 0; round < 4; ++round) {
    append_some(store, topic, random, 200);
    if (round == 2) store.reopen();
    const Truth truth = scan(store.client(), topic);
    expect_dense(truth);
    expect_answers(store.client(), topic, truth, random);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// Whichever derived file is lost or damaged: the answers are the same.
TEST(Entities, DirectoriesAreMadeAgainFromTheLog) {
  SimDevice device(3);
  Random random(3);
  WorkedStore store(device);
  const TopicId topic = store.topic(kSmallSegments);
  append_some(store, topic, random, 300);
  store.close();
  int damaged = 0;
  for (const std::string& name : store.files()) {
    const auto file = file_names::parse(name);
    if (!file || (file->kind != file_names::FileKind::kEntities &&
                  file->kind != file_names::FileKind::kEntityRuns))
      continue;
    ++damaged;
    const std::string path = WorkedStore::folder() + "/" + name;
    if (damaged % 2 == 0) {
      ASSERT_TRUE(device.remove(path));
    } else {
      const auto bytes = device.contents(path);
      ASSERT_TRUE(bytes);
      ASSERT_TRUE(device.flip_bit(path, FilePosition(random.below(bytes->size())), 3));
    }
  }
  EXPECT_GT(damaged, 3);
  store.open();
  const Truth truth = scan(store.client(), topic);
  expect_dense(truth);
  expect_answers(store.client(), topic, truth, random);
}

// A block of a sealed segment rots, then the directories are lost too: what is left is replayed,
// the rest is a gap, and no increment is given twice.
TEST(Entities, RotIsAGapAndItsIncrementsAreNotUsedAgain) {
  SimDevice device(5);
  WorkedStore store(device);
  const TopicId topic = store.topic(kSmallSegments);
  for (int i = 0; i < 100; ++i) store.append(topic, std::string(3000, 'x'), "alice");
  store.append(topic, "last", "bob");
  const Truth before = scan(store.client(), topic);
  ASSERT_EQ(before.at("alice").size(), 100U);
  const ManifestSegment segment = store.sealed(topic).front();
  store.close();
  const std::string path = WorkedStore::folder() + "/" + file_names::segment(segment.epoch);
  ASSERT_TRUE(device.flip_bit(path, FilePosition(3 * limits::kSectorBytes + 500), 0));
  store.open();
  const Replay all = replay(store.client(), topic, "alice", {.from = IncrementId(1)});
  ASSERT_EQ(all.gaps.size(), 1U);
  EXPECT_EQ(all.gaps[0].kind, EntityGapKind::kDamage);
  EXPECT_EQ(all.records.size() + (all.gaps[0].last - all.gaps[0].first) + 1, 100U);
  store.close();
  for (const std::string& name : store.files()) {
    const bool is_directory = name.ends_with(".entities");
    ASSERT_TRUE(!is_directory || device.remove(WorkedStore::folder() + "/" + name));
  }
  store.open();
  store.append(topic, "more", "alice");
  EXPECT_EQ(store.client().find_entity(topic, "alice")->last_increment, IncrementId(101))
      << "alice's newest is known";
  store.append(topic, "new", "carol");
  EXPECT_GT(store.client().find_entity(topic, "carol")->last_increment, IncrementId(1))
      << "the lost record may have been carol's";
}

// The power goes at many steps of a workload that rolls, seals and checkpoints; whatever image is
// left, what was answered keeps its increment, and numbering goes on without a hole.
TEST(Entities, KeepTheirNumbersWhateverACrashLeaves) {
  std::uint64_t crashes = 0;
  for (std::uint64_t step = 40; step < 700; step += 23) {
    SimDevice device(step);
    std::vector<std::pair<std::string, std::uint64_t>> answered;
    TopicId topic;
    {
      WorkedStore store(device);
      topic = store.topic(kSmallSegments);
      device.crash_at(device.steps() + step);
      Random random(step);
      for (int i = 0; i < 250 && !device.crashed(); ++i) {
        const std::string key = some_key(random);
        const auto appended =
            store.client().append(topic, {value_record(std::string(700, 'v'), key)});
        if (appended) answered.emplace_back(key, appended->first.value());
      }
    }
    for (const LossMode mode : kAllLossModes) {
      SCOPED_TRACE("step " + std::to_string(step) + ", " + std::string(name_of(mode)));
      ++crashes;
      const std::unique_ptr<SimDevice> image = device.image(mode, step);
      WorkedStore store(*image);
      Random random(step);
      append_some(store, topic, random, 5);
      const Truth truth = scan(store.client(), topic);
      expect_dense(truth);
      std::map<std::string, std::uint64_t> counts;
      for (const auto& [key, offset] : answered) {
        const std::uint64_t increment = ++counts[key];
        ASSERT_GE(truth.at(key).size(), increment);
        ASSERT_EQ(truth.at(key)[increment - 1].offset, offset) << key;
      }
      expect_answers(store.client(), topic, truth, random);
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
  EXPECT_GT(crashes, 200U);
}

}  // namespace
}  // namespace bimip::testing
