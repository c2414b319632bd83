#include "engine/format/manifest.h"

#include <set>

#include "engine/format/codec.h"
#include "engine/format/table.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kSegmentBytes = 8 + 1 + 8 + 8 + 8 + 8 + 8 + 8 + 8 + 16 + 8 + 4 + 8;

ManifestSegment read_segment(codec::Reader& in) {
  ManifestSegment segment;
  segment.epoch = in.number<Epoch>();
  segment.state = static_cast<SegmentState>(in.u8());
  segment.base_offset = in.number<Offset>();
  segment.end_offset = in.number<Offset>();
  segment.file_bytes = in.u64();
  segment.record_count = in.u64();
  segment.record_bytes = in.u64();
  segment.first_timestamp = in.time();
  segment.last_timestamp = in.time();
  segment.last = in.wide<Hash128>();
  segment.end_block = in.number<BlockNumber>();
  segment.rewrites = in.u32();
  segment.cleaned_at = in.time();
  return segment;
}

// Sealed and contiguous, then one active, then perhaps one prepared; epochs differ and are below
// the next.
Status check_segments(const Manifest& manifest) {
  const auto wrong = [](const char* what) { return fail(ErrorCode::kDamaged, what); };
  std::size_t active = 0;
  std::set<Epoch> epochs;
  std::optional<Offset> end;
  SegmentState last_state = SegmentState::kSealed;
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state < SegmentState::kSealed || segment.state > SegmentState::kPrepared)
      return wrong("a segment is in no known state");
    if (segment.state < last_state ||
        (segment.state == last_state && last_state != SegmentState::kSealed)) {
      return wrong("the manifest's segments are out of order");
    }
    if (segment.epoch == Epoch(0) || segment.epoch >= manifest.next_epoch ||
        !epochs.insert(segment.epoch).second)
      return wrong("the manifest has an epoch twice, or one that is still to come");
    const bool has_base = segment.state != SegmentState::kPrepared;
    if (has_base && end && segment.base_offset != *end)
      return wrong("the manifest's segments are not contiguous");
    if (segment.state == SegmentState::kSealed) {
      if (segment.end_offset < segment.base_offset || segment.file_bytes < 2 * limits::kSectorBytes)
        return wrong("a sealed segment is impossible");
      end = segment.end_offset;
    }
    if (segment.state == SegmentState::kActive) ++active;
    last_state = segment.state;
  }
  if (manifest.producers >= manifest.next_epoch)
    return wrong("the manifest's table of producers is still to come");
  if (active != 1) return wrong("the manifest does not name exactly one active segment");
  return {};
}

}  // namespace

std::vector<std::byte> encode_manifest(const Manifest& manifest) {
  codec::Writer out;
  out.u64(manifest.version);
  out.number(manifest.next_epoch);
  out.number(manifest.log_start);
  out.number(manifest.producers);
  out.u64(manifest.segments.size());
  for (const ManifestSegment& segment : manifest.segments) {
    out.number(segment.epoch);
    out.u8(static_cast<std::uint8_t>(segment.state));
    out.number(segment.base_offset);
    out.number(segment.end_offset);
    out.u64(segment.file_bytes);
    out.u64(segment.record_count);
    out.u64(segment.record_bytes);
    out.time(segment.first_timestamp);
    out.time(segment.last_timestamp);
    out.wide(segment.last);
    out.number(segment.end_block);
    out.u32(segment.rewrites);
    out.time(segment.cleaned_at);
  }
  return encode_table(TableKind::kManifest, manifest.partition, out.bytes());
}

Result<Manifest> decode_manifest(const SegmentIdentity& partition, Bytes file) {
  Result<Table> table = decode_table(TableKind::kManifest, partition, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  Manifest manifest{.partition = partition};
  manifest.version = in.u64();
  manifest.next_epoch = in.number<Epoch>();
  manifest.log_start = in.number<Offset>();
  manifest.producers = in.number<Epoch>();
  const std::size_t count = in.count(kSegmentBytes);
  manifest.segments.reserve(count);
  for (std::size_t i = 0; i < count; ++i) manifest.segments.push_back(read_segment(in));
  if (!in.at_end())
    return fail(ErrorCode::kDamaged, "the manifest has another length than its content");
  if (Status good = check_segments(manifest); !good)
    return std::unexpected(std::move(good.error()));
  return manifest;
}

}  // namespace bimip::engine
