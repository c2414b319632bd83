#include "tools/log/segment_writer.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/format/file_names.h"

namespace bimip::log_tools {
namespace {

constexpr std::size_t kBufferBytes = 4 * 1024 * 1024;
static_assert(kBufferBytes >= limits::kBlockBytesMax);

SegmentHeader header_of(const SegmentWriter::Place& place) {
  return {.identity = place.identity,
          .base_offset = place.start.next_offset,
          .first_block = place.start.next_block,
          .previous = place.start.previous,
          .created_at = place.created_at};
}

Path path_of(const SegmentWriter::Place& place) {
  return place.folder / file_names::segment(place.identity.epoch);
}

}  // namespace

SegmentWriter::SegmentWriter(Device& device, const Place& place, std::shared_ptr<File> file)
    : device_(device),
      folder_(place.folder),
      header_(header_of(place)),
      file_(std::move(file)),
      buffer_(kBufferBytes),
      tail_(place.start),
      entities_(place.start.next_offset) {
  tail_.position = FilePosition(limits::kSectorBytes);
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(Device& device, const Place& place) {
  Result<std::shared_ptr<File>> file = device.open(path_of(place), OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(device, place, std::move(*file)));
  encode_segment_header(writer->header_, writer->room(limits::kSectorBytes));
  return writer;
}

MutableBytes SegmentWriter::room(std::size_t bytes) {
  const MutableBytes room = buffer_.bytes().subspan(waiting_, bytes);
  waiting_ += bytes;
  return room;
}

Status SegmentWriter::flush() {
  const Bytes bytes = Bytes(buffer_.bytes()).first(waiting_);
  if (Status done = file_->write_aligned_at(written_, bytes); !done) return done;
  written_ += waiting_;
  waiting_ = 0;
  return {};
}

Status SegmentWriter::add(const BlockHeader& source, Bytes block) {
  BIMIP_ASSERT(block.size() == source.block_bytes && source.base_offset >= tail_.next_offset);
  leave_open(source.base_offset);
  if (waiting_ + block.size() > kBufferBytes) {
    if (Status done = flush(); !done) return done;
  }
  BlockHeader header = source;
  header.identity = header_.identity;
  header.position = tail_.position;
  header.number = tail_.next_block;
  header.durable_offset = header.base_offset;
  header.previous = tail_.previous;
  const MutableBytes copy = room(block.size());
  std::ranges::copy(block, copy.begin());
  finish_block(header, copy);
  tail_.advance(header);
  totals_.add(header);
  index_.add(header);
  entities_.add(header, RecordCursor(header, copy));
  return {};
}

void SegmentWriter::leave_open(Offset end) { tail_.next_offset = std::max(tail_.next_offset, end); }

Result<ManifestSegment> SegmentWriter::seal() {
  SegmentFooter footer = make_footer(header_, tail_, totals_);
  // As a segment that was written anew: it has fewer records than offsets.
  if (totals_.record_count < footer.end_offset - footer.base_offset) footer.rewrites = 1;
  Status done;
  if (waiting_ + limits::kSectorBytes > kBufferBytes) done = flush();
  if (done) {
    encode_segment_footer(footer, room(limits::kSectorBytes));
    done = flush();
  }
  if (done) done = file_->sync();
  if (done) {
    done = replace_file(device_, folder_ / file_names::index(header_.identity.epoch),
                        encode_index(header_.identity, index_.entries()));
  }
  if (done) {
    done = replace_file(device_, folder_ / file_names::entities(header_.identity.epoch),
                        entities_.finish(header_.identity, footer.end_offset));
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return ManifestSegment{.epoch = header_.identity.epoch,
                         .state = SegmentState::kSealed,
                         .base_offset = footer.base_offset,
                         .end_offset = footer.end_offset,
                         .file_bytes = written_.value(),
                         .record_count = footer.record_count,
                         .record_bytes = footer.record_bytes,
                         .first_timestamp = footer.first_timestamp,
                         .last_timestamp = footer.last_timestamp,
                         .last = footer.last,
                         .end_block = footer.end_block,
                         .rewrites = footer.rewrites};
}

Status write_empty_segment(Device& device, const SegmentWriter::Place& place) {
  Result<std::shared_ptr<File>> file = device.open(path_of(place), OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  Sector sector;
  encode_segment_header(header_of(place), sector);
  if (Status done = (*file)->write_at(FilePosition(0), sector); !done) return done;
  return (*file)->sync();
}

}  // namespace bimip::log_tools
