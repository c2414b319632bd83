// The same troubles on a real file system, as far as this user may cause them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

class BlockingReopen final : public ReopenRequest {
 public:
  void on_reopened(Status result) override { answer_.set_value(std::move(result)); }
  Status wait() { return answer_.get_future().get(); }

 private:
  std::promise<Status> answer_;
};

Status reopen(Store& store, TopicId topic) {
  BlockingReopen request;
  request.topic = topic;
  store.reopen(request);
  return request.wait();
}

std::unique_ptr<Store> open_store(const Path& directory) {
  Result<std::unique_ptr<Store>> store =
      Store::open({.directory = directory, .free_space_floor = 0});
  if (!store) throw std::runtime_error(store.error().message);
  return std::move(*store);
}

// Tries until it is stored: after a shortage the log asks for room again by itself.
Result<Appended> append_soon(LogClient& log, TopicId topic, std::string_view value) {
  Result<Appended> answer = log.append(topic, value);
  while (!answer && is_shortage(answer.error())) answer = log.append(topic, value);
  return answer;
}

// Until it is refused: why, and how many were stored.
std::pair<Error, std::size_t> append_until_refused(LogClient& log, TopicId topic,
                                                   std::string_view value) {
  for (std::size_t stored = 0;; ++stored) {
    const Result<Appended> answer = log.append(topic, value);
    if (!answer) return {answer.error(), stored};
  }
}

class MountedTmpfs {
 public:
  explicit MountedTmpfs(const Path& at) : at_(at) {
    std::filesystem::create_directories(at);
    if (::mount("tmpfs", at.c_str(), "tmpfs", 0, "size=8m") != 0) error_ = std::strerror(errno);
  }
  ~MountedTmpfs() {
    if (error_.empty()) ::umount2(at_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  const Path at_;
  std::string error_;
};

// What a shell command writes, without its last line's end; empty when it fails.
std::string shell(const std::string& command) {
  std::string output;
  FILE* const pipe = ::popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return {};
  std::array<char, 256> chunk{};
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe))
    output.append(chunk.data(), got);
  if (::pclose(pipe) != 0) return {};
  while (output.ends_with('\n')) output.pop_back();
  return output;
}

// An ext4 of its own on a file, which can be made to find an error of its own.
class LoopedExt4 {
 public:
  explicit LoopedExt4(const Path& folder) : image_(folder / "image"), at_(folder / "mounted") {
    std::filesystem::create_directories(at_);
    std::ofstream(image_).close();
    std::filesystem::resize_file(image_, 64ULL << 20U);
    device_ = shell("losetup -f --show '" + image_.string() + "'");
    if (!device_.empty() && !shell("mkfs.ext4 -q " + device_ + " && echo made").empty()) mount();
  }
  ~LoopedExt4() {
    unmount();
    if (!device_.empty()) (void)shell("losetup -d " + device_);
  }
  LoopedExt4(const LoopedExt4&) = delete;
  LoopedExt4& operator=(const LoopedExt4&) = delete;

  [[nodiscard]] bool is_there() const { return mounted_; }
  [[nodiscard]] const Path& at() const { return at_; }
  // As a file system does that met what it cannot trust: it takes nothing more.
  [[nodiscard]] bool turn_read_only() const {
    std::ofstream trigger("/sys/fs/ext4/" + Path(device_).filename().string() +
                          "/trigger_fs_error");
    trigger << "1" << std::flush;
    return trigger.good();
  }
  // What an operator does about it.
  [[nodiscard]] bool check_and_mount() {
    unmount();
    (void)shell("e2fsck -fy " + device_);  // says with its exit code that it mended something
    mount();
    return mounted_;
  }

 private:
  void mount() {
    mounted_ =
        ::mount(device_.c_str(), at_.c_str(), "ext4", 0, "errors=remount-ro") == 0 || mounted_;
  }
  void unmount() {
    if (mounted_) ::umount2(at_.c_str(), 0);
    mounted_ = false;
  }
  const Path image_;
  const Path at_;
  std::string device_;
  bool mounted_ = false;
};

