#include "tools/log/backup/partition_cut.h"

#include <algorithm>

#include "engine/format/file_names.h"
#include "engine/format/loss_table.h"
#include "engine/format/producer_state.h"
#include "engine/partition/held_records.h"
#include "engine/partition/producer_table.h"
#include "tools/log/backup/entity_base_cut.h"
#include "tools/log/block_walk.h"
#include "tools/log/partition_inventory.h"
#include "tools/log/segment_writer.h"

namespace bimip::log_tools {
namespace {

bool ends_before(const ManifestSegment& segment, Timestamp until) {
  return segment.state == SegmentState::kSealed &&
         (segment.record_count == 0 || segment.last_timestamp < until);
}

// How many segments end before the point.
std::size_t segments_before(const Manifest& manifest, Timestamp until) {
  const auto first = std::ranges::find_if_not(
      manifest.segments,
      [&](const ManifestSegment& segment) { return ends_before(segment, until); });
  return static_cast<std::size_t>(first - manifest.segments.begin());
}

// A block without its records from the first on that is not earlier.
struct ShortBlock {
  BlockHeader header{};
  std::vector<std::byte> bytes{};
};
Result<ShortBlock> shortened(const BlockWalk::Found& block, Timestamp until) {
  ShortBlock cut{.header = block.header};
  cut.header.record_count = 0;
  cut.header.payload_bytes = 0;
  Bytes rest = block.bytes.subspan(kBlockHeaderBytes, block.header.payload_bytes);
  while (!rest.empty()) {
    const Result<DecodedRecord> next = decode_record(rest, block.header.base_offset);
    if (!next) return std::unexpected(next.error());
    if (next->record.timestamp >= until) {
      cut.header.offset_span =
          static_cast<std::uint32_t>(next->record.offset - block.header.base_offset);
      break;
    }
    cut.header.last_timestamp = next->record.timestamp;
    ++cut.header.record_count;
    cut.header.payload_bytes += static_cast<std::uint32_t>(next->bytes);
    rest = rest.subspan(next->bytes);
  }
  if (cut.header.record_count == 0) cut.header.first_timestamp = cut.header.last_timestamp = {};
  cut.header.block_bytes = static_cast<std::uint32_t>(block_bytes_for(cut.header.payload_bytes));
  cut.bytes.assign(block.bytes.begin(),
                   block.bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                             cut.header.block_bytes, block.bytes.size())));
  return cut;
}

class Cutter {
 public:
  Cutter(Device& device, const PartitionCut& cut) : device_(device), cut_(cut) {}

  Result<Offset> run() {
    Status done = read_manifest();
    if (done) done = read_producers();
    if (!done) return std::unexpected(std::move(done.error()));
    const std::vector<ManifestSegment> before = manifest_.segments;
    const std::size_t kept = segments_before(manifest_, cut_.until);
    std::vector<ManifestSegment> behind(
        manifest_.segments.begin() + static_cast<std::ptrdiff_t>(kept), manifest_.segments.end());
    manifest_.segments.resize(kept);
    // An active segment may be followed by one that was begun.
    for (const ManifestSegment& segment : behind) {
      if (done && !is_over_) done = rewrite(segment);
    }
    if (done) done = begin_active();
    if (done) done = write_tables();
    if (done) done = remove_others();
    if (done) {
      done = cut_entity_base(device_, {.folder = cut_.folder,
                                       .partition = cut_.identity,
                                       .before = before,
                                       .segments = manifest_.segments,
                                       .end = end_});
    }
    if (!done) return std::unexpected(std::move(done.error()));
    return end_;
  }

 private:
  Path path(std::string_view name) const { return cut_.folder / name; }
  SegmentIdentity identity(Epoch epoch) const {
    SegmentIdentity identity = cut_.identity;
    identity.epoch = epoch;
    return identity;
  }

