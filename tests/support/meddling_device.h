// A device that does something between two calls, as another thread might.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "engine/device/device.h"

namespace bimip::testing {

using namespace bimip::engine;  // NOLINT: tests read better without it

// Over another one: lets a test meddle the next time a file of some name is opened.
class MeddlingDevice final : public Device {
 public:
  explicit MeddlingDevice(Device& device) : device_(device) {}
  void once_opened(std::string name, std::function<void()> meddle) {
    name_ = std::move(name);
    meddle_ = std::move(meddle);
  }

  [[nodiscard]] std::string_view name() const override { return device_.name(); }
  [[nodiscard]] Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override {
    Result<std::shared_ptr<File>> file = device_.open(path, mode);
    if (meddle_ && path.filename() == name_) std::exchange(meddle_, nullptr)();
    return file;
  }
  [[nodiscard]] Result<bool> exists(const Path& path) override { return device_.exists(path); }
  [[nodiscard]] Result<std::vector<std::string>> list(const Path& folder) override {
    return device_.list(folder);
  }
  [[nodiscard]] Status create_directory(const Path& folder) override {
    return device_.create_directory(folder);
  }
  [[nodiscard]] Status remove(const Path& path) override { return device_.remove(path); }
  [[nodiscard]] Status rename(const Path& from, const Path& to) override {
    return device_.rename(from, to);
  }
  [[nodiscard]] Status sync_directory(const Path& folder) override {
    return device_.sync_directory(folder);
  }
  [[nodiscard]] Result<std::uint64_t> free_bytes(const Path& folder) override {
    return device_.free_bytes(folder);
  }
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const Path& path) override {
    return device_.lock(path);
  }
  [[nodiscard]] Result<std::unique_ptr<WriteQueue>> open_write_queue(BufferPool& buffers) override {
    return device_.open_write_queue(buffers);
  }

 private:
  Device& device_;
  std::string name_;
  std::function<void()> meddle_;
};

}  // namespace bimip::testing
