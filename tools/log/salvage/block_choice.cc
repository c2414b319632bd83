#include "tools/log/salvage/block_choice.h"

#include <algorithm>
#include <iterator>

namespace bimip::log_tools {
namespace {

using Log = std::map<Offset, Candidate>;

const BlockHeader& header_of(const Candidate& candidate) { return candidate.block->header; }

class Chooser {
 public:
  explicit Chooser(const PartitionEvidence& evidence) : evidence_(evidence) {
    for (const Candidate& candidate : evidence.blocks)
      vouched_.insert(header_of(candidate).previous);
    for (const SegmentHeader* header : evidence.headers) vouched_.insert(header->previous);
    for (const SegmentFooter* footer : evidence.footers)
      vouched_.insert({footer->previous, footer->own_last, footer->last});
    for (const Checkpoint* checkpoint : evidence.checkpoints)
      vouched_.insert(checkpoint->tail.previous);
    if (evidence.manifest != nullptr) {
      for (const ManifestSegment& segment : evidence.manifest->segments)
        vouched_.insert(segment.last);
    }
  }

  Choice run() {
    std::vector<Candidate> order = evidence_.blocks;
    std::ranges::stable_sort(order, [](const Candidate& a, const Candidate& b) {
      const auto rank = [](const Candidate& c) {
        return std::tuple(c.standing, ~header_of(c).identity.epoch.value(),
                          header_of(c).base_offset);
      };
      return rank(a) < rank(b);
    });
    for (const Candidate& candidate : order) {
      if (header_of(candidate).offset_span > 0) consider(candidate);
    }
    return std::move(choice_);
  }

 private:
  // Those of the log that share offsets with it.
  std::vector<Candidate> overlapping(const Candidate& candidate) const {
    std::vector<Candidate> found;
    const Offset first = header_of(candidate).base_offset;
    auto at = choice_.log.upper_bound(first);
    if (at != choice_.log.begin()) --at;
    for (; at != choice_.log.end() && at->first < header_of(candidate).end_offset(); ++at) {
      if (header_of(at->second).end_offset() > first) found.push_back(at->second);
    }
    return found;
  }

  void consider(const Candidate& candidate) {
    const std::vector<Candidate> others = overlapping(candidate);
    const bool is_cut_off = candidate.standing == Standing::kCutOff;
    if (others.empty() && !is_cut_off && !is_disputed(candidate)) {
      choice_.log.emplace(header_of(candidate).base_offset, candidate);
      return;
    }
    if (std::ranges::any_of(others, [&](const Candidate& o) { return is_same(o, candidate); }))
      return;
    if (is_cut_off) {
      if (others.empty()) doubt(candidate, "recovery had cut it off: it was never acknowledged");
      return;
    }
    if (others.empty()) return doubt(candidate, kDisputed);
    settle(candidate, others);
  }

  // The same records: a copy of the file, or the block as it was before its segment was renamed.
  static bool is_same(const Candidate& a, const Candidate& b) {
    const BlockHeader& x = header_of(a);
    const BlockHeader& y = header_of(b);
    return x.base_offset == y.base_offset && x.offset_span == y.offset_span &&
           x.payload_checksum == y.payload_checksum;
  }

  bool is_vouched(const Candidate& candidate) const {
    return vouched_.contains(header_of(candidate).checksum);
  }

  void settle(const Candidate& candidate, const std::vector<Candidate>& others) {
    // A segment's file was written anew, and one of its lives counts.
    const auto is_other_life = [&](const Candidate& other) {
      const Epoch theirs = header_of(other).identity.epoch;
      const Epoch own = header_of(candidate).identity.epoch;
      return theirs > own || (theirs < own && other.standing == Standing::kListed);
    };
    if (std::ranges::all_of(others, is_other_life)) {
      ++choice_.superseded;
      return;
    }
    const auto is_better = [&](const Candidate& other) {
      return other.standing < candidate.standing;
    };
    if (std::ranges::any_of(others, is_better))
      return doubt(candidate, "another block of these offsets stands where it belongs");
    const bool other_vouched =
        std::ranges::any_of(others, [&](const Candidate& o) { return is_vouched(o); });
    if (other_vouched && !is_vouched(candidate))
      return doubt(candidate, "another block of these offsets is the one that later ones continue");
    for (const Candidate& other : others) {
      choice_.log.erase(header_of(other).base_offset);
      doubt(other, is_vouched(candidate) && !other_vouched
                       ? "another block of these offsets is the one that later ones continue"
                       : kDisputed);
    }
    if (is_vouched(candidate) && !other_vouched) {
      choice_.log.emplace(header_of(candidate).base_offset, candidate);
      return;
    }
    for (const Candidate& other : others) disputed_.push_back(range_of(other));
    disputed_.push_back(range_of(candidate));
    doubt(candidate, kDisputed);
  }

  static OffsetRange range_of(const Candidate& candidate) {
    return {.first = header_of(candidate).base_offset, .end = header_of(candidate).end_offset()};
  }
  bool is_disputed(const Candidate& candidate) const {
    const OffsetRange range = range_of(candidate);
    return std::ranges::any_of(disputed_, [&](const OffsetRange& other) {
      return range.first < other.end && other.first < range.end;
    });
  }

  void doubt(const Candidate& candidate, std::string why) {
    choice_.doubts.push_back({.block = candidate.block, .why = std::move(why)});
  }

  static constexpr const char* kDisputed =
      "several blocks claim these offsets, and nothing says which of them is the log's";

  const PartitionEvidence& evidence_;
  std::unordered_set<Hash128> vouched_;
  std::vector<OffsetRange> disputed_;
  Choice choice_;
};

}  // namespace

Choice choose_blocks(const PartitionEvidence& evidence) { return Chooser(evidence).run(); }

}  // namespace bimip::log_tools
