#include "tools/log/freeable.h"

#include <algorithm>
#include <queue>

#include "engine/partition/entity_retention.h"
#include "engine/segment/entity_directories.h"

namespace bimip::log_tools {
namespace {

// A sealed segment that stays, its directory, and what of it goes.
struct Counted {
  ManifestSegment segment{};
  std::shared_ptr<const EntityDirectories> directories{};
  bool is_old = false;
  std::uint64_t gone = 0;

  [[nodiscard]] const EntityDirectoryView& view() const { return directories->views().front(); }
};

// The next entity of a directory: lowest hash first, of one hash the newest segment first.
struct Head {
  EntityHash hash{};
  std::size_t segment = 0;
  std::size_t slot = 0;
  friend bool operator>(const Head& a, const Head& b) {
    return a.hash != b.hash ? a.hash > b.hash : a.segment < b.segment;
  }
};

// Goes over all directories at once by rising hash; keeps of each entity what its topic says.
void count_superseded(const TopicConfig& config, std::vector<Counted>& segments) {
  const bool only_newest = config.compaction == Compaction::kNewest;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  const auto push = [&](Head head) {
    if (head.slot == segments[head.segment].view().size()) return;
    head.hash = segments[head.segment].view().at(head.slot).hash();
    heads.push(head);
  };
  for (std::size_t i = 0; i < segments.size(); ++i) push({.hash = {}, .segment = i, .slot = 0});
  while (!heads.empty()) {
    const EntityHash hash = heads.top().hash;
    std::uint64_t kept = 0;
    while (!heads.empty() && heads.top().hash == hash) {
      Head head = heads.top();
      heads.pop();
      Counted& counted = segments[head.segment];
      const std::uint64_t there = counted.view().at(head.slot).size();
      std::uint64_t most =
          config.entity_records_max == 0 ? ~std::uint64_t{0} : config.entity_records_max;
      if (only_newest || counted.is_old) most = 1;
      const std::uint64_t stay = std::min(there, most - std::min(most, kept));
      kept += stay;
      counted.gone += there - stay;
      ++head.slot;
      push(head);
    }
  }
}

Status take_superseded(Device& device, const PartitionPlace& place, const TopicConfig& config,
                       Offset start, Timestamp now, Freeable& freeable) {
  std::vector<Counted> segments;
  for (const ManifestSegment& segment : place.manifest->segments) {
    if (segment.state != SegmentState::kSealed || segment.end_offset <= start) continue;
    SegmentIdentity identity = place.identity;
    identity.epoch = segment.epoch;
    Result<std::shared_ptr<const EntityDirectories>> directories = EntityDirectories::open(
        device, place.folder / file_names::entities(segment.epoch), identity);
    if (!directories && directories.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(directories.error()));
    if (!directories || (*directories)->views().empty()) continue;
    segments.push_back({.segment = segment,
                        .directories = std::move(*directories),
                        .is_old = is_old(segment, config, now)});
  }
  count_superseded(config, segments);
  for (const Counted& counted : segments) {
    if (counted.gone == 0) continue;
    freeable.superseded_records += counted.gone;
    freeable.superseded_bytes +=
        counted.segment.record_bytes / counted.segment.record_count * counted.gone;
  }
  return {};
}

}  // namespace

Result<Freeable> take_freeable(Device& device, const PartitionPlace& place, Timestamp now,
                               std::uint64_t active_bytes) {
  Freeable freeable;
  if (!place.manifest || !place.config) return freeable;
  const TopicConfig& config = place.config->config;
  const Offset start =
      retained_start(*place.manifest, config, {.now = now, .active_bytes = active_bytes});
  for (const ManifestSegment& segment : place.manifest->segments) {
    if (segment.state != SegmentState::kSealed || segment.end_offset > start) break;
    ++freeable.retention_segments;
    freeable.retention_records += segment.record_count;
    freeable.retention_bytes += segment.file_bytes;
  }
  if (config.compaction == Compaction::kNewest || limits_entities(config)) {
    if (Status done = take_superseded(device, place, config, start, now, freeable); !done)
      return std::unexpected(std::move(done.error()));
  }
  freeable.waits_for_cursors =
      config.retention_floor == RetentionFloor::kCursors && freeable.bytes() > 0;
  return freeable;
}

void add(Freeable& sum, const Freeable& part) {
  sum.retention_segments += part.retention_segments;
  sum.retention_records += part.retention_records;
  sum.retention_bytes += part.retention_bytes;
  sum.superseded_records += part.superseded_records;
  sum.superseded_bytes += part.superseded_bytes;
  sum.waits_for_cursors = sum.waits_for_cursors || part.waits_for_cursors;
}

}  // namespace bimip::log_tools
