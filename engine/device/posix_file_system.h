// Names, folders and locks of the operating system, shared by the portable device and the io_uring
// one.
#pragma once

#include "engine/device/device.h"

namespace bimip::engine {

// Everything of a Device but its write queue. Thread-safe.
class PosixFileSystem : public Device {
 public:
  [[nodiscard]] Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override;
  [[nodiscard]] Result<bool> exists(const Path& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const Path& folder) override;
  [[nodiscard]] Status create_directory(const Path& folder) override;
  [[nodiscard]] Status remove(const Path& path) override;
  [[nodiscard]] Status rename(const Path& from, const Path& to) override;
  [[nodiscard]] Status sync_directory(const Path& folder) override;
  [[nodiscard]] Status sync_tree(const Path& folder) override;
  [[nodiscard]] std::size_t open_files_max() const override;
  [[nodiscard]] Result<std::uint64_t> free_bytes(const Path& folder) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const Path& path) override;

 private:
  [[nodiscard]] Status sync_by(int (*sync)(int), const char* what, const Path& folder);
};

}  // namespace bimip::engine
