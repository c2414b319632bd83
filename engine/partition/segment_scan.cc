#include "engine/partition/segment_scan.h"

#include <algorithm>

namespace bimip::engine {
namespace {

bool continues(const LogTail& tail, const BlockHeader& block) {
  return block.number == tail.next_block && block.base_offset == tail.next_offset &&
         block.previous == tail.previous;
}

// Could the block stand somewhere behind the tail? Behind damage that nothing followed, the log
// went on with the number of the lost block.
bool is_later(const LogTail& tail, const BlockHeader& block) {
  return block.number >= tail.next_block && block.base_offset >= tail.next_offset &&
         (block.number > tail.next_block || block.base_offset > tail.next_offset);
}

struct Evidence {
  std::optional<BlockHeader> resume;  // first good block behind the damage
  Offset durable;                     // highest durable offset that any good block behind it knew
};

class Scanner {
 public:
  Scanner(const ScanStart& start, BufferPool& pool) : start_(start), blocks_(start.place, pool) {
    scan_.tail = start.tail;
  }

  Result<SegmentScan> run(const std::function<void(const Block&)>& visit) {
    while (!blocks_.at_end()) {
      Result<BlockRef> block = blocks_.next();
      if (block && continues(scan_.tail, (*block)->header)) {
        accept(**block, visit);
        continue;
      }
      // A later program's block is neither torn nor rotten: whoever cuts it off loses it.
      if (!block && (block.error().code == ErrorCode::kIo ||
                     block.error().code == ErrorCode::kUnsupportedVersion))
        return std::unexpected(std::move(block.error()));
      const std::string why =
          block ? "a good block that does not continue the log" : block.error().message;
      Result<bool> go_on = pass_damage(why);
      if (!go_on) return std::unexpected(std::move(go_on.error()));
      if (!*go_on) break;
    }
    scan_.nonzero_end = std::max(scan_.nonzero_end, blocks_.nonzero_end());
    scan_.bytes_read = blocks_.bytes_read();
    return std::move(scan_);
  }

 private:
  void accept(const Block& block, const std::function<void(const Block&)>& visit) {
    scan_.tail.advance(block.header);
    scan_.witnessed = block.header.durable_offset == block.header.end_offset();
    visit(block);
  }

  // Decides what the damage at the tail is. True: passed over, go on at the next good block. False:
  // the log ends here.
  Result<bool> pass_damage(const std::string& why) {
    Result<Evidence> evidence = look_behind();
    if (!evidence) return std::unexpected(std::move(evidence.error()));
    const Offset durable = std::max(evidence->durable, start_.known_durable);
    if (durable <= scan_.tail.next_offset) return false;
    // Without a good block behind it the damage reaches as far as there is anything.
    const std::uint64_t sectors =
        (std::max(scan_.nonzero_end, scan_.tail.position + 1).value() + limits::kSectorBytes - 1) /
        limits::kSectorBytes;
    DamagedRange damage{.epoch = start_.place.segment.epoch,
                        .from = scan_.tail.position,
                        .end = FilePosition(sectors * limits::kSectorBytes),
                        .offsets = {.first = scan_.tail.next_offset, .end = durable},
                        .why = why};
    const bool resumes = evidence->resume.has_value();
    if (resumes) {
      const BlockHeader& next = *evidence->resume;
      damage.end = next.position;
      damage.offsets.end = next.base_offset;
      scan_.tail = {.position = next.position,
                    .next_block = next.number,
                    .next_offset = next.base_offset,
                    .previous = next.previous};
      blocks_.seek(next.position);
    } else {
      scan_.tail.position = damage.end;
      scan_.tail.next_offset = durable;
    }
    scan_.damaged.push_back(std::move(damage));
    return resumes;
  }

  // Reads everything behind the damage.
  Result<Evidence> look_behind() {
    Evidence evidence;
    blocks_.seek(scan_.tail.position);
    while (true) {
      Result<std::optional<BlockHeader>> good = blocks_.resync();
      if (!good) return std::unexpected(std::move(good.error()));
      if (!*good) break;
      if (is_later(scan_.tail, **good)) {
        if (!evidence.resume) evidence.resume = **good;
        evidence.durable = std::max(evidence.durable, (*good)->durable_offset);
      }
    }
    scan_.nonzero_end = std::max(scan_.nonzero_end, blocks_.nonzero_end());
    return evidence;
  }

  const ScanStart& start_;
  BlockReader blocks_;
  SegmentScan scan_;
};

}  // namespace

Result<SegmentScan> scan_segment(const ScanStart& start, BufferPool& pool,
                                 const std::function<void(const Block&)>& visit) {
  return Scanner(start, pool).run(visit);
}

}  // namespace bimip::engine
