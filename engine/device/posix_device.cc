#include "engine/device/posix_device.h"

#include "engine/device/posix_file_system.h"
#include "engine/device/posix_write_queue.h"

namespace bimip::engine {
namespace {

class PosixDevice final : public PosixFileSystem {
 public:
  [[nodiscard]] std::string_view name() const override { return "portable"; }
  [[nodiscard]] Result<std::unique_ptr<WriteQueue>> open_write_queue(BufferPool&) override {
    return std::make_unique<PosixWriteQueue>(counters());
  }
};

}  // namespace

std::unique_ptr<Device> make_posix_device() { return std::make_unique<PosixDevice>(); }

}  // namespace bimip::engine
