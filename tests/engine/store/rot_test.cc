// A flipped bit anywhere in a store: found, its loss at most its block, told as a gap, never grown
// by recovery, and writing goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/format/file_names.h"
#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

constexpr std::size_t kRecords = 120;
constexpr std::size_t kKeys = 7;

std::string value_of(std::size_t i) {
  return "value " + std::to_string(i) + " " + std::string(i * 37 % 1500, 'v');
}
std::string key_of(std::size_t i) { return "key " + std::to_string(i % kKeys); }

// Topic "a": sealed segments with all that is derived from them, an active one with a checkpoint
// and runs. Topic "b": one young segment. Topic "c": compacted segments, an entity base. Topic "d":
// an active segment that no checkpoint covers.
class RotTest : public ::testing::Test {
 protected:
  struct Truth {
    std::string folder{};
    TopicId topic{};
    std::map<std::uint64_t, StoredRecord> records{};
    std::map<std::string, IncrementId> last{};
    Offset end{};
  };

  RotTest() {
    SimulatedStore sim(1);
    a_ = fill(sim, "a", {.segment_bytes = limits::kSegmentBytesMin});
    b_ = sim.store().create_topic("b", {})->id;
    if (!sim.log().append(b_, "b")) throw std::runtime_error("no append");
    c_ = fill(sim, "c",
              {.segment_bytes = limits::kSegmentBytesMin, .compaction = Compaction::kNewest});
    d_ = fill(sim, "d", {});
    sim.pass(std::chrono::seconds(20));
    if (sim.store().upkeep().compactions == 0) throw std::runtime_error("no compaction");
    sim.close();
    sim.open();  // nothing is read from memory
    learn(sim, a_);
    learn(sim, c_);
    learn(sim, d_);
    sim.close();
    sound_ = sim.device().image(LossMode::kKeepAll, 1);
    for (const std::string& file : sound_->files()) find_blocks(file);
  }

  static Truth fill(SimulatedStore& sim, const std::string& name, const TopicConfig& config) {
    Truth truth{.folder = "data/topics/" + name + "/0",
                .topic = sim.store().create_topic(name, config)->id};
    for (std::size_t i = 0; i < kRecords; ++i) {
      const std::string value = value_of(i);
      const std::string key = key_of(i);
      RecordFields fields = value_record(value, key);
      fields.producer = ProducerMark{.id = {.high = 1, .low = 1}, .number = ProducerNumber(i + 1)};
      if (!sim.log().append(truth.topic, {fields})) throw std::runtime_error("no append");
    }
    return truth;
  }

  static void learn(SimulatedStore& sim, Truth& truth) {
    const auto all = sim.log().read_all(truth.topic);
    if (!all || !all->gaps.empty()) throw std::runtime_error("not sound");
    for (const StoredRecord& record : all->records) truth.records[record.offset] = record;
    for (std::size_t i = 0; i < kKeys; ++i) {
      truth.last[key_of(i)] = sim.log().find_entity(truth.topic, key_of(i))->last_increment;
    }
    truth.end = sim.store().bounds(truth.topic, PartitionId(0))->visible_end;
  }

  struct Place {
    std::string file;
    FilePosition begin;
    FilePosition end;
    OffsetRange offsets;
    [[nodiscard]] bool is_of(const Truth& truth) const { return file.starts_with(truth.folder); }
  };

  // The store after this bit was flipped.
  std::unique_ptr<SimulatedStore> flip(const std::string& file, std::uint64_t position) {
    auto device = sound_->image(LossMode::kKeepAll, 1);
    EXPECT_TRUE(device->flip_bit(file, FilePosition(position), position % 8));
    return std::make_unique<SimulatedStore>(std::move(device));
  }

  // What the topic gives: every record right and at its place, but those in `lost`, for which there
  // are gaps; and again after more was written and the store opened anew.
  static void expect_lost_at_most(SimulatedStore& sim, const Truth& truth, OffsetRange lost) {
    for (std::uint64_t round = 0; round < 2; ++round) {
      ASSERT_NO_FATAL_FAILURE(expect_log(sim, truth, lost));
      ASSERT_NO_FATAL_FAILURE(expect_entities(sim, truth, lost));
      ASSERT_NO_FATAL_FAILURE(expect_it_goes_on(sim, truth, lost, round));
      sim.close();
      sim.open();
      ASSERT_TRUE(sim.store().report().unusable.empty());
    }
  }

  static bool contains(const OffsetRange& range, std::uint64_t offset) {
    return range.first.value() <= offset && offset < range.end.value();
  }

