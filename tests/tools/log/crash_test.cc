// A store whose server was killed is no damaged store.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/tools/log/example_store.h"

namespace bimip::testing {
namespace {

using log_tools::Depth;
using log_tools::VerifyReport;

// Appends for ever; one byte into `answers` for each durable append.
[[noreturn]] void serve(const Path& directory, int answers) {
  const std::unique_ptr<Device> device = make_posix_device();
  const auto store = open_store(directory, *device);
  LogClient log(*store);
  const TopicId topic =
      store->create_topic("orders", {.segment_bytes = limits::kSegmentBytesMin})->id;
  const TopicId large = store->create_topic("large", {})->id;
  for (std::size_t i = 0;; ++i) {
    const bool stored = log.append(topic, std::string(100 + i * 977 % 9000, 'v')) &&
                        log.append(large, std::string(1 + i * 7919 % 300'000, 'w'));
    if (!stored || ::write(answers, "a", 1) != 1) std::_Exit(1);
  }
}

// Lets a server answer so many appends and kills it.
void serve_and_kill(const Path& directory, int appends) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(pipe[0]);
    serve(directory, pipe[1]);
  }
  ::close(pipe[1]);
  char byte = 0;
  for (int i = 0; i < appends; ++i) ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ::close(pipe[0]);
}

TEST(Crash, LeavesNoDamage) {
  const TempDirectory directory;
  std::uint64_t records = 0;
  for (int round = 0; round < 12; ++round) {
    serve_and_kill(directory.path(), 1 + round * 5);
    const VerifyReport killed = verify_path(directory.path(), Depth::kRecords);
    ASSERT_TRUE(killed.is_clean()) << "round " << round << "\n" << to_text(killed);
    ASSERT_GE(killed.records, records + 2 * static_cast<std::uint64_t>(1 + round * 5));
    records = killed.records;
  }
  {
    const std::unique_ptr<Device> device = make_posix_device();
    open_store(directory.path(), *device);
  }
  const VerifyReport closed = verify_path(directory.path(), Depth::kRecords);
  EXPECT_TRUE(closed.is_clean()) << to_text(closed);
  EXPECT_EQ(closed.records, records);
}

}  // namespace
}  // namespace bimip::testing
