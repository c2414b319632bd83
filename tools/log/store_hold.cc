#include "tools/log/store_hold.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

}  // namespace

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
