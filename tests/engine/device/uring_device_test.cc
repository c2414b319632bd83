#include "engine/device/uring_device.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "engine/device/buffer_pool.h"

namespace bimip::engine {
namespace {

TEST(BestDevice, IsIoUringWithoutAWarningWhereTheKernelAllowsIt) {
  const auto uring = make_uring_device();
  if (!uring) GTEST_SKIP() << uring.error().message;
  EXPECT_EQ((*uring)->name(), "io_uring");
  std::string warning;
  EXPECT_EQ(make_best_device(&warning)->name(), "io_uring");
  EXPECT_EQ(warning, "");
}

// As a container's filter does it: this process gets `number` from io_uring_setup from now on.
bool forbid_io_uring(unsigned number) {
  std::array<sock_filter, 4> program{
      sock_filter(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))),
      sock_filter(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1)),
      sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | number)),
      sock_filter(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)),
  };
  const sock_fprog filter{.len = program.size(), .filter = program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// In a process of its own, because a filter is never taken back.
void use_best_device_without_io_uring(unsigned number) {
  constexpr int kCannotForbid = 77;
  if (!forbid_io_uring(number)) std::exit(kCannotForbid);
  std::string warning;
  const auto device = make_best_device(&warning);
  BufferPool pool(0);
  const bool works = device->open_write_queue(pool).has_value();
  std::fprintf(stderr, "%s, %s: %s\n", std::string(device->name()).c_str(),
               works ? "works" : "does not work", warning.c_str());
  std::exit(device->name() == "portable" && works ? 0 : 1);
}

TEST(BestDeviceDeathTest, IsThePortableOneWithAWarningWhereAFilterForbidsIoUring) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(use_best_device_without_io_uring(EPERM), ::testing::ExitedWithCode(0),
              "portable, works: io_uring is refused, commits take the slower portable way "
              "\\(io_uring: cannot set up a ring: Operation not permitted\\)");
}

TEST(BestDeviceDeathTest, IsThePortableOneWithAWarningWhereTheKernelHasNoIoUring) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(use_best_device_without_io_uring(ENOSYS), ::testing::ExitedWithCode(0),
              "Function not implemented");
}

}  // namespace
}  // namespace bimip::engine