  static void expect_log(SimulatedStore& sim, const Truth& truth, OffsetRange lost) {
    const auto all = sim.log().read_all(truth.topic);
    ASSERT_TRUE(all) << all.error().message;
    auto missing = truth.records;
    for (const StoredRecord& record : all->records) {
      if (Offset(record.offset) >= truth.end) continue;
      ASSERT_TRUE(missing.contains(record.offset)) << "made up";
      ASSERT_EQ(record, missing[record.offset]);
      missing.erase(record.offset);
    }
    for (const auto& [offset, record] : missing) {
      ASSERT_TRUE(contains(lost, offset)) << "offset " << offset << " is lost, not in the block";
      ASSERT_TRUE(std::ranges::any_of(
          all->gaps, [&](const OffsetRange& gap) { return contains(gap, offset); }))
          << "offset " << offset << " is missing and no gap says so";
    }
    for (const OffsetRange& gap : all->gaps) {
      ASSERT_GE(gap.first, lost.first);
      ASSERT_LE(gap.end, lost.end);
    }
  }

  // Every record of an entity is found by the entity too, or a gap of increments tells of damage.
  static void expect_entities(SimulatedStore& sim, const Truth& truth, OffsetRange lost) {
    std::set<std::uint64_t> found;
    for (const auto& [key, last] : truth.last) {
      IncrementId from(1);
      while (true) {
        const auto batch = sim.log().read_entity(truth.topic, key, {.from = from});
        if (!batch && lost.first < lost.end && batch.error().code == ErrorCode::kNotFound) break;
        ASSERT_TRUE(batch) << key << ": " << batch.error().message;
        for (const Record& record : batch->records()) {
          if (record.offset >= truth.end) continue;
          ASSERT_EQ(as_text(record.key), key);
          ASSERT_EQ(as_text(record.value), truth.records.at(record.offset.value()).value);
          found.insert(record.offset.value());
        }
        for (const EntityGap& gap : batch->gaps()) {
          ASSERT_TRUE(gap.kind != EntityGapKind::kDamage || lost.first < lost.end)
              << key << ": increments " << gap.first.value() << " to " << gap.last.value();
        }
        if (batch->next() > batch->last_increment()) break;
        from = batch->next();
      }
    }
    for (const auto& [offset, record] : truth.records)
      ASSERT_TRUE(found.contains(offset) || contains(lost, offset)) << "offset " << offset;
  }

  // A record of each key: taken, and its increment is new.
  static void expect_it_goes_on(SimulatedStore& sim, const Truth& truth, OffsetRange lost,
                                std::uint64_t round) {
    std::vector<RecordFields> fields;
    for (const auto& [key, last] : truth.last) fields.push_back(value_record("goes on", key));
    ASSERT_TRUE(sim.log().append(truth.topic, fields)) << "writing stopped";
    for (const auto& [key, last] : truth.last) {
      const auto state = sim.log().find_entity(truth.topic, key);
      ASSERT_TRUE(state) << key << ": " << state.error().message;
      ASSERT_GT(state->last_increment, last + round) << key << ": an increment was used twice";
      if (lost.first == lost.end) {
        ASSERT_EQ(state->last_increment, last + round + 1) << key;
      }
    }
  }

  void find_blocks(const std::string& file) {
    if (!file.ends_with(".segment")) return;
    const auto bytes = *sound_->contents(file);
    for (std::size_t at = limits::kSectorBytes; at + kBlockHeaderBytes <= bytes.size();) {
      const auto header = decode_block_header(Bytes(bytes).subspan(at));
      if (!header) {
        at += limits::kSectorBytes;
        continue;
      }
      blocks_.push_back({.file = file,
                         .begin = FilePosition(at),
                         .end = FilePosition(at + header->block_bytes),
                         .offsets = {.first = header->base_offset, .end = header->end_offset()}});
      at += header->block_bytes;
    }
  }

  [[nodiscard]] const Truth* topic_of(const Place& block) const {
    for (const Truth* truth : {&a_, &c_, &d_}) {
      if (block.is_of(*truth)) return truth;
    }
    return nullptr;
  }

  [[nodiscard]] std::vector<std::string> files_ending(const Truth& truth,
                                                      std::string_view ending) const {
    std::vector<std::string> found;
    for (const std::string& file : sound_->files()) {
      if (file.starts_with(truth.folder + "/") && file.ends_with(ending)) found.push_back(file);
    }
    return found;
  }

  Truth a_;
  TopicId b_;
  Truth c_;
  Truth d_;
  std::unique_ptr<SimDevice> sound_;
  std::vector<Place> blocks_;
};

