#include "tools/log/active_prefix.h"

#include "engine/format/segment_header.h"
#include "tools/log/block_walk.h"

namespace bimip::log_tools {
namespace {

class Measurer {
 public:
  Measurer(const ReadOnlyFile& file, const SegmentIdentity& identity)
      : file_(file), identity_(identity) {}

  Result<ActivePrefix> run() {
    BlockWalk start = walk_at(FilePosition(0));
    const Result<Bytes> sector = start.look(FilePosition(0), limits::kSectorBytes);
    if (!sector) return std::unexpected(sector.error());
    const Result<SegmentHeader> header = decode_segment_header(*sector);
    prefix_.has_header = header && header->identity == identity_;
    if (prefix_.has_header) prefix_.next_offset = header->base_offset;
    prefix_.end = FilePosition(limits::kSectorBytes);
    while (true) {
      Result<bool> go_on = walk_from(prefix_.end);
      if (!go_on) return std::unexpected(std::move(go_on.error()));
      if (!*go_on) return std::move(prefix_);
    }
  }

 private:
  // A walk sees the file as it was when it read it; a new one sees it as it is now.
  BlockWalk walk_at(FilePosition position) const {
    return BlockWalk({.file = file_,
                      .segment = identity_,
                      .from = position,
                      .end = FilePosition(file_.bytes())});
  }

  // True: look again from the prefix's end, which moved.
  Result<bool> walk_from(FilePosition position) {
    BlockWalk walk = walk_at(position);
    while (!walk.at_end()) {
      const Result<BlockWalk::Found> block = walk.next();
      if (!block && block.error().code == ErrorCode::kIo) return std::unexpected(block.error());
      if (!block) break;
      take(block->header);
    }
    if (walk.at_end()) return false;
    return look_behind();
  }

  void take(const BlockHeader& block) {
    prefix_.end = block.position + block.block_bytes;
    prefix_.next_offset = block.end_offset();
  }

  // Whether a later block knows that what should stand at the prefix's end was durable.
  Result<bool> look_behind() {
    BlockWalk walk = walk_at(prefix_.end);
    while (true) {
      const Result<std::optional<BlockWalk::Found>> block = walk.next_good();
      if (!block) return std::unexpected(block.error());
      if (!*block) return false;
      const BlockHeader& header = (*block)->header;
      if (header.position == prefix_.end) return true;
      if (header.durable_offset <= prefix_.next_offset) continue;
      // It was durable before that block was made, so by now it is to be seen.
      if (!walk_at(prefix_.end).next()) pass_damage(header);
      return true;
    }
  }

  void pass_damage(const BlockHeader& next) {
    prefix_.damage = "bytes from " + std::to_string(prefix_.end.value()) + " to " +
                     std::to_string(next.position.value()) + " are no good block";
    prefix_.end = next.position;
    prefix_.next_offset = next.base_offset;
  }

  const ReadOnlyFile& file_;
  const SegmentIdentity identity_;
  ActivePrefix prefix_;
};

}  // namespace

Result<ActivePrefix> measure_active(const Path& path, const SegmentIdentity& identity) {
  const Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(path, ReadVia::kPageCache);
  if (!file) return std::unexpected(file.error());
  return measure_active(**file, identity);
}

Result<ActivePrefix> measure_active(const ReadOnlyFile& file, const SegmentIdentity& identity) {
  return Measurer(file, identity).run();
}

}  // namespace bimip::log_tools
