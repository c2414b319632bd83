// That the simulated disk forgets what it may forget, and nothing else.
#include "engine/device/sim_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "engine/base/random.h"
#include "engine/device/buffer_pool.h"

namespace bimip::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeeds = 50;
constexpr std::size_t kSector = 512;

std::string contents(const SimDevice& device, const Path& path) {
  const auto bytes = device.contents(path);
  return bytes ? std::string(as_text(*bytes))
               : "(" + std::string(name_of(bytes.error().code)) + ")";
}

// A file in the root whose name and `bytes` are durable.
std::shared_ptr<File> durable_file(SimDevice& device, const Path& path, std::string_view bytes) {
  auto file = device.open(path, OpenMode::kCreate);
  EXPECT_TRUE(file && (*file)->write_at(FilePosition(0), as_bytes(bytes)) && (*file)->sync() &&
              device.sync_directory("/"));
  return *file;
}

// What every image of this mode holds in the file, over many seeds.
std::set<std::string> images(const SimDevice& device, LossMode mode, const Path& path) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed)
    seen.insert(contents(*device.image(mode, seed), path));
  return seen;
}

using Contents = std::set<std::string>;

TEST(SimDevice, LosesBytesThatWereNotSynced) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "old");
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes("new")));
  EXPECT_EQ(contents(device, "/a"), "new");
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/a"), Contents{"old"});
  EXPECT_EQ(images(device, LossMode::kKeepAll, "/a"), Contents{"new"});
  EXPECT_EQ(images(device, LossMode::kRandom, "/a"), (Contents{"old", "new"}));
}

TEST(SimDevice, LosesASizeThatWasNotSynced) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "12345678");
  ASSERT_TRUE(file->truncate(3));
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/a"), Contents{"12345678"});
  EXPECT_EQ(images(device, LossMode::kRandom, "/a"), (Contents{"12345678", "123"}));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/a"), Contents{"123"});
}

TEST(SimDevice, LosesANameThatWasNotSynced) {
  SimDevice device(1);
  auto file = device.open("/a", OpenMode::kCreate);
  ASSERT_TRUE(file && (*file)->write_at(FilePosition(0), as_bytes("x")) && (*file)->sync());
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/a"), Contents{"(not_found)"})
      << "a file's sync is not its name's";
  EXPECT_EQ(images(device, LossMode::kDataBeforeNames, "/a"), Contents{"(not_found)"});
  EXPECT_EQ(images(device, LossMode::kRandom, "/a"), (Contents{"(not_found)", "x"}));
  ASSERT_TRUE(device.sync_directory("/"));
  for (const LossMode mode : kAllLossModes) EXPECT_EQ(images(device, mode, "/a"), Contents{"x"});
}

TEST(SimDevice, MayKeepANameWhoseBytesAreLost) {
  SimDevice device(1);
  auto file = device.open("/a", OpenMode::kCreate);
  ASSERT_TRUE(file && (*file)->write_at(FilePosition(0), as_bytes("unsynced bytes")));
  const Contents seen = images(device, LossMode::kSizeBeforeData, "/a");
  EXPECT_FALSE(seen.contains("unsynced bytes"));
  EXPECT_FALSE(seen.contains("(not_found)"));
  EXPECT_TRUE(std::ranges::all_of(seen, [](const auto& bytes) { return bytes.size() == 14; }));
}

TEST(SimDevice, MayShowWhatWasThereBeforeInAnothersTime) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "");
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes(std::string(4 * kSector, 'n'))));
  const Contents seen = images(device, LossMode::kSizeBeforeData, "/a");
  EXPECT_TRUE(std::ranges::any_of(seen, [](const std::string& bytes) {
    return bytes.find_first_not_of('\0') != std::string::npos;
  })) << "garbage in space that was not reserved";
  EXPECT_FALSE(seen.contains(std::string(4 * kSector, 'n')));
}

TEST(SimDevice, ReservedSpaceNeverShowsGarbage) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "");
  ASSERT_TRUE(file->allocate(FilePosition(0), 4 * kSector) && file->sync());
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes(std::string(4 * kSector, 'n'))));
  EXPECT_EQ(images(device, LossMode::kSizeBeforeData, "/a"),
            Contents{std::string(4 * kSector, '\0')});
}

