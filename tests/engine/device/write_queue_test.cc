// What every device promises of its write queue.
#include <algorithm>
#include <array>
#include <map>
#include <thread>

#include "engine/base/limits.h"
#include "engine/base/random.h"
#include "tests/engine/device/device_kinds.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using Finished = std::vector<DeviceOperation*>;

class EachWriteQueue : public EachDevice {
 protected:
  void SetUp() override {
    EachDevice::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto queue = device().open_write_queue(pool_);
    ASSERT_TRUE(queue) << queue.error().message;
    queue_ = std::move(*queue);
  }

  FileSlot attach(std::shared_ptr<File> file) {
    const auto slot = queue_->attach(std::move(file));
    EXPECT_TRUE(slot);
    return *slot;
  }

  // A buffer full of `fill`, kept until the end.
  Bytes buffer(std::size_t bytes, char fill) {
    Buffer& made = buffers_.emplace_back(pool_.take(bytes));
    std::ranges::fill(made.bytes(), static_cast<std::byte>(fill));
    return made.bytes().first(bytes);
  }

  DeviceOperation write(FileSlot slot, std::uint64_t position, Bytes bytes,
                        WriteDurability durability = WriteDurability::kDurable) {
    return {.kind = DeviceOperation::Kind::kWrite,
            .durability = durability,
            .file = slot,
            .position = FilePosition(position),
            .bytes = bytes,
            .owner = nullptr,
            .result = fail(ErrorCode::kClosed, "not finished")};
  }

  Finished wait_for(std::size_t count) {
    Finished finished;
    while (finished.size() < count) queue_->poll(1h, finished);
    return finished;
  }

  BufferPool pool_{1 << 20};
  std::unique_ptr<WriteQueue> queue_;
  std::vector<Buffer> buffers_;
};
INSTANTIATE_FOR_EACH_DEVICE(EachWriteQueue);

TEST_P(EachWriteQueue, FinishesAWriteWhenAllItsBytesAreThere) {
  const auto file = create("a");
  for (const auto durability : {WriteDurability::kDurable, WriteDurability::kWritten}) {
    DeviceOperation operation = write(attach(file), 4096, buffer(8192, 'w'), durability);
    queue_->submit(operation);
    EXPECT_EQ(wait_for(1), Finished{&operation});
    EXPECT_TRUE(operation.result) << operation.result.error().message;
    EXPECT_EQ(read(*file), std::string(4096, '\0') + std::string(8192, 'w'));
  }
}

TEST_P(EachWriteQueue, FinishesEachOfManyInFlightOnce) {
  const auto file = create("a");
  ASSERT_TRUE(file->allocate(FilePosition(0), 64 * 4096));
  const FileSlot slot = attach(file);
  std::vector<DeviceOperation> operations;
  std::string expected;
  for (std::uint64_t i = 0; i < 64; ++i) {
    const char fill = static_cast<char>('A' + i % 26);
    operations.push_back(write(slot, i * 4096, buffer(4096, fill)));
    operations.back().owner = &operations;
    expected += std::string(4096, fill);
  }
  for (DeviceOperation& operation : operations) queue_->submit(operation);
  Finished finished = wait_for(operations.size());
  std::ranges::sort(finished);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    EXPECT_EQ(finished[i], &operations[i]);
    EXPECT_EQ(operations[i].owner, &operations);
    EXPECT_TRUE(operations[i].result);
  }
  EXPECT_EQ(read(*file), expected);
  queue_->poll(0us, finished);
  EXPECT_EQ(finished.size(), operations.size()) << "nothing is given twice";
}

// More than a ring has room for.
TEST_P(EachWriteQueue, TakesMoreThanItCanStartAtOnce) {
  const auto file = create("a");
  ASSERT_TRUE(file->allocate(FilePosition(0), 1000 * 4096));
  const FileSlot slot = attach(file);
  const Bytes bytes = buffer(4096, 'm');
  std::vector<DeviceOperation> operations;
  for (std::uint64_t i = 0; i < 1000; ++i)
    operations.push_back(write(slot, i * 4096, bytes, WriteDurability::kWritten));
  for (DeviceOperation& operation : operations) queue_->submit(operation);
  EXPECT_EQ(wait_for(1000).size(), 1000U);
  EXPECT_TRUE(std::ranges::all_of(operations, [](const auto& o) { return o.result.has_value(); }));
  EXPECT_EQ(read(*file), std::string(1000 * 4096, 'm'));
}

