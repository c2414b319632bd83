// A commit block in memory, verified, shared by everyone who reads it.
#pragma once

#include <memory>

#include "engine/device/buffer_pool.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

// Its checksums hold. Immutable once shared. Its BufferPool outlives it.
struct Block {
  BlockHeader header;
  Buffer buffer;

  [[nodiscard]] Bytes bytes() const { return buffer.bytes().first(header.block_bytes); }
  [[nodiscard]] RecordCursor records() const { return {header, bytes()}; }
};
using BlockRef = std::shared_ptr<const Block>;

}  // namespace bimip::engine
