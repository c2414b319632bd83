#include "tools/log/segment_probe.h"

#include <algorithm>

#include "engine/segment/block_reader.h"
#include "tools/log/aligned_bytes.h"

namespace bimip::log_tools {
namespace {

constexpr std::size_t kChunkBytes = 1024 * 1024;

// Looks at one chunk sector by sector; true when there is no need to read on.
bool look_at(Bytes chunk, FilePosition start, Probe& probe) {
  for (std::size_t at = 0; at < chunk.size(); at += limits::kSectorBytes) {
    const Bytes sector = chunk.subspan(at, std::min(limits::kSectorBytes, chunk.size() - at));
    if (all_zero(sector)) continue;
    probe.all_zero = false;
    if (const Result<BlockHeader> block = decode_block_header(sector)) {
      probe.has_block = true;
      if (!probe.identity) {
        probe.identity = block->identity;
        probe.base_offset = block->base_offset;
      }
      return true;
    }
    if (start + at != FilePosition(0)) continue;
    if (const Result<SegmentHeader> header = decode_segment_header(sector)) {
      probe.has_header = true;
      probe.identity = header->identity;
      probe.base_offset = header->base_offset;
    }
  }
  return false;
}

}  // namespace

Result<Probe> probe_segment(const Path& path) {
  Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(path, ReadVia::kPageCache);
  if (!file) return std::unexpected(std::move(file.error()));
  AlignedBytes chunk(kChunkBytes);
  Probe probe;
  for (FilePosition at(0); at.value() < (*file)->bytes(); at += kChunkBytes) {
    Result<std::size_t> got = (*file)->read_at(at, chunk.bytes());
    if (!got) return std::unexpected(std::move(got.error()));
    if (look_at(Bytes(chunk.bytes()).first(*got), at, probe)) break;
  }
  if (probe.identity && (*file)->bytes() >= 2 * limits::kSectorBytes &&
      (*file)->bytes() % limits::kSectorBytes == 0) {
    const MutableBytes sector = chunk.bytes().first(limits::kSectorBytes);
    Result<std::size_t> got =
        (*file)->read_at(FilePosition((*file)->bytes() - limits::kSectorBytes), sector);
    if (!got) return std::unexpected(std::move(got.error()));
    const Result<SegmentFooter> footer = decode_segment_footer(sector);
    if (footer && footer->identity == *probe.identity) probe.footer = *footer;
  }
  return probe;
}

}  // namespace bimip::log_tools
