#include "engine/entity/base_file.h"

#include <gtest/gtest.h>

#include <map>

#include "engine/base/random.h"
#include "engine/device/sim_device.h"

namespace bimip::engine {
namespace {

constexpr SegmentIdentity kPartition{
    .store = {.high = 3, .low = 4}, .topic = TopicId(1), .partition = PartitionId(0), .epoch = {}};

using Model = std::map<EntityHash, EntityRecord>;

// Some stretches of log with random entities; `model` has the newest of each.
struct Stretches {
  std::vector<std::vector<std::byte>> files;
  std::vector<EntityDirectoryView> views;
};
Stretches random_stretches(Random& random, Offset& end, Model& model) {
  Stretches made;
  for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
    const Offset first = end;
    std::map<EntityHash, std::vector<EntityRecord>> found;
    for (std::uint64_t i = 200 + random.below(400); i > 0; --i) {
      const EntityHash hash{.high = (1 + random.below(700)) << 50U, .low = 1};
      const auto known = model.find(hash);
      const EntityRecord record{
          .increment = known == model.end() ? IncrementId(1) : known->second.increment + 1,
          .offset = end};
      found[hash].push_back(record);
      model[hash] = record;
      end += 1;
    }
    EntityDirectoryWriter out({.first = first, .end = end});
    for (const auto& [hash, records] : found) out.add(hash, {}, records);
    SegmentIdentity segment = kPartition;
    segment.epoch = Epoch(1);
    made.files.push_back(out.finish(segment));
  }
  for (const auto& file : made.files) {
    SegmentIdentity segment = kPartition;
    segment.epoch = Epoch(1);
    made.views.push_back(*EntityDirectoryView::open(segment, file));
  }
  return made;
}

void expect_base(const BaseFile& base, const Model& model, Offset end) {
  EXPECT_EQ(base.view().header().end_offset, end);
  ASSERT_EQ(base.view().header().entities, model.size());
  for (const auto& [hash, newest] : model) {
    const auto found = base.view().find(hash);
    ASSERT_TRUE(found && *found);
    ASSERT_EQ((*found)->newest, newest);
  }
}

TEST(BaseFile, CountsInWhatIsFoldedIntoIt) {
  SimDevice device(1);
  ASSERT_TRUE(device.create_directory("p"));
  Random random(1);
  Model model;
  Offset end(0);
  std::shared_ptr<const BaseFile> base;
  for (int round = 0; round < 6; ++round) {
    const Stretches more = random_stretches(random, end, model);
    ASSERT_TRUE(fold_into_base(device, {.folder = "p",
                                        .partition = kPartition,
                                        .base = base,
                                        .directories = more.views,
                                        .lost = {},
                                        .end = end}));
    const auto opened = BaseFile::open(device, "p", kPartition);
    ASSERT_TRUE(opened) << opened.error().message;
    base = *opened;
    expect_base(*base, model, end);
  }
}

// The power goes at each step of a fold, and every image it may leave is the old base or the new
// one.
TEST(BaseFile, IsTheOldOneOrTheNewOneAfterACrash) {
  for (std::uint64_t step = 1; step < 30; ++step) {
    SimDevice device(step);
    ASSERT_TRUE(device.create_directory("p"));
    ASSERT_TRUE(device.sync_directory(""));
    Random random(step);
    Model old_model;
    Offset old_end(0);
    const Stretches first = random_stretches(random, old_end, old_model);
    ASSERT_TRUE(fold_into_base(device, {.folder = "p",
                                        .partition = kPartition,
                                        .base = {},
                                        .directories = first.views,
                                        .lost = {},
                                        .end = old_end}));
    Model model = old_model;
    Offset end = old_end;
    const Stretches second = random_stretches(random, end, model);
    device.crash_at(device.steps() + step);
    const Status folded = fold_into_base(device, {.folder = "p",
                                                  .partition = kPartition,
                                                  .base = *BaseFile::open(device, "p", kPartition),
                                                  .directories = second.views,
                                                  .lost = {},
                                                  .end = end});
    for (const LossMode mode : kAllLossModes) {
      SCOPED_TRACE("step " + std::to_string(step) + ", " + std::string(name_of(mode)));
      const std::unique_ptr<SimDevice> image = device.image(mode, step);
      const auto opened = BaseFile::open(*image, "p", kPartition);
      ASSERT_TRUE(opened) << opened.error().message;
      const bool is_new = (*opened)->view().header().end_offset == end;
      EXPECT_TRUE(is_new || !folded);
      expect_base(**opened, is_new ? model : old_model, is_new ? end : old_end);
    }
    if (folded) return;
  }
  FAIL() << "a fold takes more than 30 steps";
}

// A base of three entities, whose log ends at 100.
std::shared_ptr<const BaseFile> three_entities(SimDevice& device) {
  EntityDirectoryWriter out({.first = Offset(0), .end = Offset(100)});
  const auto add = [&](std::uint64_t hash, std::uint64_t increment, std::uint64_t offset) {
    const EntityRecord record{.increment = IncrementId(increment), .offset = Offset(offset)};
    out.add({.high = hash, .low = 7}, {}, std::vector{record});
  };
  add(1, 3, 10);
  add(2, 1, 50);
  add(3, 4, 60);
  SegmentIdentity segment = kPartition;
  segment.epoch = Epoch(1);
  const std::vector<std::byte> file = out.finish(segment);
  const std::vector views{*EntityDirectoryView::open(segment, file)};
  EXPECT_TRUE(device.create_directory("p"));
  EXPECT_TRUE(fold_into_base(
      device, {.folder = "p", .partition = kPartition, .directories = views, .end = Offset(100)}));
  return *BaseFile::open(device, "p", kPartition);
}

EntityRecord record_of(std::uint64_t increment, std::uint64_t offset) {
  return {.increment = IncrementId(increment), .offset = Offset(offset)};
}

TEST(BaseFile, IsCutWithItsLog) {
  SimDevice device(1);
  ASSERT_TRUE(fold_into_base(
      device,
      {.folder = "p", .partition = kPartition, .base = three_entities(device), .end = Offset(40)}));
  const auto base = *BaseFile::open(device, "p", kPartition);
  expect_base(
      *base, {{{.high = 1, .low = 7}, record_of(3, 10)}, {{.high = 3, .low = 7}, record_of(4, 39)}},
      Offset(40));
}

TEST(BaseFile, NamesAnErasedEntityNowhere) {
  SimDevice device(1);
  const std::vector<LostRecords> lost{{.offsets = {.first = Offset(5), .end = Offset(9)},
                                       .first = {.high = 2, .low = 7},
                                       .last = {.high = 2, .low = 7}}};
  ASSERT_TRUE(fold_into_base(device, {.folder = "p",
                                      .partition = kPartition,
                                      .base = three_entities(device),
                                      .lost = lost,
                                      .end = Offset(100),
                                      .without = EntityHash{.high = 2, .low = 7}}));
  const auto base = *BaseFile::open(device, "p", kPartition);
  expect_base(
      *base, {{{.high = 1, .low = 7}, record_of(3, 10)}, {{.high = 3, .low = 7}, record_of(4, 60)}},
      Offset(100));
  ASSERT_EQ(base->view().header().lost.size(), 1U);
  EXPECT_LT(base->view().header().lost[0].first, (EntityHash{.high = 2, .low = 7}));
  EXPECT_GT(base->view().header().lost[0].last, (EntityHash{.high = 2, .low = 7}));
}

}  // namespace
}  // namespace bimip::engine
