// What every device promises of files and names.
#include "engine/device/device.h"

#include <unistd.h>

#include <thread>

#include "engine/base/limits.h"
#include "tests/engine/device/device_kinds.h"

namespace bimip::testing {
namespace {

class EachDevicesFiles : public EachDevice {};
class EachDevicesNames : public EachDevice {};
INSTANTIATE_FOR_EACH_DEVICE(EachDevicesFiles);
INSTANTIATE_FOR_EACH_DEVICE(EachDevicesNames);

template <typename T>
ErrorCode code_of(const std::expected<T, Error>& result) {
  EXPECT_FALSE(result) << "succeeded";
  return result ? ErrorCode::kClosed : result.error().code;
}

TEST_P(EachDevicesFiles, GiveBackWhatWasWritten) {
  const auto file = create("a", "hello, world");
  EXPECT_EQ(read(*file), "hello, world");
  ASSERT_TRUE(file->write_at(FilePosition(7), as_bytes("there")));
  EXPECT_EQ(read(*file), "hello, there");
  ASSERT_TRUE(file->sync());
  const auto again = device().open(path("a"), OpenMode::kRead);
  ASSERT_TRUE(again);
  EXPECT_EQ(read(**again), "hello, there");
}

TEST_P(EachDevicesFiles, AreReadShortOnlyAtTheirEnd) {
  const auto file = create("a", "0123456789");
  std::array<std::byte, 8> into{};
  EXPECT_EQ(file->read_at(FilePosition(0), into), 8U);
  EXPECT_EQ(file->read_at(FilePosition(6), into), 4U);
  EXPECT_EQ(file->read_at(FilePosition(10), into), 0U);
  EXPECT_EQ(file->read_at(FilePosition(1'000'000), into), 0U);
  EXPECT_EQ(file->read_at(FilePosition(3), {}), 0U);
}

TEST_P(EachDevicesFiles, ReadZerosWhereNothingWasWritten) {
  const auto file = create("a", "x");
  ASSERT_TRUE(file->write_at(FilePosition(10'000), as_bytes("y")));
  EXPECT_EQ(read(*file), "x" + std::string(9'999, '\0') + "y");
}

TEST_P(EachDevicesFiles, AreReservedWithoutLosingWhatIsThere) {
  const auto file = create("a", "hello");
  ASSERT_TRUE(file->allocate(FilePosition(0), 3));
  EXPECT_EQ(file->size(), 5U) << "never made shorter";
  ASSERT_TRUE(file->allocate(FilePosition(4096), 8192));
  EXPECT_EQ(file->size(), 12'288U);
  EXPECT_EQ(read(*file), "hello" + std::string(12'283, '\0'));
}

TEST_P(EachDevicesFiles, AreCutAndGrownWithZeros) {
  const auto file = create("a", "hello, world");
  ASSERT_TRUE(file->truncate(5));
  EXPECT_EQ(read(*file), "hello");
  ASSERT_TRUE(file->truncate(8));
  EXPECT_EQ(read(*file), std::string("hello\0\0\0", 8));
}

TEST_P(EachDevicesFiles, TakeAlignedWritesBesideOthers) {
  const auto file = create("a", std::string(12'288, 'a'));
  BufferPool pool(0);
  Buffer buffer = pool.take(4096);
  std::ranges::fill(buffer.bytes(), std::byte{'b'});
  ASSERT_TRUE(file->write_aligned_at(FilePosition(4096), buffer.bytes()));
  EXPECT_EQ(read(*file), std::string(4096, 'a') + std::string(4096, 'b') + std::string(4096, 'a'));
}

TEST_P(EachDevicesFiles, AreMappedWhole) {
  auto file = create("a", std::string(5000, 'm'));
  auto mapping = file->map();
  ASSERT_TRUE(mapping) << mapping.error().message;
  file.reset();
  EXPECT_EQ(as_text((*mapping)->bytes()), std::string(5000, 'm')) << "the file is closed";
  const auto empty = create("b");
  auto nothing = empty->map();
  ASSERT_TRUE(nothing);
  EXPECT_TRUE((*nothing)->bytes().empty());
}

TEST_P(EachDevicesFiles, OpenedForReadingRefuseToBeWritten) {
  create("a", std::string(4096, 'a'));
  const auto file = device().open(path("a"), OpenMode::kRead);
  ASSERT_TRUE(file);
  BufferPool pool(0);
  Buffer buffer = pool.take(4096);
  std::ranges::fill(buffer.bytes(), std::byte{'b'});
  EXPECT_EQ(code_of((*file)->write_at(FilePosition(0), as_bytes("b"))), ErrorCode::kIo);
  EXPECT_EQ(code_of((*file)->write_aligned_at(FilePosition(0), buffer.bytes())), ErrorCode::kIo);
  EXPECT_EQ(code_of((*file)->allocate(FilePosition(0), 8192)), ErrorCode::kIo);
  EXPECT_EQ(code_of((*file)->truncate(0)), ErrorCode::kIo);
  EXPECT_EQ(read(**file), std::string(4096, 'a'));
}

TEST_P(EachDevicesFiles, AreCreatedOnceAndOpenedOnlyWhenThere) {
  EXPECT_EQ(code_of(device().open(path("a"), OpenMode::kRead)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(device().open(path("a"), OpenMode::kReadWrite)), ErrorCode::kNotFound);
  create("a");
  EXPECT_EQ(code_of(device().open(path("a"), OpenMode::kCreate)), ErrorCode::kAlreadyExists);
  EXPECT_EQ(code_of(device().open(path("no/a"), OpenMode::kCreate)), ErrorCode::kNotFound);
}

TEST_P(EachDevicesFiles, ErrorsNameTheFile) {
  const auto missing = device().open(path("missing"), OpenMode::kRead);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find(path("missing").string()), std::string::npos)
      << missing.error().message;
}

TEST_P(EachDevicesFiles, StayUsableWhenTheirNameGoes) {
  const auto file = create("a", "hello");
  ASSERT_TRUE(device().remove(path("a")));
  EXPECT_EQ(read(*file), "hello");
  ASSERT_TRUE(file->write_at(FilePosition(0), as_bytes("J")));
  EXPECT_EQ(read(*file), "Jello");
}

TEST_P(EachDevicesFiles, AreReadByManyThreadsAtOnce) {
  const auto file = create("a", std::string(100'000, 'r'));
  std::vector<std::jthread> readers;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        std::string text(100'000, '\0');
        const auto got = file->read_at(FilePosition(0), std::as_writable_bytes(std::span(text)));
        if (got == text.size() && text == std::string(100'000, 'r')) ++good;
      }
    });
  }
  readers.clear();
  EXPECT_EQ(good, 200);
}

TEST_P(EachDevicesNames, AreListedInOrder) {
  create("c");
  create("a");
  ASSERT_TRUE(device().create_directory(path("b")));
  EXPECT_EQ(device().list(folder()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(device().list(path("b")), std::vector<std::string>{});
  EXPECT_EQ(code_of(device().list(path("no"))), ErrorCode::kNotFound);
}

TEST_P(EachDevicesNames, AreThereOrNot) {
  create("a");
  EXPECT_EQ(device().exists(path("a")), true);
  EXPECT_EQ(device().exists(folder()), true);
  EXPECT_EQ(device().exists(path("b")), false);
  EXPECT_EQ(device().exists(path("no/b")), false);
}

TEST_P(EachDevicesNames, OfFoldersMayBeThereAlready) {
  EXPECT_TRUE(device().create_directory(path("f")));
  EXPECT_TRUE(device().create_directory(path("f")));
  create("a");
  EXPECT_EQ(code_of(device().create_directory(path("a"))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(code_of(device().create_directory(path("no/f"))), ErrorCode::kNotFound);
}

TEST_P(EachDevicesNames, AreRemoved) {
  create("a");
  EXPECT_TRUE(device().remove(path("a")));
  EXPECT_EQ(device().exists(path("a")), false);
  EXPECT_EQ(code_of(device().remove(path("a"))), ErrorCode::kNotFound);
  ASSERT_TRUE(device().create_directory(path("f")));
  create("f/a");
  EXPECT_EQ(code_of(device().remove(path("f"))), ErrorCode::kIo) << "not empty";
  ASSERT_TRUE(device().remove(path("f/a")));
  EXPECT_TRUE(device().remove(path("f")));
}

TEST_P(EachDevicesNames, AreReplacedByARename) {
  create("old", "old");
  create("new", "new");
  ASSERT_TRUE(device().rename(path("new"), path("old")));
  EXPECT_EQ(device().list(folder()), std::vector<std::string>{"old"});
  EXPECT_EQ(read(**device().open(path("old"), OpenMode::kRead)), "new");
  EXPECT_EQ(code_of(device().rename(path("no"), path("old"))), ErrorCode::kNotFound);
  EXPECT_EQ(device().exists(path("old")), true);
}

TEST_P(EachDevicesNames, AreMadeDurableAFolderAtATime) {
  create("a");
  EXPECT_TRUE(device().sync_directory(folder()));
  EXPECT_EQ(code_of(device().sync_directory(path("no"))), ErrorCode::kNotFound);
}

TEST_P(EachDevicesNames, ALockIsHeldOnceAndLetGo) {
  auto lock = device().lock(path("LOCK"));
  ASSERT_TRUE(lock) << lock.error().message;
  const auto second = device().lock(path("LOCK"));
  ASSERT_EQ(code_of(second), ErrorCode::kLocked);
  EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())), std::string::npos)
      << second.error().message;
  EXPECT_TRUE(device().lock(path("OTHER")));
  lock->reset();
  EXPECT_TRUE(device().lock(path("LOCK")));
}

TEST_P(EachDevicesNames, SpaceIsLeft) {
  const auto free = device().free_bytes(folder());
  ASSERT_TRUE(free);
  EXPECT_GT(*free, 0U);
  EXPECT_EQ(code_of(device().free_bytes(path("no"))), ErrorCode::kNotFound);
}

TEST_P(EachDevicesNames, AReplacedFileIsTheNewOneAndNothingIsLeftBeside) {
  ASSERT_TRUE(replace_file(device(), path("table"), as_bytes("first")));
  ASSERT_TRUE(replace_file(device(), path("table"), as_bytes("second")));
  create("table.new", "left by a crash, longer than what comes");
  ASSERT_TRUE(replace_file(device(), path("table"), as_bytes("third")));
  EXPECT_EQ(device().list(folder()), std::vector<std::string>{"table"});
  const auto bytes = read_file(device(), path("table"), 5);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(as_text(*bytes), "third");
  EXPECT_EQ(code_of(read_file(device(), path("table"), 4)), ErrorCode::kTooLarge);
  EXPECT_EQ(code_of(read_file(device(), path("no"), 4)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(replace_file(device(), path("no/table"), as_bytes("x"))), ErrorCode::kNotFound);
}

TEST_P(EachDevicesFiles, AreCounted) {
  DeviceCounters& counters = device().counters();
  const auto file = create("a", "0123456789");
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(read(*file), "0123456789");
  ASSERT_TRUE(device().sync_directory(folder()));
  EXPECT_EQ(counters.writes, 1U);
  EXPECT_EQ(counters.bytes_written, 10U);
  EXPECT_EQ(counters.reads, 1U);
  EXPECT_EQ(counters.bytes_read, 10U);
  EXPECT_EQ(counters.syncs, 2U);
}

}  // namespace
}  // namespace bimip::testing
