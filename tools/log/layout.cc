#include "tools/log/layout.h"

#include <algorithm>

#include "engine/segment/block_reader.h"
#include "tools/log/block_walk.h"

namespace bimip::log_tools {
namespace {

class Layout {
 public:
  Layout(const PartitionPlace& partition, const SegmentPlace& segment, const ReadOnlyFile& file,
         const LayoutRequest& request)
      : partition_(partition),
        segment_(segment),
        file_(file),
        request_(request),
        identity_(partition.identity) {
    identity_.epoch = segment.epoch;
  }

  Result<GoOn> run() {
    BlockWalk walk({.file = file_,
                    .segment = identity_,
                    .from = FilePosition(limits::kSectorBytes),
                    .end = FilePosition(file_.bytes())});
    Status done = show_header(walk);
    while (done && go_on_ == GoOn::kYes && !walk.at_end()) done = step(walk);
    if (!done) return std::unexpected(std::move(done.error()));
    return go_on_;
  }

 private:
  Status show_header(BlockWalk& walk) {
    Result<Bytes> sector = walk.look(FilePosition(0), limits::kSectorBytes);
    if (!sector) return std::unexpected(std::move(sector.error()));
    Piece piece{.kind = PieceKind::kHeader, .end = FilePosition(sector->size())};
    Result<SegmentHeader> header = decode_segment_header(*sector);
    if (header && header->identity == identity_) {
      piece.header = *header;
      expected_ = header->first_block;
    } else if (all_zero(*sector)) {
      piece.kind = PieceKind::kFree;
    } else {
      piece.kind = PieceKind::kBad;
      piece.why = header ? "the header of another segment" : header.error().message;
    }
    show(piece, *sector);
    return {};
  }

  // One piece more.
  Status step(BlockWalk& walk) {
    const FilePosition from = walk.position();
    const Result<BlockWalk::Found> block = walk.next();
    if (block) {
      expected_ = block->header.number + 1;
      show(
          {.kind = PieceKind::kBlock, .from = from, .end = walk.position(), .block = block->header},
          block->bytes);
      return {};
    }
    if (block.error().code == ErrorCode::kIo) return std::unexpected(block.error());
    Result<Bytes> sector = walk.look(from, limits::kSectorBytes);
    if (!sector) return std::unexpected(std::move(sector.error()));
    const Result<SegmentFooter> footer = decode_segment_footer(*sector);
    if (footer && footer->identity == identity_) {
      walk.seek(from + sector->size());
      show({.kind = PieceKind::kFooter, .from = from, .end = walk.position(), .footer = *footer},
           *sector);
      return {};
    }
    return show_rest(walk, block.error().message);
  }

  // Bytes that are no block, up to the next good one; behind the last there may be free space.
  Status show_rest(BlockWalk& walk, const std::string& why) {
    const FilePosition from = walk.position();
    Result<std::optional<BlockHeader>> good = walk.resync();
    if (!good) return std::unexpected(std::move(good.error()));
    FilePosition end(file_.bytes());
    FilePosition bad_end = *good ? (*good)->position : std::max(from, walk.nonzero_end());
    bad_end = std::min(bad_end, end);
    if (bad_end > from) {
      Piece piece{.kind = PieceKind::kBad, .from = from, .end = bad_end, .why = why};
      piece.expected = expected_;
      Result<Bytes> bytes =
          walk.look(from, std::min<std::uint64_t>(bad_end - from, limits::kBlockBytesMax));
      if (!bytes) return std::unexpected(std::move(bytes.error()));
      show(piece, *bytes);
    }
    if (*good) return {};
    if (bad_end < end) show({.kind = PieceKind::kFree, .from = bad_end, .end = end}, {});
    walk.seek(end);
    return {};
  }

  void show(const Piece& piece, Bytes bytes) {
    if (go_on_ == GoOn::kYes) go_on_ = request_.on_piece(partition_, segment_, piece, bytes);
  }

  const PartitionPlace& partition_;
  const SegmentPlace& segment_;
  const ReadOnlyFile& file_;
  const LayoutRequest& request_;
  SegmentIdentity identity_;
  std::optional<BlockNumber> expected_{};
  GoOn go_on_ = GoOn::kYes;
};

}  // namespace

std::string_view name_of(PieceKind kind) {
  switch (kind) {
    case PieceKind::kHeader:
      return "header";
    case PieceKind::kBlock:
      return "block";
    case PieceKind::kBad:
      return "bad";
    case PieceKind::kFooter:
      return "footer";
    case PieceKind::kFree:
      return "free";
  }
  return "";
}

Status walk_layout(const Inventory& inventory, const LayoutRequest& request) {
  for (const PartitionPlace& partition : inventory.partitions) {
    for (const SegmentPlace& segment : partition.segments) {
      Result<std::shared_ptr<const ReadOnlyFile>> file = open_segment(segment, ReadVia::kPageCache);
      if (!file && file.error().code == ErrorCode::kIo)
        return std::unexpected(std::move(file.error()));
      if (file) {
        Result<GoOn> go_on = Layout(partition, segment, **file, request).run();
        if (!go_on) return std::unexpected(std::move(go_on.error()));
        if (*go_on == GoOn::kNo) return {};
      }
      Result<std::vector<Finding>> findings = judge_segment(partition, segment);
      if (!findings) return std::unexpected(std::move(findings.error()));
      for (const Finding& finding : *findings) {
        if (finding.verdict != Verdict::kNote) request.on_finding(finding);
      }
    }
  }
  return {};
}

}  // namespace bimip::log_tools
