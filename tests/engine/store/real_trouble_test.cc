// The same troubles on a real file system, as far as this user may cause them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
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
