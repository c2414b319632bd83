#include "engine/format/file_names.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/device/device.h"

namespace bimip::engine::file_names {
namespace {

TEST(FileNames, AreTheseNames) {
  EXPECT_EQ(partition(PartitionId(0)), "0");
  EXPECT_EQ(partition(PartitionId(1023)), "1023");
  EXPECT_EQ(segment(Epoch(12)), "0000000012.segment");
  EXPECT_EQ(index(Epoch(12)), "0000000012.index");
  EXPECT_EQ(producers(Epoch(12)), "0000000012.producers");
  EXPECT_EQ(checkpoint(Epoch(12)), "0000000012.checkpoint");
  EXPECT_EQ(entities(Epoch(12)), "0000000012.entities");
  EXPECT_EQ(entity_runs(Epoch(12)), "0000000012.entity-runs");
  EXPECT_EQ(torn(Epoch(12), FilePosition(8192), 2), "0000000012.torn-8192-2");
  EXPECT_EQ(quarantine(Epoch(12), FilePosition(8192)), "0000000012.quarantine-8192");
  EXPECT_EQ(segment(Epoch(9'999'999'999)), "9999999999.segment");
  EXPECT_EQ(segment(Epoch(10'000'000'000)), "10000000000.segment");
}

TEST(FileNames, OfSparesAreReadBackAndNoOthers) {
  EXPECT_EQ(spare(17), "17.spare");
  EXPECT_EQ(parse_spare("17.spare"), 17U);
  EXPECT_EQ(parse_spare(spare(~0ULL)), ~0ULL);
  for (const std::string name : {"", ".spare", "017.spare", "+17.spare", "17.spare.new", "17",
                                 "18446744073709551616.spare", "0000000012.segment"})
    EXPECT_FALSE(parse_spare(name)) << name;
}

// What a crash leaves of a replacement is known for what it is when the store is opened.
static_assert(kNewSuffix == kAsideSuffix);

TEST(FileNames, AreReadBack) {
  const auto expect = [](const std::string& name, FileKind kind, Epoch epoch) {
    const auto file = parse(name);
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(file->kind, kind) << name;
    EXPECT_EQ(file->epoch, epoch) << name;
  };
  Random random(11);
  for (int i = 0; i < 1000; ++i) {
    const Epoch epoch(random.next() >> random.below(64));
    expect(segment(epoch), FileKind::kSegment, epoch);
    expect(index(epoch), FileKind::kIndex, epoch);
    expect(producers(epoch), FileKind::kProducers, epoch);
    expect(checkpoint(epoch), FileKind::kCheckpoint, epoch);
    expect(entities(epoch), FileKind::kEntities, epoch);
    expect(entity_runs(epoch), FileKind::kEntityRuns, epoch);
    expect(torn(epoch, FilePosition(random.next()), random.below(100)), FileKind::kTorn, epoch);
    expect(quarantine(epoch, FilePosition(random.next())), FileKind::kQuarantine, epoch);
  }
}

TEST(FileNames, OnlyTheCanonicalSpellingCounts) {
  for (const std::string name : {"",
                                 ".",
                                 ".segment",
                                 "manifest",
                                 "catalog",
                                 "LOCK",
                                 "12.segment",
                                 "00000000012.segment",
                                 "+000000012.segment",
                                 "-000000012.segment",
                                 " 000000012.segment",
                                 "0x00000012.segment",
                                 "000000001a.segment",
                                 "99999999999999999999999.segment",
                                 "0000000012",
                                 "0000000012.",
                                 "0000000012.Segment",
                                 "0000000012.segment ",
                                 "0000000012.segment.new",
                                 "0000000012.segments",
                                 "0000000012.torn",
                                 "0000000012.torn-",
                                 "0000000012.torn-8192",
                                 "0000000012.torn-8192-",
                                 "0000000012.torn--1",
                                 "0000000012.torn-08192-1",
                                 "0000000012.torn-8192-1.new",
                                 "0000000012.torn-8192-1-1"}) {
    EXPECT_FALSE(parse(name)) << name;
  }
  EXPECT_FALSE(parse(std::string_view("0000000012.segment\0", 19)));
}

}  // namespace
}  // namespace bimip::engine::file_names
