// Copies files into a backup and out of it, with a checksum of what was copied.
#pragma once

#include <atomic>

#include "engine/device/device.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct Copied {
  std::uint64_t bytes = 0;
  // Of the XXH3-128 of each mebibyte: a file is never in memory as a whole.
  Hash128 checksum{};
};

struct CopyRequest {
  Path from{};
  std::uint64_t bytes = 0;  // the file's first
  Path to{};                // its folder is there
  std::atomic<std::uint64_t>* bytes_done = nullptr;
};
// Written aside, synced, renamed: the file is there whole, or not at all. The name is durable once
// the folder is synced. kNotFound: `from` is gone; kDamaged: it is shorter; kNoSpace, kIo.
[[nodiscard]] Result<Copied> copy_object(Device& device, const CopyRequest& request);

// As a copy of a file of these bytes would be told.
[[nodiscard]] Copied checksum_bytes(Bytes bytes);
// Reads it, and writes nothing.
[[nodiscard]] Result<Copied> checksum_file(const Path& path, std::uint64_t bytes);

}  // namespace bimip::log_tools
