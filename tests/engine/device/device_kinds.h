// The devices that keep the same promises, for tests that hold all of them to these.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {

using namespace bimip::engine;  // NOLINT: tests read better without it

struct DeviceKind {
  std::string name;  // letters, digits and '_'
  // The device, or why this machine has none.
  std::function<Result<std::unique_ptr<Device>>()> make;
  bool is_simulated = false;
};

// io_uring as it is used and in each other way it can be set up, portable, simulated.
const std::vector<DeviceKind>& all_device_kinds();

// A device with an empty folder of its own; the test is skipped where the machine has no such
// device.
class EachDevice : public ::testing::TestWithParam<DeviceKind> {
 protected:
  void SetUp() override;

  Device& device() { return *device_; }
  [[nodiscard]] Path path(const std::string& name) const { return folder_ / name; }
  [[nodiscard]] const Path& folder() const { return folder_; }
  std::shared_ptr<File> create(const std::string& name);
  // A file with these bytes.
  std::shared_ptr<File> create(const std::string& name, std::string_view bytes);
  std::string read(const File& file);

 private:
  std::optional<TempDirectory> directory_;
  Path folder_;
  std::unique_ptr<Device> device_;
};

#define INSTANTIATE_FOR_EACH_DEVICE(Suite)                \
  INSTANTIATE_TEST_SUITE_P(                               \
      On, Suite, ::testing::ValuesIn(all_device_kinds()), \
      [](const ::testing::TestParamInfo<DeviceKind>& kind) { return kind.param.name; })

}  // namespace bimip::testing