  Status read_manifest() {
    const Result<std::vector<std::byte>> bytes =
        read_whole(path(file_names::kManifest), kTableBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    Result<Manifest> manifest = decode_manifest(cut_.identity, *bytes);
    if (!manifest) return std::unexpected(std::move(manifest.error()));
    manifest_ = std::move(*manifest);
    return {};
  }

  // As of the end of the sealed segments; later claims are dropped, records behind are added.
  Status read_producers() {
    for (const ManifestSegment& segment : manifest_.segments) {
      if (segment.state == SegmentState::kSealed) known_until_ = segment.end_offset;
    }
    if (manifest_.producers == Epoch(0)) return {};
    const Result<std::vector<std::byte>> bytes =
        read_whole(path(file_names::producers(manifest_.producers)), kTableBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    Result<ProducerState> state = decode_producer_state(identity(manifest_.producers), *bytes);
    if (!state) return std::unexpected(std::move(state.error()));
    state_ = std::move(*state);
    return {};
  }

  LogTail tail() const {
    if (manifest_.segments.empty()) return first_;
    const ManifestSegment& last = manifest_.segments.back();
    return {.next_block = last.end_block, .next_offset = last.end_offset, .previous = last.last};
  }

  SegmentWriter::Place next_place(const LogTail& start) {
    const Epoch epoch = manifest_.next_epoch;
    manifest_.next_epoch = epoch + 1;
    return {.folder = cut_.folder,
            .identity = identity(epoch),
            .start = start,
            .created_at = cut_.until};
  }

  Result<std::unique_ptr<ReadOnlyFile>> open_file(const ManifestSegment& segment) const {
    return ReadOnlyFile::open(path(file_names::segment(segment.epoch)), ReadVia::kPageCache);
  }
  BlockWalk blocks_of(const ManifestSegment& segment, const ReadOnlyFile& file) const {
    return BlockWalk({.file = file,
                      .segment = identity(segment.epoch),
                      .from = FilePosition(limits::kSectorBytes),
                      .end = FilePosition(file.bytes())});
  }

  // The segment's blocks up to the point, as a new sealed one.
  Status rewrite(const ManifestSegment& segment) {
    const Result<std::unique_ptr<ReadOnlyFile>> file = open_file(segment);
    if (!file) return std::unexpected(file.error());
    BlockWalk walk = blocks_of(segment, **file);
    if (manifest_.segments.empty()) {
      Result<Bytes> sector = walk.look(FilePosition(0), limits::kSectorBytes);
      if (!sector) return std::unexpected(std::move(sector.error()));
      const Result<SegmentHeader> header = decode_segment_header(*sector);
      if (!header) return std::unexpected(header.error());
      first_ = {.next_block = header->first_block,
                .next_offset = header->base_offset,
                .previous = header->previous};
    }
    std::unique_ptr<SegmentWriter> writer;
    if (Status done = copy_blocks(walk, writer); !done) return done;
    if (writer == nullptr) return {};
    Result<ManifestSegment> sealed = writer->seal();
    if (!sealed) return std::unexpected(std::move(sealed.error()));
    manifest_.segments.push_back(*sealed);
    return {};
  }

  Status copy_blocks(BlockWalk& walk, std::unique_ptr<SegmentWriter>& writer) {
    while (!is_over_) {
      const Result<std::optional<BlockWalk::Found>> next = walk.next_good();
      if (!next) return std::unexpected(next.error());
      const std::optional<BlockWalk::Found>& block = *next;
      if (!block) return {};
      const bool has_later =
          block->header.record_count > 0 && block->header.last_timestamp >= cut_.until;
      Result<ShortBlock> cut =
          has_later ? shortened(*block, cut_.until) : Result<ShortBlock>(ShortBlock{});
      if (!cut) return std::unexpected(std::move(cut.error()));
      is_over_ = has_later;
      const BlockHeader& header = has_later ? cut->header : block->header;
      if (header.offset_span == 0) continue;
      if (Status done = add(header, has_later ? Bytes(cut->bytes) : block->bytes, writer); !done)
        return done;
    }
    return {};
  }

  Status add(const BlockHeader& header, Bytes block, std::unique_ptr<SegmentWriter>& writer) {
    if (writer == nullptr) {
      Result<std::unique_ptr<SegmentWriter>> made =
          SegmentWriter::create(device_, next_place(tail()));
      if (!made) return std::unexpected(std::move(made.error()));
      writer = std::move(*made);
    }
    if (Status done = writer->add(header, block); !done) return done;
    RecordCursor records(header, block);
    while (!records.done()) {
      const Result<Record> record = records.next();
      if (!record) return std::unexpected(record.error());
      const bool is_marked = record->producer || !record->idempotency_key.empty();
      if (is_marked && record->offset >= known_until_)
        added_.emplace_back(record->offset, mark_of(*record));
    }
    return {};
  }

  // Only what a table of producers looks at.
  struct Mark {
    std::optional<ProducerMark> producer{};
    std::string idempotency_key{};
    Timestamp timestamp{};
  };
  static Mark mark_of(const Record& record) {
    return {.producer = record.producer,
            .idempotency_key = std::string(as_text(record.idempotency_key)),
            .timestamp = record.timestamp};
  }

  Status begin_active() {
    const LogTail start = tail();
    end_ = start.next_offset;
    const SegmentWriter::Place place = next_place(start);
    manifest_.segments.push_back({.epoch = place.identity.epoch,
                                  .state = SegmentState::kActive,
                                  .base_offset = start.next_offset});
    return write_empty_segment(device_, place);
  }

  ProducerState producers_until_end() const {
    ProducerState state;
    for (const ProducerEntry& producer : state_.producers) {
      ProducerEntry kept{.id = producer.id, .last_seen = producer.last_seen, .runs = {}};
      for (ProducerRun run : producer.runs) {
        if (run.first_offset >= end_) continue;
        run.count = std::min(run.count, end_ - run.first_offset);
        kept.runs.push_back(run);
      }
      if (!kept.runs.empty()) state.producers.push_back(std::move(kept));
    }
    for (const IdempotencyEntry& key : state_.idempotency_keys) {
      if (key.offset < end_) state.idempotency_keys.push_back(key);
    }
    ProducerTable table(state);
    for (const auto& [offset, mark] : added_) {
      RecordFields fields;
      fields.producer = mark.producer;
      fields.idempotency_key = as_bytes(mark.idempotency_key);
      table.add(fields, offset, mark.timestamp);
    }
    return table.snapshot();
  }

  // What was appended again behind the end is held again: only the records say which.
  Result<std::vector<HeldRecord>> held_until_end() const {
    HeldRecords held;
    for (const ManifestSegment& segment : manifest_.segments) {
      if (segment.state != SegmentState::kSealed) continue;
      const Result<std::unique_ptr<ReadOnlyFile>> file = open_file(segment);
      if (!file) return std::unexpected(file.error());
      BlockWalk walk = blocks_of(segment, **file);
      while (true) {
        const Result<std::optional<BlockWalk::Found>> next = walk.next_good();
        if (!next) return std::unexpected(next.error());
        if (!*next) break;
        RecordCursor records((*next)->header, (*next)->bytes);
        while (!records.done()) {
          const Result<Record> record = records.next();
          if (!record) return std::unexpected(record.error());
          held.add(*record, record->offset);
        }
      }
    }
    held.settle();
    return held.snapshot();
  }

  Status write_tables() {
    Status done;
    const std::size_t sealed = manifest_.segments.size() - 1;
    manifest_.producers = sealed > 0 ? manifest_.segments[sealed - 1].epoch : Epoch(0);
    if (sealed > 0) {
      ProducerState state = producers_until_end();
      Result<std::vector<HeldRecord>> held = held_until_end();
      if (!held) return std::unexpected(std::move(held.error()));
      state.held = std::move(*held);
      done = replace_file(device_, path(file_names::producers(manifest_.producers)),
                          encode_producer_state(identity(manifest_.producers), state));
    }
    if (done) done = cut_losses();
    ++manifest_.version;
    if (done) done = replace_file(device_, path(file_names::kManifest), encode_manifest(manifest_));
    return done;
  }

  Status cut_losses() {
    const Path where = path(file_names::kLosses);
    const Result<std::vector<std::byte>> bytes = read_whole(where, kTableBytesMax);
    if (!bytes)
      return bytes.error().code == ErrorCode::kNotFound ? Status{} : std::unexpected(bytes.error());
    Result<LossTable> losses = decode_losses(cut_.identity, *bytes);
    if (!losses) return std::unexpected(std::move(losses.error()));
    std::erase_if(*losses, [&](const Loss& loss) { return loss.offsets.first >= end_; });
    for (Loss& loss : *losses) loss.offsets.end = std::min(loss.offsets.end, end_);
    return replace_file(device_, where, encode_losses(cut_.identity, *losses));
  }

  // Segments that are listed no more, and what was derived from them.
  Status remove_others() {
    const Result<std::vector<std::string>> names = list_folder(cut_.folder);
    if (!names) return std::unexpected(names.error());
    for (const std::string& name : *names) {
      const auto file = file_names::parse(name);
      if (!file) continue;
      const bool is_listed = std::ranges::any_of(
          manifest_.segments, [&](const auto& s) { return s.epoch == file->epoch; });
      if (is_listed) continue;
      if (Status gone = device_.remove(path(name)); !gone) return gone;
    }
    return device_.sync_directory(cut_.folder);
  }

  Device& device_;
  const PartitionCut& cut_;
  Manifest manifest_;
  ProducerState state_;
  Offset known_until_{};
  std::vector<std::pair<Offset, Mark>> added_;
  LogTail first_{};
  bool is_over_ = false;
  Offset end_{};
};

}  // namespace

// A sealed segment that reaches to the point ends the log; an active one may not reach to it.
bool is_needed(const Manifest& manifest, std::size_t segment, Timestamp until) {
  const std::size_t last = segments_before(manifest, until);
  return segment <= last || manifest.segments[last].state != SegmentState::kSealed;
}

Result<Offset> cut_partition(Device& device, const PartitionCut& cut) {
  return Cutter(device, cut).run();
}

}  // namespace bimip::log_tools
