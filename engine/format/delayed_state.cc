#include "engine/format/delayed_state.h"

#include "engine/format/codec.h"
#include "engine/format/table.h"

namespace bimip::engine {

std::vector<std::byte> encode_delayed_state(const SegmentIdentity& partition,
                                            const DelayedState& state) {
  codec::Writer out;
  out.number(state.upto);
  out.u64(state.records.size());
  for (const DelayedRecord& record : state.records) {
    out.time(record.due);
    out.number(record.offset);
  }
  return encode_table(TableKind::kDelayed, partition, out.bytes());
}

Result<DelayedState> decode_delayed_state(const SegmentIdentity& partition, Bytes file) {
  Result<Table> table = decode_table(TableKind::kDelayed, partition, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  DelayedState state{.upto = in.number<Offset>()};
  const std::size_t count = in.count(16);
  state.records.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Timestamp due = in.time();
    state.records.push_back({.due = due, .offset = in.number<Offset>()});
    if (state.records.back().offset >= state.upto)
      return fail(ErrorCode::kDamaged, "a delayed record is held behind the state's own end");
  }
  if (!in.at_end())
    return fail(ErrorCode::kDamaged, "the delayed records have another length than their content");
  return state;
}

}  // namespace bimip::engine
