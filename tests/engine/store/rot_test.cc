// A flipped bit anywhere in a store: found, its loss at most its block, told as a gap, never grown
// by recovery, and writing goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine/format/file_names.h"
#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

constexpr std::size_t kRecords = 120;

std::string value_of(std::size_t i) {
  return "value " + std::to_string(i) + " " + std::string(i * 37 % 1500, 'v');
}

// Topic "a": sealed segments with their indexes and producers, an active one with a checkpoint.
// Topic "b": one young segment.
class RotTest : public ::testing::Test {
 protected:
  RotTest() {
    SimulatedStore sim(1);
    a_ = sim.store().create_topic("a", {.segment_bytes = limits::kSegmentBytesMin})->id;
    b_ = sim.store().create_topic("b", {})->id;
    for (std::size_t i = 0; i < kRecords; ++i) {
      values_.push_back(value_of(i));
      RecordFields fields = value_record(values_.back());
      fields.producer = ProducerMark{.id = {.high = 1, .low = 1}, .number = ProducerNumber(i + 1)};
      if (!sim.log().append(a_, {fields})) throw std::runtime_error("no append");
    }
    if (!sim.log().append(b_, "b")) throw std::runtime_error("no append");
    sim.pass(std::chrono::seconds(3));
    sim.close();
    sound_ = sim.device().image(LossMode::kKeepAll, 1);
    for (const std::string& file : sound_->files()) find_blocks(file);
  }

  struct Place {
    std::string file;
    FilePosition begin;
    FilePosition end;
    OffsetRange offsets;
  };

  // The store after this bit was flipped; nothing when it refuses to open.
  std::unique_ptr<SimulatedStore> flip(const std::string& file, std::uint64_t position) {
    auto device = sound_->image(LossMode::kKeepAll, 1);
    EXPECT_TRUE(device->flip_bit(file, FilePosition(position), position % 8));
    return std::make_unique<SimulatedStore>(std::move(device));
  }

  // What topic "a" gives: every record right and at its place, but those in `lost`, for which there
  // are gaps; and again after more was written and the store opened anew.
  void expect_lost_at_most(SimulatedStore& sim, OffsetRange lost) {
    for (int round = 0; round < 2; ++round) {
      const auto all = sim.log().read_all(a_);
      ASSERT_TRUE(all) << all.error().message;
      std::set<std::uint64_t> missing;
      for (std::uint64_t i = 0; i < kRecords; ++i) missing.insert(i);
      for (const StoredRecord& record : all->records) {
        if (record.offset >= kRecords) continue;
        ASSERT_EQ(record.value, values_[record.offset]);
        missing.erase(record.offset);
      }
      for (const std::uint64_t offset : missing) {
        ASSERT_GE(offset, lost.first.value()) << "lost, and not in the block";
        ASSERT_LT(offset, lost.end.value()) << "lost, and not in the block";
        ASSERT_TRUE(std::ranges::any_of(all->gaps,
                                        [&](const OffsetRange& gap) {
                                          return gap.first.value() <= offset &&
                                                 offset < gap.end.value();
                                        }))
            << "offset " << offset << " is missing and no gap says so";
      }
      for (const OffsetRange& gap : all->gaps) {
        ASSERT_GE(gap.first, lost.first);
        ASSERT_LE(gap.end, lost.end);
      }
      ASSERT_TRUE(sim.log().append(a_, "goes on")) << "writing stopped";
      sim.close();
      sim.open();
      ASSERT_TRUE(sim.store().report().unusable.empty());
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

  [[nodiscard]] std::vector<std::string> files_ending(std::string_view ending) const {
    std::vector<std::string> found;
    for (const std::string& file : sound_->files()) {
      if (file.starts_with("/data/topics/a/") && file.ends_with(ending)) found.push_back(file);
    }
    return found;
  }

  TopicId a_;
  TopicId b_;
  std::vector<std::string> values_;
  std::unique_ptr<SimDevice> sound_;
  std::vector<Place> blocks_;
};

TEST_F(RotTest, InADerivedFileLosesNothing) {
  std::size_t flips = 0;
  for (const char* ending : {".index", ".producers", ".checkpoint"}) {
    const auto files = files_ending(ending);
    ASSERT_FALSE(files.empty()) << ending;
    const std::string& file = files.back();
    const std::size_t size = sound_->contents(file)->size();
    for (std::uint64_t at = 0; at < size; at += size > 700 ? 3 : 1) {
      SCOPED_TRACE(file + " at " + std::to_string(at));
      const auto sim = flip(file, at);
      ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(*sim, {}));
      ++flips;
    }
  }
  EXPECT_GT(flips, 300U);
}

TEST_F(RotTest, InAManifestRefusesThatPartitionAndSaysWhatHelps) {
  const std::string file = "/data/topics/a/0/manifest";
  for (std::uint64_t at = 0; at < sound_->contents(file)->size(); ++at) {
    SCOPED_TRACE("at " + std::to_string(at));
    const auto sim = flip(file, at);
    ASSERT_EQ(sim->store().report().unusable.size(), 1U);
    const Error& error = sim->store().report().unusable[0].error;
    EXPECT_NE(error.message.find("bimip log verify"), std::string::npos) << error.message;
    EXPECT_FALSE(sim->log().append(a_, "x"));
    EXPECT_EQ(sim->log().read_all(b_)->records.size(), 1U);
    EXPECT_TRUE(sim->log().append(b_, "more"));
  }
}

TEST_F(RotTest, InTheCatalogRefusesTheStoreAndSaysWhatHelps) {
  const std::string file = "/data/catalog";
  for (std::uint64_t at = 0; at < sound_->contents(file)->size(); ++at) {
    SCOPED_TRACE("at " + std::to_string(at));
    try {
      (void)flip(file, at);
      ADD_FAILURE() << "the store opened";
    } catch (const std::runtime_error& refused) {
      EXPECT_NE(std::string(refused.what()).find("bimip log verify"), std::string::npos)
          << refused.what();
    }
  }
}

TEST_F(RotTest, InABlockLosesThatBlockAndNoMore) {
  std::size_t flips = 0;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Place& block = blocks_[i];
    if (!block.file.starts_with("/data/topics/a/")) continue;
    // Every byte of one header, a few of the others; some of the records, the padding.
    const std::uint64_t step = i == 3 || i + 1 == blocks_.size() ? 1 : 41;
    std::set<std::uint64_t> positions;
    for (std::uint64_t at = 0; at < kBlockHeaderBytes; at += step)
      positions.insert(block.begin.value() + at);
    positions.insert(block.begin.value() + kBlockHeaderBytes + i % 64);
    positions.insert(block.end.value() - 1);
    for (const std::uint64_t at : positions) {
      SCOPED_TRACE(block.file + " at " + std::to_string(at));
      const auto sim = flip(block.file, at);
      ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(*sim, block.offsets));
      ++flips;
    }
  }
  EXPECT_GT(flips, 400U);
}

