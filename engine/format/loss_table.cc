#include "engine/format/loss_table.h"

#include "engine/format/codec.h"
#include "engine/format/table.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kLossBytes = 8 + 8 + 8;

}  // namespace

std::vector<std::byte> encode_losses(const SegmentIdentity& partition, const LossTable& losses) {
  codec::Writer out;
  out.u64(losses.size());
  for (const Loss& loss : losses) {
    out.number(loss.offsets.first);
    out.number(loss.offsets.end);
    out.time(loss.recorded_at);
  }
  return encode_table(TableKind::kLosses, partition, out.bytes());
}

Result<LossTable> decode_losses(const SegmentIdentity& partition, Bytes file) {
  Result<Table> table = decode_table(TableKind::kLosses, partition, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  LossTable losses(in.count(kLossBytes));
  Offset least(0);
  bool in_order = true;
  for (Loss& loss : losses) {
    loss.offsets.first = in.number<Offset>();
    loss.offsets.end = in.number<Offset>();
    loss.recorded_at = in.time();
    in_order = in_order && loss.offsets.first >= least && loss.offsets.end > loss.offsets.first;
    least = loss.offsets.end;
  }
  if (!in.at_end() || !in_order)
    return fail(ErrorCode::kDamaged, "the table of losses contradicts itself");
  return losses;
}

bool covers(const LossTable& losses, const OffsetRange& offsets) {
  Offset known = offsets.first;
  for (const Loss& loss : losses) {
    if (loss.offsets.first <= known && loss.offsets.end > known) known = loss.offsets.end;
  }
  return known >= offsets.end;
}

}  // namespace bimip::engine
