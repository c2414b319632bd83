// A write queue whose operations finish when a test says so, in the order it says.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "engine/device/device.h"

namespace bimip::testing {

// Over the files of any device. Owner-thread only.
class HeldQueue final : public engine::WriteQueue {
 public:
  // What happens while a file is attached; an error refuses it.
  using OnAttach = std::function<engine::Status()>;
  explicit HeldQueue(OnAttach on_attach = [] { return engine::Status{}; })
      : on_attach_(std::move(on_attach)) {}

  engine::Result<engine::FileSlot> attach(std::shared_ptr<engine::File> file) override {
    if (engine::Status may = on_attach_(); !may) return std::unexpected(std::move(may.error()));
    files_.push_back(std::move(file));
    return engine::FileSlot(static_cast<std::uint32_t>(files_.size() - 1));
  }
  void detach(engine::FileSlot slot) override { files_[static_cast<std::size_t>(slot)].reset(); }
  void submit(engine::DeviceOperation& operation) override { held_.push_back(&operation); }
  void poll(std::chrono::microseconds, std::vector<engine::DeviceOperation*>& finished) override {
    while_waiting();
    finished.insert(finished.end(), finished_.begin(), finished_.end());
    finished_.clear();
  }
  void wake() override {}

  std::function<void()> while_waiting = [] {};  // what others do meanwhile

  // Operations that were submitted and are not finished, in the order of submission.
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  [[nodiscard]] const engine::DeviceOperation& at(std::size_t i) const { return *held_[i]; }
  // Does the i-th of them, and lets the next poll() return it. Or fails it, having done nothing.
  void finish(std::size_t i, engine::Status result = {}) {
    engine::DeviceOperation* operation = held_[i];
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
    if (result) perform(*operation);
    operation->result = std::move(result);
    finished_.push_back(operation);
  }

 private:
  void perform(const engine::DeviceOperation& operation) {
    engine::File& file = *files_[static_cast<std::size_t>(operation.file)];
    if (operation.kind == engine::DeviceOperation::Kind::kWrite) {
      ASSERT_TRUE(file.write_at(operation.position, operation.bytes));
    }
    if (operation.kind == engine::DeviceOperation::Kind::kSync ||
        operation.durability == engine::WriteDurability::kDurable) {
      ASSERT_TRUE(file.sync());
    }
  }

  const OnAttach on_attach_;
  std::vector<std::shared_ptr<engine::File>> files_;
  std::vector<engine::DeviceOperation*> held_;
  std::vector<engine::DeviceOperation*> finished_;
};

}  // namespace bimip::testing