TEST_F(RotTest, InASegmentsHeaderOrFooterLosesNothing) {
  for (const std::string& file : files_ending(".segment")) {
    const std::uint64_t size = sound_->contents(file)->size();
    for (std::uint64_t at = 0; at < 176; at += 5) {
      for (const std::uint64_t position : {at, size - limits::kSectorBytes + at}) {
        SCOPED_TRACE(file + " at " + std::to_string(position));
        const auto sim = flip(file, position);
        ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(*sim, {}));
      }
    }
  }
}

// A good block that stands where it does not belong is as lost as a damaged one.
TEST_F(RotTest, BlocksThatChangedPlacesAreRefused) {
  std::vector<Place> same_size;
  for (const Place& block : blocks_) {
    if (block.file.starts_with("/data/topics/a/") &&
        block.end - block.begin == limits::kSectorBytes && block.offsets.first < block.offsets.end)
      same_size.push_back(block);
  }
  ASSERT_GT(same_size.size(), 20U);
  for (std::size_t i = 0; i + 9 < same_size.size(); i += 3) {
    const Place& one = same_size[i];
    const Place& other = same_size[i + 9];
    SCOPED_TRACE(one.file + " " + std::to_string(one.begin.value()));
    auto device = sound_->image(LossMode::kKeepAll, 1);
    const auto from = *device->contents(other.file);
    ASSERT_TRUE(device->overwrite(one.file, one.begin,
                                  Bytes(from).subspan(other.begin.value(), limits::kSectorBytes)));
    SimulatedStore sim(std::move(device));
    ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(sim, one.offsets));
  }
}

TEST_F(RotTest, SegmentsThatChangedNamesAreRefusedAndNothingElseIsLost) {
  const auto files = files_ending(".segment");
  ASSERT_GE(files.size(), 3U);
  auto device = sound_->image(LossMode::kKeepAll, 1);
  const auto first = *device->contents(files[0]);
  const auto second = *device->contents(files[1]);
  ASSERT_TRUE(device->set_contents(files[0], second));
  ASSERT_TRUE(device->set_contents(files[1], first));
  OffsetRange lost{};
  for (const Place& block : blocks_) {
    if (block.file == files[1]) lost.end = std::max(lost.end, block.offsets.end);
  }
  SimulatedStore sim(std::move(device));
  const auto all = sim.log().read_all(a_);
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->gaps.empty());
  expect_lost_at_most(sim, lost);
}

TEST_F(RotTest, FilesOfAnotherPartitionAreRefused) {
  for (const char* name : {"manifest", "0000000001.segment"}) {
    SCOPED_TRACE(name);
    auto device = sound_->image(LossMode::kKeepAll, 1);
    ASSERT_TRUE(device->set_contents(Path("/data/topics/b/0") / name,
                                     *device->contents(Path("/data/topics/a/0") / name)));
    SimulatedStore sim(std::move(device));
    const auto all = sim.log().read_all(b_);
    if (all) {
      EXPECT_TRUE(all->records.empty()) << "another partition's records were read";
    } else {
      EXPECT_EQ(all.error().code, ErrorCode::kForeign) << all.error().message;
    }
    EXPECT_EQ(sim.log().read_all(a_)->records.size(), kRecords);
  }
}

// Space that an earlier life of a file has left behind: its blocks were good once.
TEST_F(RotTest, AnEarlierLifesBlocksAreNotReadAgain) {
  const auto files = files_ending(".segment");
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
  ASSERT_NO_FATAL_FAILURE(expect_lost_at_most(sim, {}));
}

}  // namespace
}  // namespace bimip::testing
