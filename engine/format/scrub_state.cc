#include "engine/format/scrub_state.h"

#include "engine/format/codec.h"
#include "engine/format/table.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kSegmentBytes = 4 + 4 + 8 + 8;
constexpr std::size_t kFindingBytesMin = 4 + 4 + 8 + 8 + 8 + 8 + 8 + 8 + 4;

void put_segment(codec::Writer& out, const SegmentIdentity& segment) {
  out.number(segment.topic);
  out.number(segment.partition);
  out.number(segment.epoch);
}

SegmentIdentity take_segment(codec::Reader& in, const StoreId& store) {
  SegmentIdentity segment{.store = store, .topic = {}, .partition = {}, .epoch = {}};
  segment.topic = in.number<TopicId>();
  segment.partition = in.number<PartitionId>();
  segment.epoch = in.number<Epoch>();
  return segment;
}

}  // namespace

std::vector<std::byte> encode_scrub_state(const StoreId& store, const ScrubState& state) {
  codec::Writer out;
  out.u64(state.segments.size());
  for (const ScrubbedSegment& one : state.segments) {
    put_segment(out, one.segment);
    out.time(one.verified_at);
  }
  out.u64(state.findings.size());
  for (const ScrubFinding& finding : state.findings) {
    put_segment(out, finding.segment);
    out.number(finding.from);
    out.number(finding.end);
    out.number(finding.offsets.first);
    out.number(finding.offsets.end);
    out.time(finding.found_at);
    out.text(finding.why);
  }
  return encode_table(TableKind::kScrub, {.store = store}, out.bytes());
}

Result<ScrubState> decode_scrub_state(const StoreId& store, Bytes file) {
  Result<Table> table = decode_table(TableKind::kScrub, {.store = store}, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  ScrubState state;
  const std::size_t segments = in.count(kSegmentBytes);
  for (std::size_t i = 0; i < segments && in.ok(); ++i) {
    const SegmentIdentity segment = take_segment(in, store);
    state.segments.push_back({.segment = segment, .verified_at = in.time()});
  }
  const std::size_t findings = in.count(kFindingBytesMin);
  for (std::size_t i = 0; i < findings && in.ok(); ++i) {
    ScrubFinding finding{.segment = take_segment(in, store)};
    finding.from = in.number<FilePosition>();
    finding.end = in.number<FilePosition>();
    finding.offsets.first = in.number<Offset>();
    finding.offsets.end = in.number<Offset>();
    finding.found_at = in.time();
    finding.why = in.text();
    if (finding.end < finding.from || finding.offsets.end < finding.offsets.first)
      return fail(ErrorCode::kDamaged, "a finding of the scrub is impossible");
    state.findings.push_back(std::move(finding));
  }
  if (!in.at_end())
    return fail(ErrorCode::kDamaged, "the scrub's state has another length than its content");
  return state;
}

}  // namespace bimip::engine