TEST_P(EachWriteQueue, WritesFromTheArenaAndFromTheHeap) {
  const auto file = create("a");
  const FileSlot slot = attach(file);
  BufferPool heap(0);
  Buffer outside = heap.take(4096);
  std::ranges::fill(outside.bytes(), std::byte{'h'});
  DeviceOperation first = write(slot, 0, buffer(4096, 'a'));
  DeviceOperation second = write(slot, 4096, outside.bytes());
  queue_->submit(first);
  queue_->submit(second);
  wait_for(2);
  EXPECT_TRUE(first.result && second.result);
  EXPECT_EQ(read(*file), std::string(4096, 'a') + std::string(4096, 'h'));
}

TEST_P(EachWriteQueue, WritesTheLargestBlock) {
  const auto file = create("a");
  DeviceOperation operation = write(attach(file), 0, buffer(limits::kBlockBytesMax, 'L'));
  queue_->submit(operation);
  wait_for(1);
  ASSERT_TRUE(operation.result);
  EXPECT_EQ(read(*file), std::string(limits::kBlockBytesMax, 'L'));
}

TEST_P(EachWriteQueue, SyncsWhatWasWritten) {
  const auto file = create("a");
  const FileSlot slot = attach(file);
  DeviceOperation operation = write(slot, 0, buffer(4096, 's'), WriteDurability::kWritten);
  queue_->submit(operation);
  wait_for(1);
  DeviceOperation sync{.kind = DeviceOperation::Kind::kSync,
                       .file = slot,
                       .bytes = {},
                       .result = fail(ErrorCode::kClosed, "not finished")};
  const std::uint64_t syncs = device().counters().syncs;
  queue_->submit(sync);
  EXPECT_EQ(wait_for(1), Finished{&sync});
  EXPECT_TRUE(sync.result);
  EXPECT_EQ(device().counters().syncs, syncs + 1);
}

TEST_P(EachWriteQueue, CountsWhatItWrote) {
  const auto file = create("a");
  DeviceOperation operation = write(attach(file), 0, buffer(8192, 'c'));
  queue_->submit(operation);
  wait_for(1);
  EXPECT_EQ(device().counters().writes, 1U);
  EXPECT_EQ(device().counters().bytes_written, 8192U);
}

TEST_P(EachWriteQueue, KeepsAnAttachedFileOpenAndUsesAFreedSlotAgain) {
  const auto kept = create("kept");
  const FileSlot first = attach(create("a"));
  const FileSlot second = attach(kept);
  ASSERT_TRUE(device().remove(path("a")));
  DeviceOperation operation = write(first, 0, buffer(4096, 'a'));
  queue_->submit(operation);
  wait_for(1);
  EXPECT_TRUE(operation.result) << "the queue is the file's only owner";
  queue_->detach(first);

  const auto other = create("b");
  EXPECT_EQ(attach(other), first);
  DeviceOperation to_kept = write(second, 0, buffer(4096, 'k'));
  DeviceOperation to_other = write(first, 0, buffer(4096, 'b'));
  queue_->submit(to_kept);
  queue_->submit(to_other);
  wait_for(2);
  EXPECT_EQ(read(*kept), std::string(4096, 'k'));
  EXPECT_EQ(read(*other), std::string(4096, 'b'));
}

TEST_P(EachWriteQueue, DoesNotWaitWhenToldNotTo) {
  Finished finished;
  queue_->poll(0us, finished);
  EXPECT_TRUE(finished.empty());
}

TEST_P(EachWriteQueue, WaitsNoLongerThanItIsTold) {
  Finished finished;
  const auto before = std::chrono::steady_clock::now();
  queue_->poll(2ms, finished);
  EXPECT_GE(std::chrono::steady_clock::now() - before, 2ms);
  EXPECT_TRUE(finished.empty());
}

TEST_P(EachWriteQueue, IsWokenBeforeItWaits) {
  Finished finished;
  queue_->wake();
  queue_->poll(1h, finished);
  EXPECT_TRUE(finished.empty());
  queue_->wake();
  queue_->wake();  // two are as good as one
  queue_->poll(1h, finished);
  queue_->poll(0us, finished);
}

// Every wake ends a poll that began before it or the next one: none is lost, or this never ends.
TEST_P(EachWriteQueue, IsWokenByAnotherThread) {
  constexpr int kWakes = 2000;
  std::atomic<int> asked{0};
  std::atomic<int> seen{0};
  std::jthread waker([&] {
    for (int i = 1; i <= kWakes; ++i) {
      asked.store(i);
      queue_->wake();
      while (seen.load() < i) std::this_thread::yield();
    }
  });
  Finished finished;
  while (seen.load() < kWakes) {
    queue_->poll(1h, finished);
    seen.store(asked.load());
  }
}

