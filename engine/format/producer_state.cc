#include "engine/format/producer_state.h"

#include "engine/format/codec.h"
#include "engine/format/table.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kRunBytes = 24;
constexpr std::size_t kProducerBytesMin = 16 + 8 + 8 + kRunBytes;
constexpr std::size_t kKeyBytes = 16 + 8 + 8;
constexpr std::size_t kHeldBytes = 8 + 8;

void write_state(codec::Writer& out, const ProducerState& state) {
  out.u64(state.producers.size());
  for (const ProducerEntry& producer : state.producers) {
    out.wide(producer.id);
    out.time(producer.last_seen);
    out.u64(producer.runs.size());
    for (const ProducerRun& run : producer.runs) {
      out.number(run.first_number);
      out.number(run.first_offset);
      out.u64(run.count);
    }
  }
  out.u64(state.idempotency_keys.size());
  for (const IdempotencyEntry& entry : state.idempotency_keys) {
    out.wide(entry.key);
    out.number(entry.offset);
    out.time(entry.stored_at);
  }
  out.u64(state.held.size());
  for (const HeldRecord& record : state.held) {
    out.time(record.due);
    out.number(record.offset);
  }
}

// Runs hold something and their numbers rise.
bool are_ordered(const std::vector<ProducerRun>& runs) {
  std::uint64_t end = 0;
  for (const ProducerRun& run : runs) {
    const std::uint64_t first = run.first_number.value();
    if (run.count == 0 || first < end || first + run.count < first ||
        run.first_offset.value() + run.count < run.count)
      return false;
    end = first + run.count;
  }
  return !runs.empty();
}

Result<ProducerState> read_state(codec::Reader& in) {
  ProducerState state;
  const std::size_t producers = in.count(kProducerBytesMin);
  for (std::size_t i = 0; i < producers && in.ok(); ++i) {
    ProducerEntry producer;
    producer.id = in.wide<ProducerId>();
    producer.last_seen = in.time();
    const std::size_t runs = in.count(kRunBytes);
    for (std::size_t j = 0; j < runs; ++j) {
      ProducerRun run;
      run.first_number = in.number<ProducerNumber>();
      run.first_offset = in.number<Offset>();
      run.count = in.u64();
      producer.runs.push_back(run);
    }
    if (!are_ordered(producer.runs))
      return fail(ErrorCode::kDamaged, "a producer's numbers are out of order");
    state.producers.push_back(std::move(producer));
  }
  const std::size_t keys = in.count(kKeyBytes);
  for (std::size_t i = 0; i < keys; ++i) {
    IdempotencyEntry entry;
    entry.key = in.wide<Hash128>();
    entry.offset = in.number<Offset>();
    entry.stored_at = in.time();
    state.idempotency_keys.push_back(entry);
  }
  const std::size_t held = in.count(kHeldBytes);
  state.held.reserve(held);
  for (std::size_t i = 0; i < held; ++i) {
    const Timestamp due = in.time();
    state.held.push_back({.due = due, .offset = in.number<Offset>()});
  }
  if (!in.ok()) return fail(ErrorCode::kDamaged, "the producers' state is cut short");
  return state;
}

}  // namespace

std::vector<std::byte> encode_producer_state(const SegmentIdentity& segment,
                                             const ProducerState& state) {
  codec::Writer out;
  write_state(out, state);
  return encode_table(TableKind::kProducers, segment, out.bytes());
}

Result<ProducerState> decode_producer_state(const SegmentIdentity& segment, Bytes file) {
  Result<Table> table = decode_table(TableKind::kProducers, segment, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  Result<ProducerState> state = read_state(in);
  if (state && !in.at_end()) return fail(ErrorCode::kDamaged, "bytes follow the producers' state");
  return state;
}

std::vector<std::byte> encode_checkpoint(const SegmentIdentity& segment,
                                         const Checkpoint& checkpoint) {
  codec::Writer out;
  out.number(checkpoint.tail.position);
  out.number(checkpoint.tail.next_block);
  out.number(checkpoint.tail.next_offset);
  out.wide(checkpoint.tail.previous);
  out.u64(checkpoint.totals.record_count);
  out.u64(checkpoint.totals.record_bytes);
  out.time(checkpoint.totals.first_timestamp);
  out.time(checkpoint.totals.last_timestamp);
  out.u64(checkpoint.index.size());
  for (const IndexEntry& entry : checkpoint.index) {
    out.number(entry.base_offset);
    out.number(entry.position);
    out.time(entry.last_timestamp_before);
  }
  write_state(out, checkpoint.producers);
  out.u64(checkpoint.entity_runs.size());
  for (const std::uint64_t bytes : checkpoint.entity_runs) out.u64(bytes);
  return encode_table(TableKind::kCheckpoint, segment, out.bytes());
}

Result<Checkpoint> decode_checkpoint(const SegmentIdentity& segment, Bytes file) {
  Result<Table> table = decode_table(TableKind::kCheckpoint, segment, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  Checkpoint checkpoint;
  checkpoint.tail.position = in.number<FilePosition>();
  checkpoint.tail.next_block = in.number<BlockNumber>();
  checkpoint.tail.next_offset = in.number<Offset>();
  checkpoint.tail.previous = in.wide<Hash128>();
  checkpoint.totals.record_count = in.u64();
  checkpoint.totals.record_bytes = in.u64();
  checkpoint.totals.first_timestamp = in.time();
  checkpoint.totals.last_timestamp = in.time();
  const std::size_t entries = in.count(kIndexEntryBytes);
  for (std::size_t i = 0; i < entries; ++i) {
    IndexEntry entry;
    entry.base_offset = in.number<Offset>();
    entry.position = in.number<FilePosition>();
    entry.last_timestamp_before = in.time();
    if (!checkpoint.index.empty() && !may_follow(checkpoint.index.back(), entry))
      return fail(ErrorCode::kDamaged, "the checkpoint's index is out of order");
    checkpoint.index.push_back(entry);
  }
  Result<ProducerState> producers = read_state(in);
  if (!producers) return std::unexpected(std::move(producers.error()));
  checkpoint.producers = std::move(*producers);
  const std::size_t runs = in.count(sizeof(std::uint64_t));
  for (std::size_t i = 0; i < runs; ++i) checkpoint.entity_runs.push_back(in.u64());
  const std::uint64_t position = checkpoint.tail.position.value();
  const bool is_behind_index =
      checkpoint.index.empty() || checkpoint.index.back().position < checkpoint.tail.position;
  if (!in.at_end() || position < limits::kSectorBytes || position % limits::kSectorBytes != 0 ||
      !is_behind_index) {
    return fail(ErrorCode::kDamaged, "the checkpoint contradicts itself");
  }
  return checkpoint;
}

}  // namespace bimip::engine