TEST(SimDevice, LosesARenameAndARemovalThatWereNotSynced) {
  SimDevice device(1);
  durable_file(device, "/a", "a");
  durable_file(device, "/b", "b");
  ASSERT_TRUE(device.rename("/a", "/b"));
  EXPECT_EQ(contents(device, "/b"), "a");
  const auto lost = device.image(LossMode::kLoseUnsynced, 1);
  EXPECT_EQ(contents(*lost, "/a"), "a");
  EXPECT_EQ(contents(*lost, "/b"), "b");
  ASSERT_TRUE(device.remove("/b"));
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/b"), Contents{"b"});
  ASSERT_TRUE(device.sync_directory("/"));
  EXPECT_EQ(images(device, LossMode::kRandom, "/b"), Contents{"(not_found)"});
  EXPECT_EQ(images(device, LossMode::kRandom, "/a"), Contents{"(not_found)"});
}

// A rename is atomic: its target is the old file or the new one, and the file is somewhere.
TEST(SimDevice, NeverHalvesARename) {
  SimDevice device(1);
  durable_file(device, "/new", "new");
  durable_file(device, "/table", "old");
  ASSERT_TRUE(device.rename("/new", "/table"));
  for (const LossMode mode : kAllLossModes) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
      const auto image = device.image(mode, seed);
      const bool done = contents(*image, "/table") == "new";
      EXPECT_EQ(contents(*image, "/table"), done ? "new" : "old");
      EXPECT_EQ(contents(*image, "/new"), done ? "(not_found)" : "new");
    }
  }
}

// Which parts of a torn write of 'n' over 'o' survived; each part is wholly one or the other.
std::vector<bool> parts_of(const std::string& bytes, std::size_t part_bytes) {
  std::vector<bool> parts;
  for (std::size_t at = 0; at < bytes.size(); at += part_bytes) {
    const std::string part = bytes.substr(at, part_bytes);
    EXPECT_EQ(part, std::string(part.size(), part[0])) << "torn inside a part at " << at;
    parts.push_back(part[0] == 'n');
  }
  return parts;
}

TEST(SimDevice, TearsWritesAtTheSectorsOfTheDisk) {
  constexpr std::size_t kBytes = 16 * 1024;
  SimDevice device(1);
  const auto file = durable_file(device, "/a", std::string(kBytes, 'o'));
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes(std::string(kBytes, 'n'))));
  std::set<std::vector<bool>> fine;
  for (const std::string& bytes : images(device, LossMode::kTorn512, "/a"))
    fine.insert(parts_of(bytes, 512));
  std::set<std::vector<bool>> coarse;
  for (const std::string& bytes : images(device, LossMode::kTorn4096, "/a"))
    coarse.insert(parts_of(bytes, 4096));

  const auto has = [](const auto& shapes, auto is_shape) {
    return std::ranges::any_of(shapes, is_shape);
  };
  const auto is_torn = [](const std::vector<bool>& parts) {
    return std::ranges::count(parts, true) > 0 && std::ranges::count(parts, false) > 0;
  };
  const auto is_head = [&](const std::vector<bool>& parts) {
    return is_torn(parts) && std::ranges::is_sorted(parts, std::greater<>());
  };
  const auto is_tail = [&](const std::vector<bool>& parts) {
    return is_torn(parts) && std::ranges::is_sorted(parts);
  };
  const auto is_scattered = [&](const std::vector<bool>& parts) {
    return is_torn(parts) && !is_head(parts) && !is_tail(parts);
  };
  for (const auto& shapes : {fine, coarse}) {
    EXPECT_TRUE(has(shapes, is_head));
    EXPECT_TRUE(has(shapes, is_tail));
    EXPECT_TRUE(has(shapes, is_scattered));
  }
  const auto is_fine = [](const std::vector<bool>& parts) {  // torn inside 4096 bytes
    for (std::size_t i = 1; i < parts.size(); ++i)
      if (parts[i] != parts[i - 1] && i % 8 != 0) return true;
    return false;
  };
  EXPECT_TRUE(has(fine, is_fine));
}

TEST(SimDevice, KeepsLaterWritesAndLosesEarlierOnes) {
  SimDevice device(1);
  const auto first = durable_file(device, "/first", "old");
  const auto second = durable_file(device, "/second", "old");
  ASSERT_TRUE(first->write_at(FilePosition(0), as_bytes("new")));
  ASSERT_TRUE(second->write_at(FilePosition(0), as_bytes("new")));
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const auto image = device.image(LossMode::kReordered, seed);
    EXPECT_EQ(contents(*image, "/first"), "old");
    EXPECT_EQ(contents(*image, "/second"), "new");
  }
}