TEST(RealTrouble, AFileSystemThatTurnsReadOnlyTakesNothingMoreAndLosesNothing) {
  const TempDirectory directory;
  LoopedExt4 disk(directory.path());
  if (!disk.is_there()) GTEST_SKIP() << "cannot make an ext4 on a loop device";
  std::size_t acknowledged = 0;
  const std::string value(5'000, 'x');
  {
    const auto store = open_store(disk.at() / "data");
    LogClient log(*store);
    const TopicId topic = store->create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
    for (; acknowledged < 40; ++acknowledged) ASSERT_TRUE(log.append(topic, value));
    if (!disk.turn_read_only()) GTEST_SKIP() << "this kernel's ext4 cannot be made to fail";
    const auto [refusal, stored] = append_until_refused(log, topic, value);
    acknowledged += stored;
    EXPECT_EQ(refusal.code, ErrorCode::kDegraded) << refusal.message;
    EXPECT_THAT(store->troubles(), ::testing::SizeIs(1));
    EXPECT_EQ(log.read_all(topic)->records.size(), acknowledged) << "what is there is read";
    EXPECT_FALSE(reopen(*store, topic)) << "the cause is still there";
    EXPECT_FALSE(log.append(topic, value));
  }
  ASSERT_TRUE(disk.check_and_mount());
  {
    const auto store = open_store(disk.at() / "data");
    LogClient log(*store);
    const TopicId topic = store->find_topic("t")->id;
    const auto all = log.read_all(topic);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_THAT(all->gaps, ::testing::IsEmpty());
    EXPECT_GE(all->records.size(), acknowledged);
    EXPECT_TRUE(log.append(topic, value));
  }
}

TEST(RealTrouble, AFullFileSystemRefusesAndRecoversByItself) {
  const TempDirectory directory;
  const Path mounted = directory.path() / "small";
  const MountedTmpfs tmpfs(mounted);
  if (!tmpfs.error().empty()) GTEST_SKIP() << "cannot mount a tmpfs: " << tmpfs.error();
  const auto store = open_store(mounted / "data");
  LogClient log(*store);
  const TopicId topic = store->create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
  {
    std::ofstream filler(mounted / "filler");
    filler << std::string(4 * 1024 * 1024, 'f');
  }
  const std::string value(20'000, 'x');
  const auto [refusal, stored] = append_until_refused(log, topic, value);
  EXPECT_TRUE(is_shortage(refusal) || refusal.code == ErrorCode::kDegraded) << refusal.message;
  EXPECT_EQ(log.read_all(topic)->records.size(), stored);
  std::filesystem::remove(mounted / "filler");
  if (!store->troubles().empty()) {
    ASSERT_TRUE(reopen(*store, topic));
  }
  ASSERT_TRUE(append_soon(log, topic, value));
  EXPECT_GT(log.read_all(topic)->records.size(), stored);
}

TEST(RealTrouble, WithoutDescriptorsAppendsAreRefusedUntilThereAreSome) {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "the sanitizer opens a pipe of its own to look at an object";
#endif
#endif
  const TempDirectory directory;
  const auto store = open_store(directory.path());
  LogClient log(*store);
  const TopicId topic = store->create_topic("t", {.segment_bytes = limits::kSegmentBytesMin})->id;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto [refusal, stored] = append_until_refused(log, topic, std::string(6000, 'a'));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(refusal.code, ErrorCode::kBusy) << refusal.message;
  EXPECT_EQ(log.read_all(topic)->records.size(), stored);
  EXPECT_THAT(store->troubles(), ::testing::IsEmpty());
  ASSERT_TRUE(append_soon(log, topic, "b"));
}

TEST(RealTrouble, AFolderThatWasMovedAwayIsNoticedAndMayComeBack) {
  const TempDirectory directory;
  const auto store = open_store(directory.path() / "data");
  LogClient log(*store);
  const TopicId topic = store->create_topic("t", {})->id;
  ASSERT_TRUE(log.append(topic, "a"));
  const Path folder = directory.path() / "data/topics/t/0";
  std::filesystem::rename(folder, directory.path() / "elsewhere");
  const Error refusal = append_until_refused(log, topic, "b").first;
  EXPECT_EQ(refusal.code, ErrorCode::kDegraded) << refusal.message;
  EXPECT_FALSE(reopen(*store, topic));
  std::filesystem::rename(directory.path() / "elsewhere", folder);
  ASSERT_TRUE(reopen(*store, topic));
  ASSERT_TRUE(log.append(topic, "c"));
  EXPECT_EQ(log.read_all(topic)->records.front().value, "a");
  EXPECT_EQ(log.read_all(topic)->records.back().value, "c");
}

}  // namespace
}  // namespace bimip::testing
