#include "tools/log/segment_check.h"

#include <algorithm>

#include "engine/segment/block_reader.h"
#include "engine/segment/index_builder.h"
#include "tools/log/block_walk.h"
#include "tools/log/producer_claims.h"

namespace bimip::log_tools {
namespace {

std::string numbered(const char* what, std::uint64_t is, std::uint64_t should_be) {
  return std::string(what) + " " + std::to_string(is) + ", not " + std::to_string(should_be);
}

// Why the block does not continue the log at `tail`; empty when it does.
std::string discontinuity(const LogTail& tail, const BlockHeader& block) {
  if (block.number != tail.next_block)
    return numbered("is block", block.number.value(), tail.next_block.value());
  if (block.base_offset != tail.next_offset)
    return numbered("begins at offset", block.base_offset.value(), tail.next_offset.value());
  if (block.previous != tail.previous)
    return "does not continue the block before it: it states another hash for it";
  return {};
}

class Checker {
 public:
  Checker(const SegmentTask& task, const ReadOnlyFile& file)
      : task_(task),
        file_(file),
        claims_(task.producers),
        blocks_end_(file.bytes()),
        walk_({.file = file,
               .segment = task.identity,
               .from = FilePosition(limits::kSectorBytes),
               .end = FilePosition(file.bytes()),
               .bytes_read = task.bytes_read}) {}

  Result<SegmentFacts> run() {
    facts_.opened = true;
    Status done = read_footer();
    if (done) done = read_header();
    if (done) done = read_blocks();
    if (!done) return std::unexpected(std::move(done.error()));
    facts_.index = index_.entries();
    facts_.nonzero_end = walk_.nonzero_end();
    facts_.bytes_read = file_.bytes();
    return std::move(facts_);
  }

 private:
  Status read_header() {
    Result<Bytes> sector = walk_.look(FilePosition(0), limits::kSectorBytes);
    if (!sector) return std::unexpected(std::move(sector.error()));
    Result<SegmentHeader> header = decode_segment_header(*sector);
    facts_.header_is_zero = all_zero(*sector);
    if (header && header->identity != task_.identity) {
      facts_.header_error = "the segment's header is of another segment: epoch " +
                            std::to_string(header->identity.epoch.value()) + " of topic " +
                            std::to_string(header->identity.topic.value()) + ", partition " +
                            std::to_string(header->identity.partition.value());
    } else if (!header) {
      facts_.header_error = sector->size() < limits::kSectorBytes
                                ? "the file ends inside the header"
                                : header.error().message;
    } else {
      facts_.header = *header;
    }
    return {};
  }

  // The last sector, when it has to be a footer or is one.
  Status read_footer() {
    const std::uint64_t bytes = file_.bytes();
    if (bytes % limits::kSectorBytes != 0 || bytes < 2 * limits::kSectorBytes) {
      if (task_.sealed)
        facts_.footer_error = "the file has no length that a sealed segment can have";
      return {};
    }
    const FilePosition at(bytes - limits::kSectorBytes);
    Result<Bytes> sector = walk_.look(at, limits::kSectorBytes);
    if (!sector) return std::unexpected(std::move(sector.error()));
    Result<SegmentFooter> footer = decode_segment_footer(*sector);
    if (footer && footer->identity != task_.identity) {
      facts_.footer_error = "the segment's footer is of another segment";
    } else if (footer) {
      facts_.footer = *footer;
    } else {
      facts_.footer_error = footer.error().message;
    }
    const bool has_its_length =
        task_.sealed && task_.place.listed && task_.place.listed->file_bytes == bytes;
    if (facts_.footer || has_its_length) blocks_end_ = at;
    return {};
  }

  bool at_end() const { return walk_.position() >= blocks_end_; }