TEST(SimDevice, AnOldWriteNeverComesBackOverADurableOne) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "0");
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes("1")));
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes("2")));
  ASSERT_TRUE(file->sync());
  for (const LossMode mode : kAllLossModes) EXPECT_EQ(images(device, mode, "/a"), Contents{"2"});
}

// The property the whole engine stands on, over random workloads: what was synced is there whatever
// is lost.
TEST(SimDevice, NeverLosesWhatIsDurable) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    SimDevice device(seed);
    std::map<std::string, std::string> durable;
    std::map<std::string, std::shared_ptr<File>> files;
    for (const std::string name : {"/a", "/b", "/c"}) {
      files[name] = durable_file(device, name, std::string(4096, '.'));
      durable[name] = std::string(4096, '.');
    }
    for (int step = 0; step < 30; ++step) {
      auto file = files.begin();
      std::advance(file, static_cast<std::ptrdiff_t>(random.below(3)));
      const std::string bytes(4096, static_cast<char>('A' + random.below(26)));
      ASSERT_TRUE(file->second->write_at(FilePosition(0), as_bytes(bytes)));
      if (!random.one_in(3)) continue;
      ASSERT_TRUE(file->second->sync());
      durable[file->first] = bytes;
    }
    for (auto& [name, file] : files) {  // end with volatile bytes beside the durable ones
      ASSERT_TRUE(file->sync());
      durable[name] = contents(device, name);
      ASSERT_TRUE(file->write_at(FilePosition(4096), as_bytes(std::string(4096, '!'))));
    }
    for (const LossMode mode : kAllLossModes) {
      const auto image = device.image(mode, seed);
      for (const auto& [name, bytes] : durable)
        ASSERT_EQ(contents(*image, name).substr(0, 4096), bytes) << name_of(mode) << " " << name;
    }
  }
}

TEST(SimDevice, GivesTheSameImageForTheSameSeed) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", std::string(64 * 1024, 'o'));
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes(std::string(64 * 1024, 'n'))));
  for (const LossMode mode : {LossMode::kRandom, LossMode::kTorn512}) {
    EXPECT_EQ(contents(*device.image(mode, 7), "/a"), contents(*device.image(mode, 7), "/a"));
    EXPECT_GT(images(device, mode, "/a").size(), 10U) << "and others for others";
  }
}

TEST(SimDevice, AnImageIsOnItsOwn) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "before");
  const auto image = device.image(LossMode::kKeepAll, 1);
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes("AFTER!")));
  EXPECT_EQ(contents(*image, "/a"), "before");
  EXPECT_EQ(images(*image, LossMode::kLoseUnsynced, "/a"), Contents{"before"})
      << "what an image holds is durable";
}

TEST(SimDevice, LosesItsPowerAtTheStepItIsToldTo) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "old");
  const std::uint64_t steps = device.steps();
  device.crash_at(steps + 2);
  EXPECT_TRUE(file->write_at(FilePosition(0), as_bytes("new")));
  EXPECT_FALSE(device.crashed());
  const Status sync = file->sync();
  ASSERT_FALSE(sync);
  EXPECT_EQ(sync.error().code, ErrorCode::kIo);
  EXPECT_TRUE(device.crashed());
  EXPECT_EQ(device.steps(), steps + 2);
  EXPECT_FALSE(file->write_at(FilePosition(0), as_bytes("x")));
  EXPECT_FALSE(device.open("/a", OpenMode::kRead));
  EXPECT_FALSE(device.list("/"));
  EXPECT_FALSE(device.exists("/a"));
  EXPECT_EQ(images(device, LossMode::kRandom, "/a"), (Contents{"old", "new"}))
      << "a sync cut short may have done its work";
  const auto image = device.image(LossMode::kLoseUnsynced, 1);
  EXPECT_TRUE(image->open("/a", OpenMode::kRead)) << "an image is powered on";
}