TEST_P(EachWriteQueue, BelongsToTheThreadThatPollsFirst) {
  const auto file = create("a");
  const FileSlot slot = attach(file);
  DeviceOperation operation = write(slot, 0, buffer(4096, 't'));
  std::jthread owner([&] {
    queue_->submit(operation);
    EXPECT_EQ(wait_for(1).size(), 1U);
    EXPECT_TRUE(operation.result);
    queue_->detach(slot);
    queue_.reset();
  });
  owner.join();
  EXPECT_EQ(read(*file), std::string(4096, 't'));
}

TEST_P(EachWriteQueue, IsEndedByAnotherThreadWhenNothingIsInFlight) {
  const FileSlot slot = attach(create("a"));
  std::jthread([&] {
    DeviceOperation operation = write(slot, 0, buffer(4096, 't'));
    queue_->submit(operation);
    wait_for(1);
  }).join();
  queue_->detach(slot);
  queue_.reset();
}

TEST_P(EachWriteQueue, FinishesWhatIsInFlightBeforeItEnds) {
  const auto file = create("a");
  const FileSlot slot = attach(file);
  std::vector<DeviceOperation> operations;
  for (std::uint64_t i = 0; i < 8; ++i)
    operations.push_back(write(slot, i * 4096, buffer(4096, 'e')));
  for (DeviceOperation& operation : operations) queue_->submit(operation);
  queue_.reset();
  EXPECT_TRUE(std::ranges::all_of(operations, [](const auto& o) { return o.result.has_value(); }));
  EXPECT_EQ(read(*file), std::string(8 * 4096, 'e'));
}

TEST_P(EachWriteQueue, SaysWhenAFileCannotBeWritten) {
  create("a", std::string(4096, 'a'));
  auto file = device().open(path("a"), OpenMode::kRead);
  ASSERT_TRUE(file);
  const FileSlot slot = attach(*file);
  for (const auto durability : {WriteDurability::kDurable, WriteDurability::kWritten}) {
    DeviceOperation operation = write(slot, 0, buffer(4096, 'b'), durability);
    queue_->submit(operation);
    EXPECT_EQ(wait_for(1), Finished{&operation});
    ASSERT_FALSE(operation.result);
    EXPECT_EQ(operation.result.error().code, ErrorCode::kIo);
    EXPECT_NE(operation.result.error().message.find(path("a").string()), std::string::npos);
  }
  EXPECT_EQ(read(**file), std::string(4096, 'a'));
  EXPECT_EQ(device().counters().bytes_written, 4096U) << "only what create() wrote";
}

using EachWriteQueueDeathTest = EachWriteQueue;
INSTANTIATE_FOR_EACH_DEVICE(EachWriteQueueDeathTest);

TEST_P(EachWriteQueueDeathTest, RefusesWhatDirectWritesMightNotTake) {
  GTEST_FLAG_SET(death_test_style, "fast");
  const FileSlot slot = attach(create("a"));
  const Bytes good = buffer(8192, 'x');
  const auto submit = [&](std::uint64_t position, Bytes bytes) {
    DeviceOperation operation = write(slot, position, bytes);
    queue_->submit(operation);
  };
  EXPECT_DEATH(submit(512, good.first(4096)), "invariant broken");
  EXPECT_DEATH(submit(0, good.first(4095)), "invariant broken");
  EXPECT_DEATH(submit(0, good.subspan(512, 4096)), "invariant broken");
  EXPECT_DEATH(submit(0, {}), "invariant broken");
  const std::vector<std::byte> large(limits::kBlockBytesMax + 8192);
  const auto address = reinterpret_cast<std::uintptr_t>(large.data());
  EXPECT_DEATH(
      submit(0, Bytes(large).subspan(4096 - address % 4096, limits::kBlockBytesMax + 4096)),
      "invariant broken");
}

TEST_P(EachWriteQueueDeathTest, RefusesAFileThatIsNotAttached) {
  GTEST_FLAG_SET(death_test_style, "fast");
  const FileSlot slot = attach(create("a"));
  queue_->detach(slot);
  DeviceOperation operation = write(slot, 0, buffer(4096, 'x'));
  EXPECT_DEATH(queue_->submit(operation), "invariant broken");
}

}  // namespace
}  // namespace bimip::testing