  void choose_start() {
    LogTail& start = facts_.start;
    start.position = FilePosition(limits::kSectorBytes);
    if (facts_.header) {
      start.next_block = facts_.header->first_block;
      start.next_offset = facts_.header->base_offset;
      start.previous = facts_.header->previous;
      is_start_known_ = true;
    } else if (task_.place.listed && task_.place.listed->state != SegmentState::kPrepared) {
      start.next_offset = task_.place.listed->base_offset;
      if (task_.place.previous && task_.place.previous->state == SegmentState::kSealed) {
        start.next_block = task_.place.previous->end_block;
        start.previous = task_.place.previous->last;
      }
      is_start_known_ = true;
    }
    facts_.tail = start;
  }

  Status read_blocks() {
    choose_start();
    walk_.seek(facts_.tail.position);
    while (!at_end()) {
      pass_waypoint();
      Result<BlockWalk::Found> block = walk_.next();
      if (block) {
        accept(*block);
        continue;
      }
      if (block.error().code == ErrorCode::kIo) return std::unexpected(std::move(block.error()));
      Result<bool> go_on = pass_damage(block.error().message);
      if (!go_on) return std::unexpected(std::move(go_on.error()));
      if (!*go_on) break;
    }
    pass_waypoint();
    if (was_rewritten() && facts_.tail.next_offset < facts_.footer->end_offset)
      note_lost(facts_.footer->end_offset);
    return {};
  }

  bool was_rewritten() const { return facts_.footer && facts_.footer->rewrites > 0; }

  // A rewrite spans the offsets it left out on purpose; what it could not read it leaves open.
  void note_lost(Offset end) {
    facts_.bad.push_back({.from = walk_.position(),
                          .end = walk_.position(),
                          .offsets = {.first = facts_.tail.next_offset, .end = end},
                          .why = "these records could not be read when the segment was rewritten; "
                                 "their bytes are in a quarantine file",
                          .whole = true,
                          .behind = true});
    facts_.tail.next_offset = end;
  }

  void pass_waypoint() {
    if (task_.waypoint && facts_.tail.position == *task_.waypoint && !facts_.waypoint) {
      facts_.waypoint = {.tail = facts_.tail,
                         .totals = facts_.totals,
                         .index_entries = index_.entries().size(),
                         .entities = facts_.entities};
    }
  }

  // True: a good block follows, and is next. False: none does.
  Result<bool> pass_damage(const std::string& why) {
    Result<Arrival> arrival = walk_.examine();
    if (!arrival) return std::unexpected(std::move(arrival.error()));
    const FilePosition from = walk_.position();
    if (*arrival == Arrival::kWhole && !facts_.footer) {
      Result<bool> ended = ends_with_footer();
      if (!ended) return std::unexpected(std::move(ended.error()));
      if (*ended) return false;
    }
    Result<std::optional<BlockHeader>> good = walk_.resync();
    if (!good) return std::unexpected(std::move(good.error()));
    BadRange bad{.from = from,
                 .end = std::max(walk_.nonzero_end(), from),
                 .offsets = {.first = facts_.tail.next_offset, .end = facts_.tail.next_offset},
                 .why = why,
                 .whole = *arrival == Arrival::kWhole,
                 .behind = good->has_value()};
    if (*good) {
      bad.end = (*good)->position;
      bad.offsets.end = std::max(bad.offsets.first, (*good)->base_offset);
      facts_.tail = {.position = (*good)->position,
                     .next_block = (*good)->number,
                     .next_offset = (*good)->base_offset,
                     .previous = (*good)->previous};
      is_start_known_ = true;
    } else if (blocks_end_ < FilePosition(file_.bytes())) {
      bad.end = blocks_end_;
    } else if (bad.end == bad.from) {
      return false;  // nothing but zeros: the log ends here
    }
    facts_.bad.push_back(std::move(bad));
    return good->has_value();
  }

  // A footer that stands right behind the blocks: the seal wrote it and did not come to shorten the
  // file.
  Result<bool> ends_with_footer() {
    Result<Bytes> sector = walk_.look(walk_.position(), limits::kSectorBytes);
    if (!sector) return std::unexpected(std::move(sector.error()));
    const Result<SegmentFooter> footer = decode_segment_footer(*sector);
    if (!footer || footer->identity != task_.identity || footer->position != walk_.position())
      return false;
    facts_.footer = *footer;
    facts_.footer_error.clear();
    blocks_end_ = walk_.position();
    return true;
  }