TEST_F(RotTest, InADerivedFileLosesNothing) {
  std::size_t flips = 0;
  const auto flip_all = [&](const Truth& truth, const std::string& ending) {
    const auto files = files_ending(truth, ending);
    ASSERT_FALSE(files.empty()) << ending;
    const std::string& file = files.back();
    const std::size_t size = sound_->contents(file)->size();
    // Every byte of a small one, of a large one every byte of its beginning.
    for (std::uint64_t at = 0; at < size; at += at < 128 ? 1 : 1 + size / 100) {
      SCOPED_TRACE(file + " at " + std::to_string(at));
      const auto sim = flip(file, at);
      ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(*sim, truth, {}));
      ++flips;
    }
  };
  for (const char* ending : {".index", ".producers", ".checkpoint", ".entities", ".entity-runs"})
    ASSERT_NO_FATAL_FAILURE(flip_all(a_, ending));
  for (const char* ending : {".index", ".entities"}) ASSERT_NO_FATAL_FAILURE(flip_all(c_, ending));
  EXPECT_GT(flips, 500U);
}

TEST_F(RotTest, InAManifestRefusesThatPartitionAndSaysWhatHelps) {
  const std::string file = a_.folder + "/manifest";
  for (std::uint64_t at = 0; at < sound_->contents(file)->size(); ++at) {
    SCOPED_TRACE("at " + std::to_string(at));
    const auto sim = flip(file, at);
    ASSERT_EQ(sim->store().report().unusable.size(), 1U);
    const Error& error = sim->store().report().unusable[0].error;
    ASSERT_NE(error.message.find("bimip log verify"), std::string::npos) << error.message;
    ASSERT_FALSE(sim->log().append(a_.topic, "x"));
    ASSERT_EQ(sim->log().read_all(b_)->records.size(), 1U);
    ASSERT_TRUE(sim->log().append(b_, "more"));
  }
}

TEST_F(RotTest, InTheCatalogRefusesTheStoreAndSaysWhatHelps) {
  const std::string file = "data/catalog";
  for (std::uint64_t at = 0; at < sound_->contents(file)->size(); ++at) {
    SCOPED_TRACE("at " + std::to_string(at));
    try {
      (void)flip(file, at);
      FAIL() << "the store opened";
    } catch (const std::runtime_error& refused) {
      ASSERT_NE(std::string(refused.what()).find("bimip log verify"), std::string::npos)
          << refused.what();
    }
  }
}

TEST_F(RotTest, InABlockLosesThatBlockAndNoMore) {
  std::size_t flips = 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Place& block = blocks_[i];
    const Truth* truth = topic_of(block);
    if (truth == nullptr) continue;
    // Every byte of some headers, a few of the others; some of the records, the padding.
    const std::uint64_t step = i == 3 || i + 1 == blocks_.size() ? 1 : 67;
    std::set<std::uint64_t> positions;
    for (std::uint64_t at = 0; at < kBlockHeaderBytes; at += step)
      positions.insert(block.begin.value() + at);
    positions.insert(block.begin.value() + kBlockHeaderBytes + i % 64);
    positions.insert(block.end.value() - 1);
    for (const std::uint64_t at : positions) {
      SCOPED_TRACE(block.file + " at " + std::to_string(at));
      const auto sim = flip(block.file, at);
      ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(*sim, *truth, block.offsets));
      ++flips;
    }
  }
  EXPECT_GT(flips, 600U);
}

TEST_F(RotTest, InASegmentsHeaderOrFooterLosesNothing) {
  for (const Truth* truth : {&a_, &c_}) {
    for (const std::string& file : files_ending(*truth, ".segment")) {
      const std::uint64_t size = sound_->contents(file)->size();
      for (std::uint64_t at = 0; at < 176; at += 11) {
        for (const std::uint64_t position : {at, size - limits::kSectorBytes + at}) {
          SCOPED_TRACE(file + " at " + std::to_string(position));
          const auto sim = flip(file, position);
          ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(*sim, *truth, {}));
        }
      }
    }
  }
}

// Of keys whose records are gone nothing else knows the last increment.
TEST_F(RotTest, InTheEntityBaseUsesNoIncrementAgainAndLosesNoRecord) {
  const std::string file = c_.folder + "/entities";
  const std::size_t size = sound_->contents(file)->size();
  for (std::uint64_t at = 0; at < size; at += at < 128 ? 1 : 1 + size / 200) {
    SCOPED_TRACE(file + " at " + std::to_string(at));
    const auto sim = flip(file, at);
    ASSERT_NO_FATAL_FAILURE(expect_log(*sim, c_, {}));
    for (std::uint64_t round = 0; round < 2; ++round) {
      ASSERT_NO_FATAL_FAILURE(
          expect_it_goes_on(*sim, c_, {.first = Offset(0), .end = c_.end}, round));
      sim->close();
      sim->open();
      ASSERT_TRUE(sim->store().report().unusable.empty());
    }
  }
}