// A crash after each step of a replacement, in every mode: the old bytes or the new ones, whole.
TEST(SimDevice, ShowsThatReplaceFileIsAtomicAndDurable) {
  const std::string old_bytes(5000, 'o');
  const std::string new_bytes(9000, 'n');
  std::size_t old_seen = 0;
  std::size_t new_seen = 0;
  for (std::uint64_t step = 1;; ++step) {
    SimDevice device(step);
    durable_file(device, "/table", old_bytes);
    device.crash_at(device.steps() + step);
    const Status replaced = replace_file(device, "/table", as_bytes(new_bytes));
    for (const LossMode mode : kAllLossModes) {
      for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        const auto image = device.image(mode, seed);
        const std::string bytes = contents(*image, "/table");
        ASSERT_TRUE(bytes == new_bytes || (!replaced && bytes == old_bytes))
            << "step " << step << ", " << name_of(mode) << ", seed " << seed;
        ++(bytes == new_bytes ? new_seen : old_seen);
        ASSERT_TRUE(replace_file(*image, "/table", as_bytes("next"))) << "over what is left";
      }
    }
    if (replaced) break;
  }
  EXPECT_GT(old_seen, 0U);
  EXPECT_GT(new_seen, 0U);
}

TEST(SimDevice, FlipsBits) {
  SimDevice device(1);
  durable_file(device, "/a", "abc");
  ASSERT_TRUE(device.flip_bit("/a", FilePosition(1), 0));
  EXPECT_EQ(contents(device, "/a"), "acc");
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/a"), Contents{"acc"});
  EXPECT_FALSE(device.flip_bit("/no", FilePosition(0), 0));
}

TEST(SimDevice, HasWhatATestPutThere) {
  SimDevice device(1);
  ASSERT_TRUE(device.set_contents("/a", as_bytes("planted")));
  ASSERT_TRUE(device.overwrite("/a", FilePosition(0), as_bytes("P")));
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/a"), Contents{"Planted"});
  EXPECT_EQ(device.files(), std::vector<std::string>{"a"});
  EXPECT_EQ(device.steps(), 0U);
}

TEST(SimFault, HitsTheCallItIsSetOn) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a.segment", "old");
  const auto other = durable_file(device, "/b.index", "old");
  device.fail_next({.operation = SimOperation::kWrite, .path_contains = ".segment", .skip = 1});
  EXPECT_TRUE(other->write_at(FilePosition(0), as_bytes("1")));
  EXPECT_TRUE(file->write_at(FilePosition(0), as_bytes("1"))) << "skipped";
  const Status failed = file->write_at(FilePosition(0), as_bytes("2"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kIo);
  EXPECT_TRUE(file->write_at(FilePosition(0), as_bytes("3"))) << "once";
  device.fail_next({.operation = SimOperation::kRead, .path_contains = {}});
  device.clear_faults();
  std::byte byte;
  EXPECT_TRUE(file->read_at(FilePosition(0), MutableBytes(&byte, 1)));
}

TEST(SimFault, EveryOperationCanFail) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", "old");
  const auto fails = [&](SimOperation operation, auto call) {
    device.fail_next({.operation = operation, .path_contains = {}, .code = ErrorCode::kNoSpace});
    const auto result = call();
    return !result && result.error().code == ErrorCode::kNoSpace && call();
  };
  using enum SimOperation;
  std::byte byte;
  EXPECT_TRUE(fails(kOpen, [&] { return device.open("/a", OpenMode::kRead); }));
  EXPECT_TRUE(fails(kCreate, [&] { return device.open("/n", OpenMode::kCreate); }));
  EXPECT_TRUE(fails(kRead, [&] { return file->read_at(FilePosition(0), MutableBytes(&byte, 1)); }));
  EXPECT_TRUE(fails(kMap, [&] { return file->map(); }));
  EXPECT_TRUE(fails(kWrite, [&] { return file->write_at(FilePosition(0), as_bytes("x")); }));
  EXPECT_TRUE(fails(kSync, [&] { return file->sync(); }));
  EXPECT_TRUE(fails(kAllocate, [&] { return file->allocate(FilePosition(0), 8192); }));
  EXPECT_TRUE(fails(kTruncate, [&] { return file->truncate(1); }));
  EXPECT_TRUE(fails(kList, [&] { return device.list("/"); }));
  EXPECT_TRUE(fails(kCreateDirectory, [&] { return device.create_directory("/d"); }));
  EXPECT_TRUE(fails(kRename, [&] { return device.rename("/n", "/m"); }));
  EXPECT_TRUE(fails(kRemove, [&] { return device.remove("/m"); }));
  EXPECT_TRUE(fails(kSyncDirectory, [&] { return device.sync_directory("/"); }));
}

