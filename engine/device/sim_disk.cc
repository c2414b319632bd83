#include "engine/device/sim_disk.h"

#include <algorithm>
#include <cerrno>

#include "engine/device/posix_error.h"

namespace bimip::engine {
namespace {

constexpr std::uint64_t kSpaceUnitBytes = 4096;

constexpr std::uint64_t space_of(std::uint64_t size) {
  return (size + kSpaceUnitBytes - 1) / kSpaceUnitBytes * kSpaceUnitBytes;
}

}  // namespace

Status SimDisk::powered() const {
  if (power_is_on_) return {};
  return fail(ErrorCode::kIo, "the simulated power is off");
}

Result<std::uint64_t> SimDisk::begin_step() {
  if (auto on = powered(); !on) return std::unexpected(std::move(on.error()));
  if (++steps_ == crash_at_) power_is_on_ = false;
  return steps_;
}

Status SimDisk::check_faults(SimOperation operation, const Path& path) {
  const std::string text = path.string();
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->operation != operation || text.find(fault->path_contains) == std::string::npos) {
      continue;
    }
    if (fault->skip > 0) {
      --fault->skip;
      continue;
    }
    const ErrorCode code = fault->code;
    if (--fault->times == 0) faults_.erase(fault);
    return fail(code, text + ": a simulated fault: " + std::string(name_of(code)));
  }
  return {};
}

std::uint64_t SimDisk::free_bytes() const {
  std::uint64_t used = 0;
  names.for_each_file(
      [&](const std::string&, const SimNode& node) { used += space_of(node.file.seen().size()); });
  return capacity_ > used ? capacity_ - used : 0;
}

Status SimDisk::check_space(const Path& path, const SimNode& node, std::uint64_t size) const {
  const std::uint64_t has = space_of(node.file.seen().size());
  const std::uint64_t needs = space_of(size);
  if (needs <= has || capacity_ == kUnlimited || needs - has <= free_bytes()) return {};
  return fail_posix(ENOSPC, "write", path);
}

}  // namespace bimip::engine
