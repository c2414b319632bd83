#include "engine/partition/unproven_blocks.h"

#include <algorithm>

namespace bimip::engine {

// A block without records is proven by a durable offset that came behind it.
bool UnprovenBlocks::is_proven(const BlockHeader& block) const {
  return block.offset_span > 0 ? block.end_offset() <= durable_ : block.end_offset() < durable_;
}

Status UnprovenBlocks::add(const Block& block) {
  durable_ = std::max(durable_, block.header.durable_offset);
  blocks_.push_back(block);
  bytes_ += block.bytes.size();
  while (!blocks_.empty() && is_proven(blocks_.front().header)) {
    bytes_ -= blocks_.front().bytes.size();
    blocks_.pop_front();
  }
  while (bytes_ > kBytesMax) {
    if (Status done = write_oldest(); !done) return done;
  }
  return {};
}

Status UnprovenBlocks::write_oldest() {
  const Block block = std::move(blocks_.front());
  blocks_.pop_front();
  bytes_ -= block.bytes.size();
  return file_.write_at(block.header.position, block.bytes);
}

Status UnprovenBlocks::write_all() {
  while (!blocks_.empty()) {
    if (Status done = write_oldest(); !done) return done;
  }
  return {};
}

}  // namespace bimip::engine