TEST(SimFault, AFailedWriteLeavesAPartOfItsBytes) {
  Contents seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimDevice device(seed);
    const auto file = durable_file(device, "/a", "....");
    device.fail_next({.operation = SimOperation::kWrite, .path_contains = {}});
    EXPECT_FALSE(file->write_at(FilePosition(0), as_bytes("1234")));
    seen.insert(contents(device, "/a"));
  }
  EXPECT_EQ(seen, (Contents{"....", "1...", "12..", "123.", "1234"}));
}

// Why a failed fsync is never tried again: the next one succeeds and the bytes are gone all the
// same.
TEST(SimFault, ASyncAfterAFailedSyncMendsNothing) {
  Contents seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimDevice device(seed);
    const auto file = durable_file(device, "/a", "old");
    ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes("new")));
    device.fail_next({.operation = SimOperation::kSync, .path_contains = {}});
    EXPECT_FALSE(file->sync());
    EXPECT_TRUE(file->sync());
    seen.merge(images(device, LossMode::kLoseUnsynced, "/a"));
  }
  EXPECT_EQ(seen, (Contents{"old", "new"}));
}

TEST(SimDevice, RunsFull) {
  SimDevice device(1);
  device.set_capacity(8192);
  const auto file = durable_file(device, "/a", std::string(4096, 'a'));
  EXPECT_EQ(device.free_bytes("/"), 4096U);
  EXPECT_TRUE(file->write_at(FilePosition(0), as_bytes(std::string(4096, 'b')))) << "no growth";
  const Status grown = file->write_at(FilePosition(4096), as_bytes(std::string(8192, 'b')));
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().code, ErrorCode::kNoSpace);
  const Status allocated = file->allocate(FilePosition(0), 1 << 20);
  ASSERT_FALSE(allocated);
  EXPECT_EQ(allocated.error().code, ErrorCode::kNoSpace);
  EXPECT_LE(*file->size(), 8192U);
  ASSERT_TRUE(device.remove("/a"));
  EXPECT_EQ(device.free_bytes("/"), 8192U);
}

TEST(SimDevice, LetsItsLocksGoWithThePower) {
  SimDevice device(1);
  const auto lock = device.lock("/LOCK");
  ASSERT_TRUE(lock);
  EXPECT_FALSE(device.lock("/LOCK"));
  device.crash();
  EXPECT_TRUE(device.image(LossMode::kKeepAll, 1)->lock("/LOCK"));
}

class SimWriteQueueTest : public ::testing::Test {
 protected:
  // Submits a write of `fill` at each position and waits for all of them.
  void write_all(SimDevice& device, const std::shared_ptr<File>& file, WriteDurability durability,
                 const std::vector<std::uint64_t>& positions, char fill) {
    auto queue = device.open_write_queue(pool_);
    ASSERT_TRUE(queue);
    begin(**queue, file, durability, positions, fill);
    while (order_.size() < operations_.size()) (*queue)->poll(1h, order_);
  }
  void begin(WriteQueue& queue, const std::shared_ptr<File>& file, WriteDurability durability,
             const std::vector<std::uint64_t>& positions, char fill) {
    const FileSlot slot = *queue.attach(file);
    buffer_ = pool_.take(4096);
    std::ranges::fill(buffer_.bytes(), static_cast<std::byte>(fill));
    order_.clear();
    operations_.clear();
    for (const std::uint64_t position : positions)
      operations_.push_back({.durability = durability,
                             .file = slot,
                             .position = FilePosition(position),
                             .bytes = buffer_.bytes(),
                             .result = {}});
    for (DeviceOperation& operation : operations_) queue.submit(operation);
  }

  BufferPool pool_{0};
  Buffer buffer_;
  std::vector<DeviceOperation> operations_;
  std::vector<DeviceOperation*> order_;
};

TEST_F(SimWriteQueueTest, ADurableWriteSurvivesAndAWrittenOneNeedNot) {
  SimDevice device(1);
  const auto durable = durable_file(device, "/durable", std::string(4096, 'o'));
  const auto written = durable_file(device, "/written", std::string(4096, 'o'));
  write_all(device, durable, WriteDurability::kDurable, {0}, 'n');
  write_all(device, written, WriteDurability::kWritten, {0}, 'n');
  for (const LossMode mode : kAllLossModes)
    EXPECT_EQ(images(device, mode, "/durable"), Contents{std::string(4096, 'n')});
  EXPECT_EQ(images(device, LossMode::kLoseUnsynced, "/written"), Contents{std::string(4096, 'o')});
  EXPECT_EQ(contents(device, "/written"), std::string(4096, 'n'));
}