  void accept(const BlockWalk::Found& block) {
    const BlockHeader& header = block.header;
    if (is_start_known_) {
      if (was_rewritten() && header.base_offset > facts_.tail.next_offset)
        note_lost(header.base_offset);
      if (std::string why = discontinuity(facts_.tail, header); !why.empty())
        odd(header, "a good block that " + why, {facts_.tail.next_offset, header.base_offset});
    } else {
      facts_.start.next_block = header.number;
      facts_.start.next_offset = header.base_offset;
      facts_.start.previous = header.previous;
      is_start_known_ = true;
    }
    if (header.record_count > 0 && header.first_timestamp < facts_.last_timestamp)
      odd(header, "its records are earlier than those before them");
    if (header.durable_offset < facts_.durable)
      odd(header, numbered("states a durable offset of", header.durable_offset.value(),
                           facts_.durable.value()) +
                      ": it goes back");
    if (task_.depth == Depth::kRecords) check_records(block);
    index_.add(header);
    facts_.totals.add(header);
    facts_.tail.advance(header);
    ++facts_.blocks;
    facts_.padding_bytes += header.block_bytes - header.payload_bytes;
    facts_.witnessed = header.durable_offset == header.end_offset();
    facts_.durable = std::max(facts_.durable, header.durable_offset);
    facts_.last_timestamp = std::max(facts_.last_timestamp, header.last_timestamp);
  }

  void check_records(const BlockWalk::Found& block) {
    const BlockHeader& header = block.header;
    RecordCursor records(header, block.bytes);
    Timestamp first = Timestamp::max();
    Timestamp last = Timestamp::min();
    Offset next = header.base_offset;
    while (!records.done()) {
      const Result<Record> record = records.next();
      if (!record) return odd(header, record.error().message);
      if (record->offset < next || record->offset >= header.end_offset())
        return odd(header, numbered("a record has offset", record->offset.value(), next.value()));
      if (!decode_headers(record->headers))
        odd(header, "a record's headers cannot be read", {record->offset, record->offset + 1});
      if (std::string why = claims_.contradiction(*record); !why.empty())
        odd(header, "a table of producers claims offset " + std::to_string(record->offset.value()) +
                        ", and " + why);
      next = record->offset + 1;
      first = std::min(first, record->timestamp);
      last = std::max(last, record->timestamp);
      if (record->entity) {
        facts_.entities.add(entity_hash(task_.identity.store, record->key),
                            {.increment = record->entity->increment, .offset = record->offset});
      }
      ++facts_.records;
    }
    if (header.record_count == 0) return;
    if (header.record_count == header.offset_span && next != header.end_offset())
      odd(header, "its records' offsets are not dense");
    if (first != header.first_timestamp || last != header.last_timestamp)
      odd(header, "its records' times are not those of its header");
  }

  void odd(const BlockHeader& block, std::string why, OffsetRange missing = {}) {
    if (missing.end < missing.first) missing.end = missing.first;
    facts_.odd.push_back({.position = block.position,
                          .end = block.position + block.block_bytes,
                          .offsets = missing,
                          .why = std::move(why)});
  }

  const SegmentTask& task_;
  const ReadOnlyFile& file_;
  const ProducerClaims claims_;
  FilePosition blocks_end_;
  BlockWalk walk_;
  IndexBuilder index_;
  SegmentFacts facts_;
  bool is_start_known_ = false;
};

}  // namespace

Result<SegmentFacts> check_segment(const SegmentTask& task) {
  Result<std::shared_ptr<const ReadOnlyFile>> file = open_segment(task.place, ReadVia::kDevice);
  if (!file) return std::unexpected(std::move(file.error()));
  return Checker(task, **file).run();
}

}  // namespace bimip::log_tools