// A good block that stands where it does not belong is as lost as a damaged one.
TEST_F(RotTest, BlocksThatChangedPlacesAreRefused) {
  std::vector<Place> others;
  for (const Place& block : blocks_) {
    if (block.is_of(a_) && block.offsets.first < block.offsets.end) others.push_back(block);
  }
  std::size_t swaps = 0;
  for (std::size_t i = 0; i < others.size(); ++i) {
    const Place& one = others[i];
    for (const std::size_t distance : {1U, 3U, 9U}) {
      const Place& other = others[(i + distance) % others.size()];
      if (other.end - other.begin != one.end - one.begin) continue;
      SCOPED_TRACE(one.file + " " + std::to_string(one.begin.value()));
      auto device = sound_->image(LossMode::kKeepAll, 1);
      const auto from = *device->contents(other.file);
      ASSERT_TRUE(device->overwrite(
          one.file, one.begin, Bytes(from).subspan(other.begin.value(), other.end - other.begin)));
      SimulatedStore sim(std::move(device));
      ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(sim, a_, one.offsets));
      ++swaps;
    }
  }
  EXPECT_GT(swaps, 10U);
}

TEST_F(RotTest, SegmentsThatChangedNamesAreRefusedAndNothingElseIsLost) {
  const auto files = files_ending(a_, ".segment");
  ASSERT_GE(files.size(), 3U);
  auto device = sound_->image(LossMode::kKeepAll, 1);
  const auto first = *device->contents(files[0]);
  const auto second = *device->contents(files[1]);
  ASSERT_TRUE(device->set_contents(files[0], second));
  ASSERT_TRUE(device->set_contents(files[1], first));
  OffsetRange lost{};
  bool any = false;
  for (const Place& block : blocks_) {
    if (block.file != files[0] && block.file != files[1]) continue;
    lost.first = any ? std::min(lost.first, block.offsets.first) : block.offsets.first;
    lost.end = std::max(lost.end, block.offsets.end);
    any = true;
  }
  SimulatedStore sim(std::move(device));
  const auto all = sim.log().read_all(a_.topic);
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->gaps.empty());
  expect_lost_at_most(sim, a_, lost);
}

TEST_F(RotTest, FilesOfAnotherPartitionAreRefused) {
  for (const char* name : {"manifest", "0000000001.segment"}) {
    SCOPED_TRACE(name);
    auto device = sound_->image(LossMode::kKeepAll, 1);
    const auto others = files_ending(a_, std::string_view(name).substr(name[0] == '0' ? 10 : 0));
    ASSERT_FALSE(others.empty());
    ASSERT_TRUE(
        device->set_contents(Path("data/topics/b/0") / name, *device->contents(others.front())));
    SimulatedStore sim(std::move(device));
    const auto all = sim.log().read_all(b_);
    if (all) {
      EXPECT_TRUE(all->records.empty()) << "another partition's records were read";
    } else {
      EXPECT_EQ(all.error().code, ErrorCode::kForeign) << all.error().message;
    }
    EXPECT_EQ(sim.log().read_all(a_.topic)->records.size(), kRecords);
  }
}

// The same kind of file of another partition or another segment, in the place of each derived one.
TEST_F(RotTest, DerivedFilesThatChangedPlacesAreNotBelieved) {
  for (const char* ending : {".index", ".producers", ".checkpoint", ".entities", ".entity-runs"}) {
    const auto mine = files_ending(a_, ending);
    const auto others = files_ending(c_, ending);
    ASSERT_FALSE(mine.empty() || others.empty()) << ending;
    for (const std::string& from : {others.front(), mine.front()}) {
      SCOPED_TRACE(mine.back() + " is " + from);
      auto device = sound_->image(LossMode::kKeepAll, 1);
      ASSERT_TRUE(device->set_contents(mine.back(), *device->contents(from)));
      SimulatedStore sim(std::move(device));
      ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(sim, a_, {}));
    }
  }
}

// Space that an earlier life of a file has left behind: its blocks were good once.
TEST_F(RotTest, AnEarlierLifesBlocksAreNotReadAgain) {
  const auto files = files_ending(a_, ".segment");
  ASSERT_GT(files.size(), 1U);
  const std::string& active = files.back();
  auto device = sound_->image(LossMode::kKeepAll, 1);
  const auto old = *device->contents(files[0]);
  FilePosition end{};
  for (const Place& block : blocks_) {
    if (block.file == active) end = std::max(end, block.end);
  }
  const std::uint64_t room = device->contents(active)->size() - end.value();
  const std::size_t copied = std::min<std::uint64_t>(room, 3 * limits::kSectorBytes);
  ASSERT_GT(copied, 0U);
  ASSERT_TRUE(device->overwrite(active, end, Bytes(old).subspan(limits::kSectorBytes, copied)));
  SimulatedStore sim(std::move(device));
  ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(sim, a_, {}));
}

}  // namespace
}  // namespace bimip::testing
