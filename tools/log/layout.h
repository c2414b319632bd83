// The physical layout of segments: what stands where in a file, down to each field of a block.
#pragma once

#include <functional>

#include "engine/format/segment_header.h"
#include "tools/log/dump.h"

namespace bimip::log_tools {

enum class PieceKind : std::uint8_t { kHeader, kBlock, kBad, kFooter, kFree };
std::string_view name_of(PieceKind kind);

// One piece of a segment file; together they are the whole file, in order.
struct Piece {
  PieceKind kind = PieceKind::kFree;
  FilePosition from{};
  FilePosition end{};
  std::optional<SegmentHeader> header{};  // of kHeader, when it holds
  std::optional<BlockHeader> block{};     // of kBlock
  std::optional<SegmentFooter> footer{};  // of kFooter
  std::string why{};                      // of kBad and a header that does not hold
  std::optional<BlockNumber> expected{};  // of kBad: the block that should begin there
};

struct LayoutRequest {
  // `bytes` are the piece's, of a bad one at most limits::kBlockBytesMax, of free space none.
  std::function<GoOn(const PartitionPlace&, const SegmentPlace&, const Piece&, Bytes bytes)>
      on_piece;
  std::function<void(const Finding&)> on_finding;
};

// kIo.
[[nodiscard]] Status walk_layout(const Inventory& inventory, const LayoutRequest& request);

// A field of a block: [at, at + bytes) of it.
struct Field {
  std::size_t at = 0;
  std::size_t bytes = 0;
  std::string name{};
  std::string value{};
};
// Every byte of the block, field by field. Whatever it holds: where it cannot be read any further
// the rest is one field.
[[nodiscard]] std::vector<Field> annotate_block(Bytes block);
// As lines of hexadecimal with the fields' names and values beside them.
[[nodiscard]] std::string hex_text(Bytes block, const std::vector<Field>& fields);

}  // namespace bimip::log_tools