TEST_F(SimWriteQueueTest, FinishesInAnyOrder) {
  std::set<std::vector<std::ptrdiff_t>> orders;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimDevice device(seed);
    const auto file = durable_file(device, "/a", std::string(12'288, 'o'));
    write_all(device, file, WriteDurability::kDurable, {0, 4096, 8192}, 'n');
    std::vector<std::ptrdiff_t> order;
    for (const DeviceOperation* operation : order_) order.push_back(operation - operations_.data());
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 6U) << "all of them, given enough seeds";
}

TEST_F(SimWriteQueueTest, WhatIsInFlightWhenThePowerGoesIsThereOrNot) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", std::string(8192, 'o'));
  auto queue = device.open_write_queue(pool_);
  ASSERT_TRUE(queue);
  begin(**queue, file, WriteDurability::kDurable, {0, 4096}, 'n');
  device.crash();
  while (order_.size() < 2) (*queue)->poll(1h, order_);
  EXPECT_FALSE(operations_[0].result || operations_[1].result);
  const std::string old_half(4096, 'o');
  const std::string new_half(4096, 'n');
  EXPECT_TRUE(images(device, LossMode::kReordered, "/a").contains(old_half + new_half))
      << "the second without the first";
  EXPECT_TRUE(images(device, LossMode::kKeepAll, "/a").contains(new_half + new_half));
  EXPECT_TRUE(images(device, LossMode::kLoseUnsynced, "/a").contains(old_half + old_half));
  EXPECT_GT(images(device, LossMode::kTorn512, "/a").size(), 5U);
}

TEST_F(SimWriteQueueTest, AFullDiskFailsAWriteThatGrowsTheFile) {
  SimDevice device(1);
  device.set_capacity(8192);
  const auto file = durable_file(device, "/a", std::string(4096, 'o'));
  write_all(device, file, WriteDurability::kDurable, {0, 8192}, 'n');
  EXPECT_TRUE(operations_[0].result);
  ASSERT_FALSE(operations_[1].result);
  EXPECT_EQ(operations_[1].result.error().code, ErrorCode::kNoSpace);
}

TEST_F(SimWriteQueueTest, AFailedWriteLeavesAPartOfItsSectors) {
  std::set<std::size_t> parts;
  for (std::uint64_t seed = 0; seed < 4 * kSeeds; ++seed) {
    SimDevice device(seed);
    const auto file = durable_file(device, "/a", std::string(4096, 'o'));
    device.fail_next({.operation = SimOperation::kWrite, .path_contains = "a"});
    write_all(device, file, WriteDurability::kDurable, {0}, 'n');
    ASSERT_FALSE(operations_[0].result);
    const std::string bytes = contents(device, "/a");
    const std::size_t written = bytes.find('o') == std::string::npos ? 4096 : bytes.find('o');
    EXPECT_EQ(bytes, std::string(written, 'n') + std::string(4096 - written, 'o'));
    EXPECT_EQ(written % kSector, 0U);
    parts.insert(written);
  }
  EXPECT_EQ(parts.size(), 9U);
}

using SimWriteQueueDeathTest = SimWriteQueueTest;

TEST_F(SimWriteQueueDeathTest, FindsBytesThatChangedWhileTheyWereWritten) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", std::string(4096, 'o'));
  EXPECT_DEATH(
      {
        auto queue = device.open_write_queue(pool_);
        begin(**queue, file, WriteDurability::kDurable, {0}, 'n');
        buffer_.bytes()[100] = std::byte{'x'};
        (*queue)->poll(1h, order_);
      },
      "invariant broken");
}

TEST_F(SimWriteQueueDeathTest, FindsTwoWritesInFlightOverTheSameBytes) {
  SimDevice device(1);
  const auto file = durable_file(device, "/a", std::string(4096, 'o'));
  EXPECT_DEATH(
      {
        auto queue = device.open_write_queue(pool_);
        begin(**queue, file, WriteDurability::kDurable, {0, 0}, 'n');
      },
      "invariant broken");
}

}  // namespace
}  // namespace bimip::engine
