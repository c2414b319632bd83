#include "engine/device/buffer_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "engine/base/random.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kSector = limits::kSectorBytes;

bool is_inside(const BufferPool& pool, const Buffer& buffer) {
  const Bytes arena = pool.arena();
  const Bytes bytes = buffer.bytes();
  return bytes.data() >= arena.data() && bytes.data() + bytes.size() <= arena.data() + arena.size();
}

TEST(BufferPool, GivesAlignedBuffersAtLeastAsLongAsAsked) {
  BufferPool pool(64 * kSector);
  for (const std::size_t bytes :
       {std::size_t{1}, kSector, kSector + 1, 3 * kSector, 32 * kSector}) {
    const Buffer buffer = pool.take(bytes);
    EXPECT_GE(buffer.bytes().size(), bytes);
    EXPECT_LT(buffer.bytes().size(), 2 * std::max(bytes, kSector));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % kSector, 0U);
    EXPECT_TRUE(is_inside(pool, buffer));
  }
}

TEST(BufferPool, UsesAllOfItsArenaThenTheHeap) {
  BufferPool pool(8 * kSector);
  std::vector<Buffer> buffers;
  for (int i = 0; i < 8; ++i) {
    buffers.push_back(pool.take(kSector));
    EXPECT_TRUE(is_inside(pool, buffers.back()));
  }
  Buffer outside = pool.take(kSector);
  EXPECT_FALSE(is_inside(pool, outside));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(outside.bytes().data()) % kSector, 0U);
  std::ranges::fill(outside.bytes(), std::byte{1});
  buffers.pop_back();
  EXPECT_TRUE(is_inside(pool, pool.take(kSector))) << "what is given back is given again";
}

TEST(BufferPool, JoinsWhatSmallBuffersLeft) {
  BufferPool pool(512 * kSector);
  {
    std::vector<Buffer> small;
    for (int i = 0; i < 512; ++i) small.push_back(pool.take(kSector));
    EXPECT_FALSE(is_inside(pool, pool.take(2 * kSector)));
  }
  const Buffer large = pool.take(limits::kBlockBytesMax);
  EXPECT_TRUE(is_inside(pool, large));
  EXPECT_EQ(large.bytes().size(), limits::kBlockBytesMax);
}

TEST(BufferPool, AnArenaOfNothingGivesFromTheHeap) {
  BufferPool pool(0);
  EXPECT_TRUE(pool.arena().empty());
  EXPECT_EQ(pool.take(100).bytes().size(), kSector);
}

TEST(BufferPool, ABufferIsGivenBackOnceHoweverItIsMoved) {
  BufferPool pool(2 * kSector);
  Buffer first = pool.take(kSector);
  Buffer second = std::move(first);
  Buffer third;
  third = std::move(second);
  EXPECT_TRUE(first.bytes().empty());   // NOLINT: what a moved-from buffer is, is promised
  EXPECT_TRUE(second.bytes().empty());  // NOLINT
  EXPECT_TRUE(is_inside(pool, third));
  third = pool.take(kSector);
  const Buffer a = pool.take(kSector);
  EXPECT_TRUE(is_inside(pool, a));
  EXPECT_NE(a.bytes().data(), third.bytes().data());
}

// A random walk: no two buffers ever overlap, and in the end all of the arena is one block again.
TEST(BufferPool, NeverGivesTheSameBytesTwice) {
  BufferPool pool(512 * kSector);
  Random random(3);
  std::map<const std::byte*, Buffer> taken;
  for (int i = 0; i < 20'000; ++i) {
    if (random.one_in(2) && !taken.empty()) {
      auto any = taken.begin();
      std::advance(any, static_cast<std::ptrdiff_t>(random.below(taken.size())));
      taken.erase(any);
      continue;
    }
    Buffer buffer = pool.take(1 + random.below(64 * kSector));
    if (!is_inside(pool, buffer)) continue;
    const std::byte* start = buffer.bytes().data();
    const auto after = taken.lower_bound(start);
    if (after != taken.end()) {
      ASSERT_LE(start + buffer.bytes().size(), after->first);
    }
    if (after != taken.begin()) {
      const Buffer& before = std::prev(after)->second;
      ASSERT_LE(before.bytes().data() + before.bytes().size(), start);
    }
    taken.emplace(start, std::move(buffer));
  }
  taken.clear();
  EXPECT_TRUE(is_inside(pool, pool.take(limits::kBlockBytesMax)));
}

TEST(BufferPool, IsSharedByThreads) {
  BufferPool pool(64 * kSector);
  std::atomic<int> overlaps{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&pool, &overlaps, t] {
        Random random(static_cast<std::uint64_t>(t));
        for (int i = 0; i < 2000; ++i) {
          Buffer buffer = pool.take(1 + random.below(8 * kSector));
          const auto mine = static_cast<std::byte>(t + 1);
          std::ranges::fill(buffer.bytes(), mine);
          if (!std::ranges::all_of(buffer.bytes(), [&](std::byte b) { return b == mine; }))
            ++overlaps;
        }
      });
    }
  }
  EXPECT_EQ(overlaps, 0);
}

TEST(BufferPoolDeathTest, RefusesMoreThanABlock) {
  BufferPool pool(0);
  EXPECT_DEATH((void)pool.take(limits::kBlockBytesMax + 1), "invariant broken");
}

}  // namespace
}  // namespace bimip::engine
