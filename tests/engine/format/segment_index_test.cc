#include "engine/format/segment_index.h"

#include <gtest/gtest.h>

#include "tests/engine/format/samples.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

// A view with the file it views.
struct Opened {
  explicit Opened(std::span<const IndexEntry> entries)
      : file(encode_index(sample_segment(), entries)),
        view(IndexView::open(sample_segment(), file)) {}
  std::vector<std::byte> file;
  Result<IndexView> view;
};

TEST(OffsetIndex, FindsTheGreatestEntryNotAfterTheTarget) {
  const Opened index(sample_index());
  EXPECT_EQ(index.view->find(Offset(999)), std::nullopt);
  EXPECT_EQ(index.view->find(Offset(1000)), sample_index()[0]);
  EXPECT_EQ(index.view->find(Offset(1289)), sample_index()[0]);
  EXPECT_EQ(index.view->find(Offset(1290)), sample_index()[1]);
  EXPECT_EQ(index.view->find(Offset(~0ULL)), sample_index()[2]);
}

TEST(TimeIndex, FindsTheLastEntryBeforeWhichNothingIsAsLate) {
  const Opened index(sample_index());
  EXPECT_EQ(index.view->find(Timestamp{}), std::nullopt);
  EXPECT_EQ(index.view->find(Timestamp{} + 1us), sample_index()[0]);
  EXPECT_EQ(index.view->find(sample_time()), sample_index()[0])
      << "such a record is before entry 1";
  EXPECT_EQ(index.view->find(sample_time() + 1us), sample_index()[1]);
  EXPECT_EQ(index.view->find(sample_time() + 1h), sample_index()[2]);
}

TEST(Index, OfNothingFindsNothing) {
  const Opened index(std::span<const IndexEntry>{});
  ASSERT_TRUE(index.view);
  EXPECT_EQ(index.view->size(), 0U);
  EXPECT_EQ(index.view->find(Offset(5)), std::nullopt);
  EXPECT_EQ(index.view->find(sample_time()), std::nullopt);
}

TEST(Index, OutOfOrderIsDamaged) {
  const auto refused = [](auto change) {
    std::vector<IndexEntry> entries = sample_index();
    change(entries);
    const Opened index(entries);
    return !index.view && index.view.error().code == ErrorCode::kDamaged;
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& e) { e[1].base_offset = e[0].base_offset; }));
  EXPECT_TRUE(refused([](auto& e) { e[2].position = e[1].position; }));
  EXPECT_TRUE(
      refused([](auto& e) { e[2].last_timestamp_before = e[1].last_timestamp_before - 1us; }));
  EXPECT_TRUE(refused([](auto& e) { std::swap(e[0], e[2]); }));
  EXPECT_FALSE(refused([](auto& e) { e[2].last_timestamp_before = e[1].last_timestamp_before; }));
}

}  // namespace
}  // namespace bimip::testing
