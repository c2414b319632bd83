// PartitionCheck's comparisons: what is damage, what is a torn tail, what is neither.
#include <algorithm>

#include "engine/format/file_names.h"
#include "engine/format/segment_index.h"
#include "tools/log/partition_check.h"

namespace bimip::log_tools {
namespace {

constexpr FilePosition kHeaderEnd(limits::kSectorBytes);

constexpr const char* kGap =
    "the server keeps the bytes and answers these offsets as a gap; put the file back from a "
    "backup "
    "to have them again";
constexpr const char* kNoneLost =
    "no record is lost; keep the file, and put it back from a backup when there is one";
constexpr const char* kContradiction =
    "two files contradict each other, or a program wrote them wrong; keep both and compare with a "
    "backup";

std::string states(const char* who, const char* what, std::uint64_t is, std::uint64_t should_be) {
  return std::string(who) + " states " + what + " " + std::to_string(is) + ", the blocks say " +
         std::to_string(should_be);
}

// The first difference between what a footer states and what the blocks say; empty when none.
std::string difference(const SegmentFooter& is, const SegmentFooter& blocks) {
  constexpr const char* kWho = "the segment's footer";
  if (is.position != blocks.position)
    return states(kWho, "its position", is.position.value(), blocks.position.value());
  if (is.base_offset != blocks.base_offset)
    return states(kWho, "base offset", is.base_offset.value(), blocks.base_offset.value());
  if (is.end_offset != blocks.end_offset)
    return states(kWho, "end offset", is.end_offset.value(), blocks.end_offset.value());
  if (is.first_block != blocks.first_block || is.own_end_block != blocks.own_end_block)
    return states(kWho, "end block", is.own_end_block.value(), blocks.own_end_block.value());
  if (is.record_count != blocks.record_count)
    return states(kWho, "a record count of", is.record_count, blocks.record_count);
  if (is.record_bytes != blocks.record_bytes)
    return states(kWho, "record bytes of", is.record_bytes, blocks.record_bytes);
  if (is.first_timestamp != blocks.first_timestamp || is.last_timestamp != blocks.last_timestamp)
    return "the segment's footer states other times than the blocks";
  if (is.previous != blocks.previous || is.own_last != blocks.own_last)
    return "the segment's footer states another hash than the blocks";
  return {};
}

bool agree(const ManifestSegment& listed, const SegmentFooter& footer) {
  return listed.base_offset == footer.base_offset && listed.end_offset == footer.end_offset &&
         listed.record_count == footer.record_count && listed.record_bytes == footer.record_bytes &&
         listed.first_timestamp == footer.first_timestamp &&
         listed.last_timestamp == footer.last_timestamp && listed.last == footer.last &&
         listed.end_block == footer.end_block && listed.rewrites == footer.rewrites;
}

bool is_sound(const SegmentFacts& facts) { return facts.bad.empty() && facts.odd.empty(); }

}  // namespace

void PartitionCheck::compare_segment(std::size_t segment) {
  const SegmentFacts& facts = *facts_[segment];
  if (is_prepared(segment) && !facts.header && facts.blocks == 0) return judge_prepared(segment);
  compare_start(segment);
  judge_bad(segment);
  judge_odd(segment);
  compare_end(segment);
  if (depth_ == Depth::kRecords) compare_entities(segment);
  if (is_sealed(segment)) {
    compare_index(segment);
  } else {
    compare_checkpoint(segment);
    note_end(segment);
  }
}

void PartitionCheck::judge_missing(std::size_t segment) {
  const SegmentPlace& place = place_.segments[segment];
  OffsetRange offsets;
  if (place.listed) {
    offsets = {.first = place.listed->base_offset,
               .end = std::max(place.listed->base_offset, place.listed->end_offset)};
  }
  if (const auto& checkpoint = tables_[segment].checkpoint)
    offsets.end = std::max(offsets.end, checkpoint->tail.next_offset);
  report({.file = place.path,
          .offsets = offsets,
          .what = errors_[segment]->code == ErrorCode::kNotFound
                      ? "the manifest lists this segment, the file is missing"
                      : errors_[segment]->message,
          .next = "put it back from a backup; until then these offsets are a gap"});
}

// Nothing was ever written into a prepared segment.
void PartitionCheck::judge_prepared(std::size_t segment) {
  const SegmentPlace& place = place_.segments[segment];
  const SegmentFacts& facts = *facts_[segment];
  if (!facts.header_is_zero) {
    report({.file = place.path,
            .from = FilePosition(0),
            .end = kHeaderEnd,
            .what = "the segment was prepared for the next roll and should be zeros: " +
                    facts.header_error,
            .next = "no record is lost: the server clears it when it opens the store"});
  } else if (facts.nonzero_end > FilePosition(0)) {
    report({.verdict = Verdict::kTorn,
            .file = place.path,
            .from = facts.start.position,
            .end = facts.nonzero_end,
            .what = "bytes in a segment that was prepared and never begun",
            .next = "no record is lost: nothing reads them"});
  }
}

void PartitionCheck::compare_start(std::size_t segment) {
  const SegmentPlace& place = place_.segments[segment];
  const SegmentFacts& facts = *facts_[segment];
  if (!facts.header) {
    return report({.file = place.path,
                   .from = FilePosition(0),
                   .end = kHeaderEnd,
                   .what = facts.header_error,
                   .next = "no record is lost by this: what a header says is known from the "
                           "manifest too"});
  }
  const auto wrong = [&](std::string what) {
    report({.file = place.path,
            .from = FilePosition(0),
            .end = kHeaderEnd,
            .what = std::move(what),
            .next = kContradiction});
  };
  const SegmentHeader& header = *facts.header;
  if (place.listed && place.listed->state != SegmentState::kPrepared &&
      header.base_offset != place.listed->base_offset) {
    return wrong("the segment begins at offset " + std::to_string(header.base_offset.value()) +
                 ", the manifest says " + std::to_string(place.listed->base_offset.value()));
  }
  std::optional<LogTail> before;
  if (place.previous && place.previous->state == SegmentState::kSealed) {
    before = LogTail{.next_block = place.previous->end_block,
                     .next_offset = place.previous->end_offset,
                     .previous = place.previous->last};
  } else if (segment > 0 && facts_[segment - 1] && facts_[segment - 1]->footer) {
    const SegmentFooter& footer = *facts_[segment - 1]->footer;
    before = LogTail{
        .next_block = footer.end_block, .next_offset = footer.end_offset, .previous = footer.last};
  } else if (segment > 0 && facts_[segment - 1] && is_sound(*facts_[segment - 1])) {
    before = facts_[segment - 1]->tail;
  }
  if (before && (header.first_block != before->next_block ||
                 header.base_offset != before->next_offset || header.previous != before->previous))
    wrong("the segment does not continue the one before it");
}

void PartitionCheck::judge_bad(std::size_t segment) {
  const SegmentPlace& place = place_.segments[segment];
  const SegmentFacts& facts = *facts_[segment];
  const Offset known = known_durable(segment);
  const Offset durable = std::max(facts.durable, known);
  for (const BadRange& bad : facts.bad) {
    if (bad.from == bad.end && covers(losses_, bad.offsets)) {
      note_known_loss(segment, bad);
      continue;
    }
    Finding finding{.file = place.path,
                    .from = bad.from,
                    .end = bad.end,
                    .offsets = bad.offsets,
                    .what = bad.why,
                    .next = kGap};
    const bool proven = is_sealed(segment) || durable > bad.offsets.first;
    if (proven && !bad.behind) finding.offsets.end = std::max(bad.offsets.first, lost_end(segment));
    if (!proven && bad.whole) {
      finding.what +=
          "; every sector of it arrived, so no power cut explains it, but nothing proves that it "
          "was acknowledged";
      finding.next =
          "put the file back from a backup if there is one; else the server keeps the bytes from "
          "here on in a side file and cuts them off when it next opens the store";
    }
    if (!proven && !bad.whole) {
      finding.verdict = Verdict::kTorn;
      finding.end = std::max(facts.nonzero_end, bad.end);
      finding.offsets.end = finding.offsets.first;
      finding.what = "a write that an unclean stop cut short; nothing above offset " +
                     std::to_string(durable.value()) + " is proven durable";
      finding.next =
          "nothing: when the server next opens the store it keeps the bytes in a side file and "
          "cuts "
          "them off";
    }
    if (finding.offsets.first == finding.offsets.end && finding.verdict == Verdict::kDamage &&
        proven)
      finding.next = kNoneLost;
    const bool is_last = finding.verdict == Verdict::kTorn;
    report(std::move(finding));
    if (is_last) return;
  }
}

void PartitionCheck::note_known_loss(std::size_t segment, const BadRange& bad) {
  report({.verdict = Verdict::kNote,
          .file = place_.segments[segment].path,
          .from = bad.from,
          .offsets = bad.offsets,
          .what = "these records were lost before: a salvage could not bring them back",
          .next = "nothing: readers are answered a gap, and the table of losses keeps it"});
}

void PartitionCheck::judge_odd(std::size_t segment) {
  for (const OddBlock& odd : facts_[segment]->odd) {
    report({.file = place_.segments[segment].path,
            .from = odd.position,
            .end = odd.end,
            .offsets = odd.offsets,
            .what = odd.why,
            .next = "its checksums hold, so a program wrote it so, or an older block was put back; "
                    "keep the file and report it"});
  }
}

void PartitionCheck::compare_end(std::size_t segment) {
  const SegmentPlace& place = place_.segments[segment];
  const SegmentFacts& facts = *facts_[segment];
  const bool must_be_sealed = place.listed && place.listed->state == SegmentState::kSealed;
  if (!facts.footer && !must_be_sealed) return;
  if (must_be_sealed && place.bytes != place.listed->file_bytes) {
    const FilePosition is(place.bytes);
    const FilePosition should_be(place.listed->file_bytes);
    const bool lost = facts.bad.empty() && facts.tail.next_offset < place.listed->end_offset;
    report({.file = place.path,
            .from = std::min(is, should_be),
            .end = std::max(is, should_be),
            .offsets = lost ? OffsetRange{facts.tail.next_offset, place.listed->end_offset}
                            : OffsetRange{},
            .what = "has " + std::to_string(place.bytes) + " bytes, the manifest says " +
                    std::to_string(place.listed->file_bytes),
            .next =
                "put it back from a backup; until then the server answers the whole segment as a "
                "gap"});
  }
  if (!facts.footer) {
    return report({.file = place.path,
                   .from = FilePosition(place.bytes -
                                        std::min<std::uint64_t>(place.bytes, limits::kSectorBytes)),
                   .end = FilePosition(place.bytes),
                   .what = facts.footer_error,
                   .next = kNoneLost});
  }
  const auto wrong = [&](std::string what) {
    report({.file = place.path,
            .from = facts.footer->position,
            .end = facts.footer->position + limits::kSectorBytes,
            .what = std::move(what),
            .next = kContradiction});
  };
  if (must_be_sealed && !agree(*place.listed, *facts.footer))
    wrong("the segment's footer and the manifest contradict each other");
  if (!is_sound(facts) || !facts.header) return;
  const std::string differs =
      difference(*facts.footer, make_footer(*facts.header, facts.tail, facts.totals));
  if (!differs.empty()) wrong(differs);
}

// Behind damage the blocks do not say what the directory should.
void PartitionCheck::compare_entities(std::size_t segment) {
  const SegmentFacts& facts = *facts_[segment];
  if (!is_sound(facts)) return;
  if (is_sealed(segment)) return entities_.compare(place_.segments[segment], facts.entities);
  if (facts.waypoint) entities_.compare(place_.segments[segment], facts.waypoint->entities);
}

void PartitionCheck::compare_index(std::size_t segment) {
  const std::optional<std::vector<std::byte>>& bytes = tables_[segment].index;
  if (!bytes) return;
  const SegmentPlace& place = place_.segments[segment];
  const auto wrong = [&](std::string what) {
    report({.file = place_.folder / file_names::index(place.epoch),
            .from = FilePosition(0),
            .end = FilePosition(bytes->size()),
            .what = std::move(what),
            .next = "nothing is lost: it is derived. Remove it, and the server makes it again from "
                    "the log"});
  };
  SegmentIdentity identity = place_.identity;
  identity.epoch = place.epoch;
  const Result<IndexView> index = IndexView::open(identity, *bytes);
  if (!index) return wrong(index.error().message);
  // Behind damage the entries of a rebuilt index stand elsewhere.
  if (!is_sound(*facts_[segment])) return;
  const std::vector<IndexEntry>& entries = facts_[segment]->index;
  if (index->size() != entries.size())
    return wrong("has " + std::to_string(index->size()) + " entries, the blocks give " +
                 std::to_string(entries.size()));
  for (std::size_t slot = 0; slot < entries.size(); ++slot) {
    if (index->at(slot) != entries[slot])
      return wrong("entry " + std::to_string(slot) + " is not what the blocks give");
  }
}

void PartitionCheck::compare_checkpoint(std::size_t segment) {
  const std::optional<Checkpoint>& checkpoint = tables_[segment].checkpoint;
  if (!checkpoint) return;
  const SegmentPlace& place = place_.segments[segment];
  const SegmentFacts& facts = *facts_[segment];
  const Path path = place_.folder / file_names::checkpoint(place.epoch);
  if (checkpoint->tail.position.value() > place.bytes) {
    return report({.file = place.path,
                   .from = FilePosition(place.bytes),
                   .end = checkpoint->tail.position,
                   .offsets = {std::min(facts.tail.next_offset, checkpoint->tail.next_offset),
                               checkpoint->tail.next_offset},
                   .what = "the file was cut short: its checkpoint knows of more",
                   .next = kGap});
  }
  if (!is_sound(facts)) return;
  const auto wrong = [&](std::string what) {
    report({.file = path,
            .what = std::move(what),
            .next = "keep it and the segment; without it the server reads the whole segment"});
  };
  if (!facts.waypoint) return wrong("states an end where no block ends");
  if (facts.waypoint->tail != checkpoint->tail)
    return wrong("states another end of the log than the blocks at its position");
  if (facts.waypoint->totals != checkpoint->totals)
    return wrong("states other totals than the blocks before its position");
  const std::size_t entries = facts.waypoint->index_entries;
  if (checkpoint->index.size() != entries ||
      !std::equal(checkpoint->index.begin(), checkpoint->index.end(), facts.index.begin()))
    wrong("states another index than the blocks before its position");
}

void PartitionCheck::note_end(std::size_t segment) {
  const SegmentFacts& facts = *facts_[segment];
  const auto& checkpoint = tables_[segment].checkpoint;
  const bool cut_short =
      checkpoint && checkpoint->tail.position.value() > place_.segments[segment].bytes;
  const bool ended_well = facts.blocks == 0 || facts.witnessed || facts.footer || cut_short;
  if (ended_well || is_live() || !is_sound(facts)) return;
  report({.verdict = Verdict::kNote,
          .file = place_.segments[segment].path,
          .from = facts.tail.position,
          .what = "the log was not closed: offsets from " + std::to_string(facts.durable.value()) +
                  " to " + std::to_string(facts.tail.next_offset.value()) +
                  " are whole, and nothing vouches that they were durable",
          .next = "nothing: the server takes them when it next opens the store"});
}

}  // namespace bimip::log_tools
