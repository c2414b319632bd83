// What only devices on a real kernel can get wrong: descriptors, a full file system.
#include "engine/device/posix_device.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "engine/base/limits.h"
#include "engine/device/mapped_pages.h"
#include "engine/device/posix_file.h"
#include "engine/device/posix_write_queue.h"
#include "tests/engine/device/device_kinds.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class EachRealDevice : public EachDevice {};
INSTANTIATE_TEST_SUITE_P(On, EachRealDevice,
                         ::testing::ValuesIn(all_device_kinds().begin(),
                                             std::prev(all_device_kinds().end())),
                         [](const auto& kind) { return kind.param.name; });

// As an unreadable sector does, the end of a file makes the kernel send a signal.
TEST_P(EachRealDevice, GivesZerosForAMappedPageThatCannotBeReadAndSaysSo) {
  const auto file = create("a", std::string(3 * 4096, 'x'));
  const auto whole = create("b", std::string(4096, 'y'));
  const auto mapping = file->map();
  const auto other = whole->map();
  ASSERT_TRUE(mapping && other);
  const Bytes bytes = (*mapping)->bytes();
  EXPECT_EQ(bytes[4096], std::byte{'x'});
  EXPECT_TRUE((*mapping)->is_readable());
  ASSERT_TRUE(file->truncate(4096));
  EXPECT_EQ(bytes[0], std::byte{'x'});
  EXPECT_EQ(bytes[2 * 4096 + 1], std::byte{0});
  EXPECT_FALSE((*mapping)->is_readable());
  EXPECT_EQ((*other)->bytes()[0], std::byte{'y'});
  EXPECT_TRUE((*other)->is_readable());
}

TEST(MappedPages, LeaveTheSignalsOfOthersToThem) {
  const auto be_signalled = [] {
    void* const page =
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    (void)MappedPages::watch(Bytes(static_cast<const std::byte*>(page), 4096));
    ::raise(SIGBUS);
  };
  EXPECT_DEATH(be_signalled(), "");
}

TEST_P(EachRealDevice, LeavesNoDescriptorOpen) {
  const auto use = [&] {
    BufferPool pool(64 * 4096);
    auto queue = device().open_write_queue(pool);
    ASSERT_TRUE(queue);
    const auto file = create("a", "hello");
    const auto slot = (*queue)->attach(file);
    ASSERT_TRUE(slot);
    const Buffer buffer = pool.take(4096);
    DeviceOperation operation{.file = *slot, .bytes = buffer.bytes(), .result = {}};
    (*queue)->submit(operation);
    std::vector<DeviceOperation*> finished;
    while (finished.empty()) (*queue)->poll(1h, finished);
    ASSERT_TRUE(operation.result);
    (*queue)->detach(*slot);
    const auto mapping = file->map();
    const auto lock = device().lock(path("LOCK"));
    ASSERT_FALSE(device().lock(path("LOCK")));
    ASSERT_FALSE(device().open(path("missing"), OpenMode::kRead));
    ASSERT_FALSE(device().open(path("a"), OpenMode::kCreate));
    ASSERT_TRUE(device().list(folder()));
    ASSERT_TRUE(replace_file(device(), path("b"), as_bytes("b")));
    ASSERT_TRUE(device().remove(path("a")));
  };
  use();
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 20; ++i) use();
  EXPECT_EQ(open_descriptors(), before);
}

// The last handle to a file may be a queue's slot: detaching it closes the file.
TEST_P(EachRealDevice, ClosesAFileWhenItsLastSlotIsDetached) {
  BufferPool pool(0);
  auto queue = device().open_write_queue(pool);
  ASSERT_TRUE(queue);
  std::vector<DeviceOperation*> finished;
  (*queue)->poll(0us, finished);
  const std::size_t before = open_descriptors();
  std::vector<FileSlot> slots;
  for (int i = 0; i < 50; ++i) slots.push_back(*(*queue)->attach(create("f" + std::to_string(i))));
  EXPECT_GE(open_descriptors(), before + 50);
  for (const FileSlot slot : slots) (*queue)->detach(slot);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_P(EachRealDevice, SaysWhenDescriptorsRunOut) {
  create("a");
  rlimit was{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &was), 0);
  const rlimit few{.rlim_cur = open_descriptors(), .rlim_max = was.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<std::shared_ptr<File>> more;  // the count above may be one too many
  auto last = device().open(path("a"), OpenMode::kRead);
  for (int i = 0; i < 10 && last; ++i) {
    more.push_back(*last);
    last = device().open(path("a"), OpenMode::kRead);
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &was), 0);
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::kBusy);
}

