#include "engine/device/uring_device.h"

#include "engine/device/buffer_pool.h"
#include "engine/device/posix_device.h"
#include "engine/device/posix_file_system.h"
#include "engine/device/uring_write_queue.h"

namespace bimip::engine {
namespace {

class UringDevice final : public PosixFileSystem {
 public:
  [[nodiscard]] std::string_view name() const override { return "io_uring"; }
  [[nodiscard]] Result<std::unique_ptr<WriteQueue>> open_write_queue(BufferPool& buffers) override {
    return UringWriteQueue::open(UringOptions{}, buffers, counters());
  }
};

}  // namespace

Result<std::unique_ptr<Device>> make_uring_device() {
  auto device = std::make_unique<UringDevice>();
  // A whole queue, so that whatever may be refused is refused here and not at the first commit.
  BufferPool none(0);
  auto queue = device->open_write_queue(none);
  if (!queue) return std::unexpected(std::move(queue.error()));
  return device;
}

std::unique_ptr<Device> make_best_device(std::string* warning) {
  auto device = make_uring_device();
  if (device) return std::move(*device);
  *warning =
      "io_uring is refused, commits take the slower portable way (" + device.error().message + ")";
  return make_posix_device();
}

}  // namespace bimip::engine
