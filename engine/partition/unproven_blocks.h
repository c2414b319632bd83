// The newest blocks of a log that is being recovered: read, good, and perhaps nowhere but in the
// operating system's memory.
#pragma once

#include <deque>

#include "engine/device/device.h"
#include "engine/segment/block.h"

namespace bimip::engine {

// After a failed write or sync the kernel keeps the bytes, calls them clean, and answers the next
// sync with success: reading them back proves nothing. So the blocks that no later block vouches
// for are written once more, as they were read; over themselves, so that a torn write harms
// nothing. Thread-compatible.
class UnprovenBlocks {
 public:
  // `durable`: everything below is known to be durable.
  UnprovenBlocks(File& file, Offset durable) : file_(file), durable_(durable) {}

  // Blocks come in order.
  [[nodiscard]] Status add(const Block& block);
  // Everything that was added is durable once the file is synced.
  [[nodiscard]] Status write_all();

 private:
  // Held in memory until it is known whether they have to be written.
  static constexpr std::size_t kBytesMax = 32 * 1024 * 1024;

  [[nodiscard]] bool is_proven(const BlockHeader& block) const;
  [[nodiscard]] Status write_oldest();

  File& file_;
  Offset durable_;
  std::deque<Block> blocks_;
  std::size_t bytes_ = 0;
};

}  // namespace bimip::engine