// A tiny file system of its own, if this machine lets the test mount one.
class FullDisk {
 public:
  explicit FullDisk(Path at) : at_(std::move(at)) {
    error_ = ::mount("bimip-test", at_.c_str(), "tmpfs", 0, "size=64k") == 0 ? 0 : errno;
  }
  ~FullDisk() {
    if (error_ == 0) ::umount2(at_.c_str(), MNT_DETACH);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  [[nodiscard]] int error() const { return error_; }

 private:
  const Path at_;
  int error_ = 0;
};

TEST_P(EachRealDevice, SaysWhenTheDiskIsFull) {
  ASSERT_TRUE(device().create_directory(path("disk")));
  const FullDisk disk(path("disk"));
  if (disk.error() != 0)
    GTEST_SKIP() << "may not mount a small file system here: "
                 << std::system_category().message(disk.error());
  const auto file = create("disk/a");
  const Status allocated = file->allocate(FilePosition(0), 1 << 20);
  ASSERT_FALSE(allocated);
  EXPECT_EQ(allocated.error().code, ErrorCode::kNoSpace);
  ASSERT_TRUE(file->truncate(0));
  const std::string much(1 << 20, 'm');
  const Status written = file->write_at(FilePosition(0), as_bytes(much));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kNoSpace);
  ASSERT_TRUE(file->truncate(0));

  BufferPool pool(0);
  auto queue = device().open_write_queue(pool);
  ASSERT_TRUE(queue);
  const FileSlot slot = *(*queue)->attach(file);
  const Buffer buffer = pool.take(1 << 20);
  DeviceOperation operation{.file = slot, .bytes = buffer.bytes(), .result = {}};
  (*queue)->submit(operation);
  std::vector<DeviceOperation*> finished;
  while (finished.empty()) (*queue)->poll(1h, finished);
  ASSERT_FALSE(operation.result) << "a part of the bytes is no success";
  EXPECT_EQ(operation.result.error().code, ErrorCode::kNoSpace);

  const Status replaced = replace_file(device(), path("disk/table"), as_bytes(much));
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, ErrorCode::kNoSpace);
  EXPECT_EQ(device().exists(path("disk/table.new")), false) << "what it began takes no space";
}

// The largest a file of this process may become, while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &was_), 0);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = was_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &was_);
    (void)std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit was_{};
  void (*handler_)(int);
};

// The kernel writes half of it and says so: that is no success and no end.
TEST_P(EachRealDevice, AShortWriteIsNotDone) {
  constexpr std::uint64_t kStart = 64ULL << 20;
  BufferPool pool(16 * 4096);
  auto queue = device().open_write_queue(pool);
  ASSERT_TRUE(queue);
  const auto file = create("a");
  const FileSlot slot = *(*queue)->attach(file);
  const Buffer buffer = pool.take(8192);
  for (const auto durability : {WriteDurability::kDurable, WriteDurability::kWritten}) {
    DeviceOperation operation{.durability = durability,
                              .file = slot,
                              .position = FilePosition(kStart),
                              .bytes = buffer.bytes(),
                              .result = {}};
    std::vector<DeviceOperation*> finished;
    {
      const FileSizeLimit limit(kStart + 4096);
      (*queue)->submit(operation);
      while (finished.empty()) (*queue)->poll(1h, finished);
    }
    EXPECT_EQ(file->size(), kStart + 4096) << "the write was short";
    ASSERT_FALSE(operation.result);
    EXPECT_EQ(operation.result.error().code, ErrorCode::kIo);
  }
  EXPECT_EQ(device().counters().bytes_written, 0U);
}

TEST(PosixFile, WritesAroundThePageCacheWhereItCan) {
  const TempDirectory directory;
  DeviceCounters counters;
  const auto file = PosixFile::open(directory.path() / "a", OpenMode::kCreate, counters);
  ASSERT_TRUE(file);
  auto& ours = dynamic_cast<PosixFile&>(**file);
  const int direct = ours.direct_descriptor();
  if (direct == ours.buffered_descriptor())
    GTEST_SKIP() << "the temporary folder's file system takes no direct writes";
  EXPECT_NE(::fcntl(direct, F_GETFL) & O_DIRECT, 0);
  EXPECT_EQ(::fcntl(ours.buffered_descriptor(), F_GETFL) & O_DIRECT, 0);
  EXPECT_EQ(ours.direct_descriptor(), direct) << "opened once";
}

TEST(PosixDevice, IsThePortableOne) { EXPECT_EQ(make_posix_device()->name(), "portable"); }

}  // namespace
}  // namespace bimip::testing
