// What is written anew counts only when it was read back as it was meant.
#include <gtest/gtest.h>

#include <iostream>

#include "engine/partition/lapsed_records.h"
#include "engine/partition/segment_rewrite.h"
#include "tests/engine/store/worked_store.h"

namespace bimip::testing {
namespace {

class Rewritten : public ::testing::Test {
 protected:
  static constexpr Epoch kEpoch{1000};

  void SetUp() override {
    topic_ = log_.topic({.segment_bytes = limits::kSegmentBytesMin});
    for (std::size_t i = 0; i < 60; ++i)
      log_.append(topic_, std::to_string(i) + std::string(900, 'v'),
                  "key " + std::to_string(i % 7));
    const auto sealed = log_.sealed(topic_);
    ASSERT_GE(sealed.size(), 2U);
    sources_ = {sealed[0], sealed[1]};
  }
  std::unique_ptr<SegmentRewrite> begin() {
    return std::make_unique<SegmentRewrite>(
        device_, pool_,
        SegmentRewrite::Plan{.folder = log_.folder(),
                             .partition = {.store = log_.store().report().store,
                                           .topic = topic_,
                                           .partition = PartitionId(0),
                                           .epoch = {}},
                             .sources = sources_,
                             .epoch = kEpoch,
                             .now = Timestamp(std::chrono::hours(1))},
        keeps_);
  }
  static std::string unfinished() {
    return WorkedStore::folder() + "/" + file_names::segment(kEpoch) +
           std::string(file_names::kNewSuffix);
  }

  SimDevice device_{1};
  WorkedStore log_{device_};
  BufferPool pool_{8 * 1024 * 1024};
  KeepCurrent keeps_{LapsedRecords(), Compaction::kNone};
  TopicId topic_;
  std::vector<ManifestSegment> sources_;
};

// A bit of the copy is turned between writing and reading back, at any place.
TEST_F(Rewritten, ComparesWhatItWrote) {
  int steps = 0;  // the last one compares
  std::uint64_t bytes = 0;
  {
    const auto rewrite = begin();
    for (bool done = false; !done; ++steps) {
      const Result<bool> more = rewrite->step();
      ASSERT_TRUE(more) << more.error().message;
      done = *more;
    }
    bytes = device_.contents(unfinished())->size();
  }
  EXPECT_FALSE(device_.contents(unfinished())) << "nobody took it";
  std::uint64_t turned = 0;
  for (std::uint64_t at = 0; at < bytes; at += 31, ++turned) {
    SCOPED_TRACE(at);
    const auto rewrite = begin();
    for (int i = 1; i < steps; ++i) {
      const Result<bool> done = rewrite->step();
      ASSERT_TRUE(done && !*done);
    }
    ASSERT_TRUE(device_.flip_bit(unfinished(), FilePosition(at), at % 8));
    const Result<bool> compared = rewrite->step();
    ASSERT_FALSE(compared);
    ASSERT_EQ(compared.error().code, ErrorCode::kDamaged);
  }
  std::cout << turned << " bits turned\n";
  EXPECT_GT(turned, 500U);
}

}  // namespace
}  // namespace bimip::testing
