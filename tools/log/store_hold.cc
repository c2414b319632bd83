#include "tools/log/store_hold.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "engine/format/file_names.h"

namespace bimip::log_tools {
namespace {

std::string holder_of(int descriptor) {
  std::array<char, 24> text{};
  const ssize_t got = ::pread(descriptor, text.data(), text.size(), 0);
  std::string holder(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "unknown" : holder;
}

// The data directory that the path lies in.
std::optional<Path> data_directory_above(const Path& path) {
  std::error_code ignored;
  for (Path folder = path.parent_path(); folder != folder.parent_path();
       folder = folder.parent_path()) {
    if (std::filesystem::exists(folder / file_names::kCatalog, ignored)) return folder;
  }
  return std::nullopt;
}

}  // namespace

Status check_data_directory(const Path& path) {
  const Result<Path> found = find_given(path);
  if (!found) return std::unexpected(found.error());
  std::error_code ignored;
  const auto has = [&](std::string_view name) {
    return std::filesystem::exists(*found / name, ignored);
  };
  if (has(file_names::kCatalog)) return {};
  if (has(file_names::kLock) || has(file_names::kTopics)) {
    return fail(ErrorCode::kForeign,
                path.string() +
                    ": is a Bimip data directory without its catalog: put it back from "
                    "a backup, or bring what is there into a new store with salvage");
  }
  if (const std::optional<Path> above = data_directory_above(*found)) {
    return fail(ErrorCode::kForeign, path.string() +
                                         ": is a part of a Bimip data directory; give "
                                         "the whole of it: " +
                                         above->string());
  }
  return fail(ErrorCode::kForeign, path.string() + ": is not a Bimip data directory");
}

Result<StoreHold> StoreHold::take(const Path& data_directory) {
  const Path path = data_directory / file_names::kLock;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return StoreHold();
    return fail(ErrorCode::kIo,
                path.string() + ": cannot open: " + std::generic_category().message(errno));
  }
  StoreHold hold(descriptor);
  while (::flock(descriptor, LOCK_SH | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno == EWOULDBLOCK) {
      return fail(ErrorCode::kLocked,
                  data_directory.string() + ": a server holds this store (process " +
                      holder_of(descriptor) +
                      "); stop it first, or give a copy of the store; commands that "
                      "only read take --live");
    }
    return fail(ErrorCode::kIo,
                path.string() + ": cannot lock: " + std::generic_category().message(errno));
  }
  return hold;
}

StoreHold::StoreHold(StoreHold&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StoreHold& StoreHold::operator=(StoreHold&& other) noexcept {
  StoreHold taken(std::move(other));
  std::swap(descriptor_, taken.descriptor_);
  return *this;
}

StoreHold::~StoreHold() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace bimip::log_tools
