#include "tools/log/diff/partition_diff.h"

#include <algorithm>

#include "tools/log/dump.h"
#include "tools/log/record_digest.h"
#include "tools/log/segment_probe.h"
#include "tools/log/stat.h"

namespace bimip::log_tools {
namespace {

// Compared at once: what it takes of memory is two digests for each.
constexpr std::uint64_t kOffsetsAtOnce = 1'000'000;

struct Digest {
  Offset offset{};
  Hash128 hash{};
};

// A sealed segment that says what its chain ends in.
struct Sealed {
  OffsetRange offsets{};
  SegmentFooter footer{};
};

std::vector<Sealed> sealed_segments(const PartitionPlace& partition) {
  std::vector<Sealed> sealed;
  for (const SegmentPlace& segment : partition.segments) {
    const Result<Probe> probe = probe_segment(segment.path);
    if (!probe || !probe->footer || !probe->has_header) continue;
    sealed.push_back({.offsets = {probe->footer->base_offset, probe->footer->end_offset},
                      .footer = *probe->footer});
  }
  return sealed;
}

class Comparer {
 public:
  explicit Comparer(const PartitionPair& pair) : pair_(pair) {
    found_.difference.topic = pair.first.topic;
    found_.difference.partition = pair.first.identity.partition;
  }

  Result<PartitionComparison> run() {
    if (Status done = measure(); !done) return std::unexpected(std::move(done.error()));
    find_equal();
    Offset at = std::min(difference().first_offsets.first, difference().second_offsets.first);
    const Offset end = std::max(difference().first_offsets.end, difference().second_offsets.end);
    while (at < end) {
      const auto equal = std::ranges::find(equal_, at, &OffsetRange::first);
      if (equal != equal_.end() && equal->end > at) {
        at = equal->end;
        continue;
      }
      const Offset until = std::min({end, next_equal(at), at + kOffsetsAtOnce});
      if (Status done = compare_records({at, until}); !done)
        return std::unexpected(std::move(done.error()));
      at = until;
    }
    return std::move(found_);
  }

 private:
  PartitionDifference& difference() { return found_.difference; }

  static Inventory alone(const Inventory& store, const PartitionPlace& partition) {
    Inventory inventory;
    inventory.root = store.root;
    inventory.scope = Scope::kPartition;
    inventory.data_directory = store.data_directory;
    inventory.catalog = store.catalog;
    inventory.partitions = {partition};
    return inventory;
  }

  Status measure() {
    first_ = alone(pair_.first_store, pair_.first);
    second_ = alone(pair_.second_store, pair_.second);
    const Result<StatReport> first = take_stat(first_);
    if (!first) return std::unexpected(first.error());
    const Result<StatReport> second = take_stat(second_);
    if (!second) return std::unexpected(second.error());
    difference().first_offsets = first->partitions.front().offsets;
    difference().second_offsets = second->partitions.front().offsets;
    return {};
  }

  // Footers that state the same chain, of the same segment, over the same blocks.
  void find_equal() {
    const std::vector<Sealed> theirs = sealed_segments(pair_.second);
    for (const Sealed& own : sealed_segments(pair_.first)) {
      const bool is_equal = std::ranges::any_of(
          theirs, [&](const Sealed& other) { return other.footer == own.footer; });
      if (!is_equal || own.offsets.first == own.offsets.end) continue;
      equal_.push_back(own.offsets);
      ++difference().segments_equal;
    }
  }
  Offset next_equal(Offset at) const {
    Offset next(~std::uint64_t{0});
    for (const OffsetRange& range : equal_) {
      if (range.first > at) next = std::min(next, range.first);
    }
    return next;
  }

  Result<std::vector<Digest>> digests(const Inventory& inventory, OffsetRange range) {
    std::vector<Digest> digests;
    const Status done = dump_records(
        inventory, {.filter = {.offsets = range},
                    .on_record =
                        [&](const PartitionPlace&, const Record& record) {
                          digests.push_back({.offset = record.offset, .hash = digest_of(record)});
                          return GoOn::kYes;
                        },
                    .on_finding =
                        [&](const Finding& finding) {
                          if (finding.verdict == Verdict::kDamage) note(finding);
                        }});
    if (!done) return std::unexpected(done.error());
    return digests;
  }
  // A segment's damage is met once for each part of it that is read.
  void note(const Finding& finding) {
    const auto is_same = [&](const Finding& other) {
      return other.file == finding.file && other.from == finding.from && other.what == finding.what;
    };
    if (std::ranges::none_of(found_.findings, is_same)) found_.findings.push_back(finding);
  }

  Status compare_records(OffsetRange range) {
    const Result<std::vector<Digest>> first = digests(first_, range);
    if (!first) return std::unexpected(first.error());
    const Result<std::vector<Digest>> second = digests(second_, range);
    if (!second) return std::unexpected(second.error());
    auto a = first->begin();
    auto b = second->begin();
    while (a != first->end() || b != second->end()) {
      ++difference().records_compared;
      if (b == second->end() || (a != first->end() && a->offset < b->offset)) {
        ++difference().only_in_first;
        differs((a++)->offset, "is only in the first");
      } else if (a == first->end() || b->offset < a->offset) {
        ++difference().only_in_second;
        differs((b++)->offset, "is only in the second");
      } else {
        if (a->hash != b->hash) {
          ++difference().changed;
          differs(a->offset, "is another record in the second");
        }
        ++a;
        ++b;
      }
    }
    return {};
  }

  void differs(Offset offset, const char* what) {
    if (difference().first_difference) return;
    difference().first_difference = offset;
    difference().what = what;
  }

  const PartitionPair& pair_;
  Inventory first_;
  Inventory second_;
  std::vector<OffsetRange> equal_;
  PartitionComparison found_;
};

}  // namespace

Result<PartitionComparison> compare_partitions(const PartitionPair& pair) {
  return Comparer(pair).run();
}

}  // namespace bimip::log_tools
