#include "engine/partition/segment_rewrite.h"

#include <algorithm>
#include <limits>

#include "engine/base/assert.h"
#include "engine/format/file_names.h"
#include "engine/format/record_hash.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kPayloadMax = limits::kPackedBlockBytes - kBlockHeaderBytes;

}  // namespace

SegmentRewrite::SegmentRewrite(Device& device, BufferPool& pool, Plan plan, RecordFilter& filter)
    : device_(device), pool_(pool), plan_(std::move(plan)), filter_(filter) {
  BIMIP_ASSERT(!plan_.sources.empty());
}

// What cannot be removed now is by the next recovery.
SegmentRewrite::~SegmentRewrite() {
  file_.reset();
  if (!owns_file_) return;
  (void)device_.remove(unfinished());
  (void)device_.remove(path(file_names::index(plan_.epoch)));
  (void)device_.remove(path(file_names::entities(plan_.epoch)));
}

Path SegmentRewrite::unfinished() const {
  return path(file_names::segment(plan_.epoch) + std::string(file_names::kNewSuffix));
}

SegmentIdentity SegmentRewrite::identity(Epoch epoch) const {
  SegmentIdentity identity = plan_.partition;
  identity.epoch = epoch;
  return identity;
}

Result<bool> SegmentRewrite::step() {
  Status done;
  switch (phase_) {
    case Phase::kBegin:
      done = begin();
      break;
    case Phase::kCopy:
      done = copy_some();
      break;
    case Phase::kCompare:
      done = compare_some();
      break;
    case Phase::kDone:
      break;
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return phase_ == Phase::kDone;
}

Status SegmentRewrite::begin() {
  if (Status opened = open_source(); !opened) return opened;
  Result<SegmentHeader> start = known_start();
  if (!start) return std::unexpected(std::move(start.error()));
  header_ = {.identity = identity(plan_.epoch),
             .base_offset = plan_.sources.front().base_offset,
             .first_block = start->first_block,
             .previous = start->previous,
             .created_at = plan_.now};
  expected_ = block_first_ = header_.base_offset;
  tail_ = {.position = FilePosition(limits::kSectorBytes),
           .next_block = header_.first_block,
           .next_offset = header_.base_offset,
           .previous = header_.previous};

  // A leftover of the same name means nothing; recovery would have removed it.
  if (Status gone = device_.remove(unfinished());
      !gone && gone.error().code != ErrorCode::kNotFound)
    return gone;
  Result<std::shared_ptr<File>> file = device_.open(unfinished(), OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  file_ = std::move(*file);
  owns_file_ = true;
  out_ = pool_.take(limits::kBlockBytesMax);
  encode_segment_header(header_, out_.bytes().first(limits::kSectorBytes));
  out_bytes_ = limits::kSectorBytes;
  phase_ = Phase::kCopy;
  return {};
}

// What the first source continues: from its header, its footer or the segment in front of it.
Result<SegmentHeader> SegmentRewrite::known_start() {
  const ManifestSegment& source = plan_.sources.front();
  const SegmentIdentity whose = identity(source.epoch);
  Sector sector{};
  Result<std::size_t> got = source_file_->read_at(FilePosition(0), sector);
  if (!got) return std::unexpected(std::move(got.error()));
  const Result<SegmentHeader> header = decode_segment_header(sector);
  if (header && header->identity == whose) return header;
  got = source_file_->read_at(FilePosition(source.file_bytes - limits::kSectorBytes), sector);
  if (!got) return std::unexpected(std::move(got.error()));
  const Result<SegmentFooter> footer = decode_segment_footer(sector);
  if (footer && footer->identity == whose)
    return SegmentHeader{.first_block = footer->first_block, .previous = footer->previous};
  if (plan_.before)
    return SegmentHeader{.first_block = plan_.before->end_block, .previous = plan_.before->last};
  return fail(ErrorCode::kDamaged, path(file_names::segment(source.epoch)).string() +
                                       ": neither its header nor its footer can be read");
}

Status SegmentRewrite::open_source() {
  const ManifestSegment& source = plan_.sources[source_];
  const Path where = path(file_names::segment(source.epoch));
  Result<std::shared_ptr<File>> file = device_.open(where, OpenMode::kRead);
  if (!file) return std::unexpected(std::move(file.error()));
  Result<std::uint64_t> size = (*file)->size();
  if (!size) return std::unexpected(std::move(size.error()));
  if (*size != source.file_bytes)
    return fail(ErrorCode::kDamaged, where.string() + ": has not the length its manifest says");
  source_file_ = std::move(*file);
  reader_.emplace(BlockReader::Place{.file = source_file_,
                                     .segment = identity(source.epoch),
                                     .from = FilePosition(limits::kSectorBytes),
                                     .end = FilePosition(*size - limits::kSectorBytes)},
                  pool_);
  return {};
}

Status SegmentRewrite::copy_some() {
  const std::uint64_t before = reader_->bytes_read();
  while (reader_->bytes_read() - before < limits::kRewriteStepBytes) {
    if (reader_->at_end()) {
      outcome_.bytes_read += reader_->bytes_read();
      if (Status done = lose(plan_.sources[source_].end_offset); !done) return done;
      if (++source_ == plan_.sources.size()) return finish();
      return open_source();
    }
    Result<BlockRef> block = reader_->next();
    Status done;
    if (block) {
      done = copy_block(**block);
    } else if (block.error().code == ErrorCode::kIo ||
               block.error().code == ErrorCode::kUnsupportedVersion) {
      return std::unexpected(std::move(block.error()));
    } else {
      done = pass_damage();
    }
    if (!done) return done;
  }
  return {};
}

// Blocks are put together whole, so that the new ones are never more than the old ones and their
// numbers stay below the next segment's.
Status SegmentRewrite::copy_block(const Block& block) {
  if (block.header.base_offset < expected_)
    return fail(ErrorCode::kDamaged, "a block repeats offsets of the one before it");
  if (Status done = lose(block.header.base_offset); !done) return done;
  struct Kept {
    Record record;
    std::size_t bytes;
  };
  std::vector<Kept> kept;
  kept.reserve(block.header.record_count);
  std::size_t bytes = 0;
  RecordCursor records = block.records();
  while (!records.done()) {
    Result<Record> record = records.next();
    if (!record) return std::unexpected(std::move(record.error()));
    Result<Fate> fate = filter_.decide(*record);
    if (!fate) return std::unexpected(std::move(fate.error()));
    if (*fate == Fate::kDropped) {
      ++outcome_.records_dropped;
      continue;
    }
    if (*fate == Fate::kUnlinked && record->entity) record->entity->previous.reset();
    kept.push_back({.record = *record, .bytes = encoded_record_bytes(*record)});
    bytes += kept.back().bytes;
  }
  const bool fits =
      (payload_.empty() || payload_.size() + bytes <= kPayloadMax) &&
      block.header.end_offset() - block_first_ <= std::numeric_limits<std::uint32_t>::max();
  if (!fits) {
    if (Status done = close_block(); !done) return done;
  }
  for (const Kept& each : kept) {
    if (block_records_ == 0) block_earliest_ = block_latest_ = each.record.timestamp;
    block_earliest_ = std::min(block_earliest_, each.record.timestamp);
    block_latest_ = std::max(block_latest_, each.record.timestamp);
    ++block_records_;
    const std::size_t at = payload_.size();
    payload_.resize(at + each.bytes);
    encode_record(each.record, static_cast<std::uint32_t>(each.record.offset - block_first_),
                  MutableBytes(payload_).subspan(at));
    taken_ = mix(taken_, each.record);
  }
  expected_ = block.header.end_offset();
  return {};
}

Status SegmentRewrite::pass_damage() {
  const FilePosition from = reader_->position();
  Result<std::optional<BlockHeader>> good = reader_->resync();
  if (!good) return std::unexpected(std::move(good.error()));
  const FilePosition end =
      *good ? (*good)->position
            : FilePosition(plan_.sources[source_].file_bytes - limits::kSectorBytes);
  if (!*good) reader_->seek(end);
  if (plan_.damaged == Damaged::kLeftOut) return {};
  return set_aside(from, end);
}

// The offsets from here to `until` are in no block: none will span them.
Status SegmentRewrite::lose(Offset until) {
  if (until <= expected_) return {};
  if (Status done = close_block(); !done) return done;
  outcome_.lost.push_back({.first = expected_, .end = until});
  expected_ = block_first_ = tail_.next_offset = until;
  return {};
}

Status SegmentRewrite::set_aside(FilePosition from, FilePosition end) {
  const Path kept = path(file_names::quarantine(plan_.sources[source_].epoch, from));
  const Path aside = kept.string() + std::string(file_names::kNewSuffix);
  if (Status gone = device_.remove(aside); !gone && gone.error().code != ErrorCode::kNotFound)
    return gone;
  Result<std::shared_ptr<File>> file = device_.open(aside, OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  Buffer buffer = pool_.take(limits::kBlockBytesMax);
  for (FilePosition at = from; at < end;) {
    const MutableBytes into =
        buffer.bytes().first(std::min<std::uint64_t>(buffer.bytes().size(), end - at));
    Result<std::size_t> got = source_file_->read_at(at, into);
    if (!got) return std::unexpected(std::move(got.error()));
    if (*got == 0) break;
    if (Status done = (*file)->write_at(FilePosition(at - from), into.first(*got)); !done)
      return done;
    outcome_.bytes_written += *got;
    at += *got;
  }
  if (Status done = (*file)->sync(); !done) return done;
  if (Status done = device_.rename(aside, kept); !done) return done;
  return device_.sync_directory(plan_.folder);
}

Status SegmentRewrite::close_block() {
  if (block_first_ == expected_) {
    BIMIP_ASSERT(block_records_ == 0);
    return {};
  }
  BlockHeader header{.identity = header_.identity,
                     .position = tail_.position,
                     .number = tail_.next_block,
                     .base_offset = block_first_,
                     .offset_span = static_cast<std::uint32_t>(expected_ - block_first_),
                     .record_count = block_records_,
                     .payload_bytes = static_cast<std::uint32_t>(payload_.size()),
                     .block_bytes = static_cast<std::uint32_t>(block_bytes_for(payload_.size())),
                     .durable_offset = block_first_,
                     .first_timestamp = block_earliest_,
                     .last_timestamp = block_latest_,
                     .previous = tail_.previous,
                     .payload_checksum = {},
                     .checksum = {}};
  if (out_bytes_ + header.block_bytes > out_.bytes().size()) {
    if (Status done = flush(); !done) return done;
  }
  const MutableBytes block = out_.bytes().subspan(out_bytes_, header.block_bytes);
  std::ranges::copy(payload_, block.begin() + kBlockHeaderBytes);
  finish_block(header, block);
  out_bytes_ += header.block_bytes;
  tail_.advance(header);
  totals_.add(header);
  payload_.clear();
  block_first_ = expected_;
  block_records_ = 0;
  block_earliest_ = block_latest_ = Timestamp{};
  return {};
}

Status SegmentRewrite::flush() {
  const FilePosition at(outcome_.segment.file_bytes);
  if (Status done = file_->write_aligned_at(at, out_.bytes().first(out_bytes_)); !done) return done;
  outcome_.segment.file_bytes += out_bytes_;
  outcome_.bytes_written += out_bytes_;
  out_bytes_ = 0;
  return {};
}

Status SegmentRewrite::finish() {
  if (Status done = close_block(); !done) return done;
  const ManifestSegment& last = plan_.sources.back();
  tail_.next_offset = last.end_offset;
  footer_ = make_footer(header_, tail_, totals_);
  footer_.end_block = last.end_block;
  footer_.last = last.last;
  footer_.rewrites = 1 + std::ranges::max(plan_.sources, {}, &ManifestSegment::rewrites).rewrites;
  if (footer_.own_end_block > footer_.end_block)
    return fail(ErrorCode::kDamaged, "the segment has more blocks than numbers");
  if (out_bytes_ + limits::kSectorBytes > out_.bytes().size()) {
    if (Status done = flush(); !done) return done;
  }
  encode_segment_footer(footer_, out_.bytes().subspan(out_bytes_, limits::kSectorBytes));
  out_bytes_ += limits::kSectorBytes;
  if (Status done = flush(); !done) return done;
  if (Status done = file_->sync(); !done) return done;
  outcome_.segment = {.epoch = plan_.epoch,
                      .state = SegmentState::kSealed,
                      .base_offset = footer_.base_offset,
                      .end_offset = footer_.end_offset,
                      .file_bytes = outcome_.segment.file_bytes,
                      .record_count = footer_.record_count,
                      .record_bytes = footer_.record_bytes,
                      .first_timestamp = footer_.first_timestamp,
                      .last_timestamp = footer_.last_timestamp,
                      .last = footer_.last,
                      .end_block = footer_.end_block,
                      .rewrites = footer_.rewrites,
                      .cleaned_at = plan_.cleaned_at};

  compared_ = {.position = FilePosition(limits::kSectorBytes),
               .next_block = header_.first_block,
               .next_offset = header_.base_offset,
               .previous = header_.previous};
  entities_.emplace(footer_.base_offset);
  source_file_ = file_;
  reader_.emplace(BlockReader::Place{.file = file_,
                                     .segment = header_.identity,
                                     .from = compared_.position,
                                     .end = tail_.position},
                  pool_);
  phase_ = Phase::kCompare;
  return {};
}

Status SegmentRewrite::compare_some() {
  const auto wrong = [&](const std::string& what) {
    return fail(ErrorCode::kDamaged,
                unfinished().string() + ": what was written is not what is there: " + what);
  };
  const std::uint64_t before = reader_->bytes_read();
  while (reader_->bytes_read() - before < limits::kRewriteStepBytes) {
    if (reader_->at_end()) return compare_end();
    Result<BlockRef> block = reader_->next();
    if (!block && block.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(block.error()));
    if (!block) return wrong(block.error().message);
    const BlockHeader& header = (*block)->header;
    if (header.number != compared_.next_block || header.previous != compared_.previous ||
        header.base_offset < compared_.next_offset)
      return wrong("a block does not continue the one before it");
    RecordCursor records = (*block)->records();
    while (!records.done()) {
      Result<Record> record = records.next();
      if (!record) return wrong(record.error().message);
      read_back_ = mix(read_back_, *record);
    }
    compared_.advance(header);
    compared_totals_.add(header);
    index_.add(header);
    entities_->add(header, (*block)->records());
  }
  return {};
}

Status SegmentRewrite::compare_end() {
  outcome_.bytes_read += reader_->bytes_read();
  Sector first{};
  Sector last{};
  Result<std::size_t> got = file_->read_at(FilePosition(0), first);
  if (got) got = file_->read_at(footer_.position, last);
  if (!got) return std::unexpected(std::move(got.error()));
  const Result<SegmentHeader> header = decode_segment_header(first);
  const Result<SegmentFooter> footer = decode_segment_footer(last);
  const bool same = header && *header == header_ && footer && *footer == footer_ &&
                    compared_totals_ == totals_ && compared_.previous == tail_.previous &&
                    compared_.next_block == tail_.next_block && read_back_ == taken_;
  if (!same)
    return fail(ErrorCode::kDamaged,
                unfinished().string() + ": what was read back is not what was written");
  Status done = replace_file(device_, path(file_names::index(plan_.epoch)),
                             encode_index(header_.identity, index_.entries()));
  if (done) {
    done = replace_file(device_, path(file_names::entities(plan_.epoch)),
                        entities_->finish(header_.identity, footer_.end_offset));
  }
  if (!done) return done;
  entities_.reset();
  phase_ = Phase::kDone;
  return {};
}

}  // namespace bimip::engine
