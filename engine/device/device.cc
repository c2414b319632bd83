#include "engine/device/device.h"

namespace bimip::engine {
namespace {

Status write_new_file(Device& device, const Path& path, Bytes bytes) {
  auto file = device.open(path, OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto written = (*file)->write_at(FilePosition(0), bytes); !written) return written;
  return (*file)->sync();
}

}  // namespace

// A device that knows a better way has its own.
Status Device::sync_tree(const Path& folder) { return sync_each(*this, folder); }

Status sync_each(Device& device, const Path& folder) {
  Result<std::vector<std::string>> names = device.list(folder);
  if (!names) return std::unexpected(std::move(names.error()));
  for (const std::string& name : *names) {
    const Path path = folder / name;
    if (device.list(path)) {
      if (Status done = sync_each(device, path); !done) return done;
      continue;
    }
    Result<std::shared_ptr<File>> file = device.open(path, OpenMode::kRead);
    if (!file) return std::unexpected(std::move(file.error()));
    if (Status done = (*file)->sync(); !done) return done;
  }
  return device.sync_directory(folder);
}

Status replace_file(Device& device, const Path& path, Bytes bytes) {
  Path aside = path;
  aside += kAsideSuffix;
  // A crash may have left one; what it holds was never promised to anyone.
  if (auto removed = device.remove(aside);
      !removed && removed.error().code != ErrorCode::kNotFound) {
    return removed;
  }
  Status done = write_new_file(device, aside, bytes);
  if (done) done = device.rename(aside, path);
  if (!done) {
    (void)device.remove(aside);  // the first error is the one to report
    return done;
  }
  return device.sync_directory(path.parent_path());
}

Result<std::vector<std::byte>> read_file(Device& device, const Path& path,
                                         std::uint64_t bytes_max) {
  auto file = device.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(std::move(file.error()));
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  if (*size > bytes_max) {
    return fail(ErrorCode::kTooLarge, path.string() + ": " + std::to_string(*size) +
                                          " bytes, at most " + std::to_string(bytes_max) +
                                          " were expected");
  }
  std::vector<std::byte> bytes(*size);
  const auto read = (*file)->read_at(FilePosition(0), bytes);
  if (!read) return std::unexpected(read.error());
  bytes.resize(*read);
  return bytes;
}

}  // namespace bimip::engine
