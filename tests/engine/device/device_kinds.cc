#include "tests/engine/device/device_kinds.h"

#include "engine/device/posix_device.h"
#include "engine/device/posix_file_system.h"
#include "engine/device/sim_device.h"
#include "engine/device/uring_device.h"
#include "engine/device/uring_write_queue.h"

namespace bimip::testing {
namespace {

class UringDeviceWith final : public PosixFileSystem {
 public:
  explicit UringDeviceWith(UringOptions options) : options_(options) {}
  [[nodiscard]] std::string_view name() const override { return "io_uring"; }
  [[nodiscard]] Result<std::unique_ptr<WriteQueue>> open_write_queue(BufferPool& buffers) override {
    return UringWriteQueue::open(options_, buffers, counters());
  }

 private:
  const UringOptions options_;
};

DeviceKind uring(const std::string& name, UringOptions options) {
  return {.name = name, .make = [options]() -> Result<std::unique_ptr<Device>> {
            if (auto usual = make_uring_device(); !usual) return usual;
            return std::make_unique<UringDeviceWith>(options);
          }};
}

}  // namespace

const std::vector<DeviceKind>& all_device_kinds() {
  using Options = UringOptions;
  static const std::vector<DeviceKind> kinds{
      {.name = "io_uring", .make = make_uring_device},
      uring("io_uring_plain",
            {.buffers = Options::Buffers::kPlain, .files = Options::Files::kPlain}),
      uring("io_uring_cooperative", {.completions = Options::Completions::kCooperative}),
      uring("io_uring_interrupting", {.completions = Options::Completions::kInterrupting}),
      {.name = "portable",
       .make = []() -> Result<std::unique_ptr<Device>> { return make_posix_device(); }},
      {.name = "simulated",
       .make = []() -> Result<std::unique_ptr<Device>> { return std::make_unique<SimDevice>(1); },
       .is_simulated = true},
  };
  return kinds;
}

void EachDevice::SetUp() {
  Result<std::unique_ptr<Device>> made = GetParam().make();
  if (!made) GTEST_SKIP() << made.error().message;
  device_ = std::move(*made);
  if (GetParam().is_simulated) {
    folder_ = "/store";
    ASSERT_TRUE(device_->create_directory(folder_));
  } else {
    folder_ = directory_.emplace().path();
  }
}

std::shared_ptr<File> EachDevice::create(const std::string& name) {
  auto file = device_->open(path(name), OpenMode::kCreate);
  EXPECT_TRUE(file) << file.error().message;
  return file ? *file : nullptr;
}

std::shared_ptr<File> EachDevice::create(const std::string& name, std::string_view bytes) {
  auto file = create(name);
  const Status written = file->write_at(FilePosition(0), as_bytes(bytes));
  EXPECT_TRUE(written) << written.error().message;
  return file;
}

std::string EachDevice::read(const File& file) {
  const auto size = file.size();
  EXPECT_TRUE(size);
  std::string text(size.value_or(0), '\0');
  const auto got = file.read_at(FilePosition(0), std::as_writable_bytes(std::span(text)));
  EXPECT_TRUE(got);
  EXPECT_EQ(got.value_or(0), text.size());
  return text;
}

}  // namespace bimip::testing
