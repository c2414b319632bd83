// A commit block in memory, verified, shared by everyone who reads it.
#pragma once

#include <memory>

#include "engine/device/buffer_pool.h"
#include "engine/format/commit_block.h"

namespace bimip::engine {

// Its checksums hold. Immutable once shared. Keeps the memory it lies in, which several blocks may
// share; the BufferPool of that memory outlives it.
struct Block {
  BlockHeader header;
  Bytes bytes;  // header.block_bytes long
  std::shared_ptr<const Buffer> memory;

  [[nodiscard]] RecordCursor records() const { return {header, bytes}; }
};
using BlockRef = std::shared_ptr<const Block>;

}  // namespace bimip::engine
