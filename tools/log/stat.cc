#include "tools/log/stat.h"

#include <algorithm>
#include <set>

#include "engine/device/posix_device.h"
#include "engine/format/log_tail.h"
#include "engine/format/producer_state.h"
#include "engine/format/segment_header.h"
#include "tools/log/block_walk.h"

namespace bimip::log_tools {
namespace {

SegmentStat of_manifest(const SegmentPlace& place) {
  const ManifestSegment& listed = *place.listed;
  return {.epoch = place.epoch,
          .state = listed.state,
          .offsets = {listed.base_offset, listed.end_offset},
          .records = listed.record_count,
          .payload_bytes = listed.record_bytes,
          .used_bytes = listed.file_bytes,
          .disk_bytes = place.disk_bytes,
          .first_timestamp = listed.first_timestamp,
          .last_timestamp = listed.last_timestamp};
}

// A growing segment, or one that no manifest lists: its blocks, from its checkpoint on.
Result<SegmentStat> of_blocks(const PartitionPlace& partition, const SegmentPlace& place) {
  SegmentIdentity identity = partition.identity;
  identity.epoch = place.epoch;
  SegmentStat stat{.epoch = place.epoch, .disk_bytes = place.disk_bytes};
  if (place.listed) stat.state = place.listed->state;
  Result<std::shared_ptr<const ReadOnlyFile>> file = open_segment(place, ReadVia::kPageCache);
  if (!file) return std::unexpected(std::move(file.error()));

  BlockWalk walk({.file = **file,
                  .segment = identity,
                  .from = FilePosition(limits::kSectorBytes),
                  .end = FilePosition((*file)->bytes())});
  Offset base = place.listed ? place.listed->base_offset : Offset(0);
  Result<Bytes> sector = walk.look(FilePosition(0), limits::kSectorBytes);
  if (!sector) return std::unexpected(std::move(sector.error()));
  if (const Result<SegmentHeader> header = decode_segment_header(*sector))
    base = header->base_offset;
  Checkpoint from{.tail = {.position = FilePosition(limits::kSectorBytes), .next_offset = base}};
  if (const auto bytes =
          read_whole(partition.folder / file_names::checkpoint(place.epoch), kTableBytesMax)) {
    Result<Checkpoint> checkpoint = decode_checkpoint(identity, *bytes);
    if (checkpoint && checkpoint->tail.position.value() <= place.bytes)
      from = std::move(*checkpoint);
  }
  walk.seek(from.tail.position);
  while (true) {
    const Result<std::optional<BlockWalk::Found>> block = walk.next_good();
    if (!block) return std::unexpected(block.error());
    if (!*block) break;
    from.tail.advance((*block)->header);
    from.totals.add((*block)->header);
  }
  stat.offsets = {base, from.tail.next_offset};
  stat.records = from.totals.record_count;
  stat.payload_bytes = from.totals.record_bytes;
  stat.used_bytes = std::min(from.tail.position.value(), place.bytes);
  stat.first_timestamp = from.totals.first_timestamp;
  stat.last_timestamp = from.totals.last_timestamp;
  return stat;
}

void add(SegmentStat& total, const SegmentStat& part) {
  if (part.records > 0) {
    if (total.records == 0) total.first_timestamp = part.first_timestamp;
    total.first_timestamp = std::min(total.first_timestamp, part.first_timestamp);
    total.last_timestamp = std::max(total.last_timestamp, part.last_timestamp);
  }
  total.records += part.records;
  total.payload_bytes += part.payload_bytes;
  total.used_bytes += part.used_bytes;
  total.disk_bytes += part.disk_bytes;
}

Result<PartitionStat> take_partition(Device& device, const PartitionPlace& place, Timestamp now) {
  PartitionStat stat{.topic = place.topic, .partition = place.identity.partition};
  std::optional<Offset> start;
  Offset end(0);
  for (const SegmentPlace& segment : place.segments) {
    const bool is_sealed = segment.listed && segment.listed->state == SegmentState::kSealed;
    const bool is_empty = segment.listed && segment.listed->state == SegmentState::kPrepared;
    SegmentStat part = segment.listed ? of_manifest(segment) : SegmentStat{.epoch = segment.epoch};
    part.used_bytes = is_empty ? 0 : part.used_bytes;
    if (!is_sealed && segment.exists) {
      Result<SegmentStat> read = of_blocks(place, segment);
      if (!read) return std::unexpected(std::move(read.error()));
      if (!is_empty || read->records > 0) part = *read;
    }
    add(stat.total, part);
    if (!is_empty || part.records > 0) {
      start = std::min(start.value_or(part.offsets.first), part.offsets.first);
      end = std::max(end, part.offsets.end);
    }
    stat.segments.push_back(part);
  }
  stat.total.disk_bytes += place.other_disk_bytes;
  if (place.manifest && place.manifest->segments.size() == place.segments.size())
    start = std::max(start.value_or(Offset(0)), place.manifest->log_start);
  stat.offsets = {start.value_or(Offset(0)), std::max(end, start.value_or(Offset(0)))};
  stat.total.offsets = stat.offsets;
  std::uint64_t active_bytes = 0;
  for (const SegmentStat& segment : stat.segments) {
    if (segment.state == SegmentState::kActive) active_bytes = segment.used_bytes;
  }
  Result<Freeable> freeable = take_freeable(device, place, now, active_bytes);
  if (!freeable) return std::unexpected(std::move(freeable.error()));
  stat.freeable = *freeable;
  return stat;
}

}  // namespace

Result<StatReport> take_stat(const Inventory& inventory, Timestamp now) {
  StatReport report;
  const std::unique_ptr<Device> device = make_posix_device();
  std::set<std::string> topics;
  if (inventory.catalog && inventory.scope == Scope::kStore) {
    for (const CatalogTopic& topic : inventory.catalog->topics) topics.insert(topic.name);
  }
  for (const PartitionPlace& place : inventory.partitions) {
    Result<PartitionStat> partition = take_partition(*device, place, now);
    if (!partition) return std::unexpected(std::move(partition.error()));
    add(report.total, partition->total);
    add(report.freeable, partition->freeable);
    report.segments += partition->segments.size();
    topics.insert(place.topic);
    report.partitions.push_back(std::move(*partition));
  }
  report.spare_disk_bytes = inventory.spare_disk_bytes;
  report.topics = topics.size();
  std::ranges::stable_sort(report.partitions, std::greater(),
                           [](const PartitionStat& stat) { return stat.total.disk_bytes; });
  for (const Finding& finding : inventory.findings) {
    if (finding.verdict == Verdict::kDamage) report.findings.push_back(finding);
  }
  for (const PartitionPlace& place : inventory.partitions) {
    for (const SegmentPlace& segment : place.segments) {
      if (segment.exists) continue;
      report.findings.push_back({.file = segment.path,
                                 .topic = place.topic,
                                 .partition = place.identity.partition,
                                 .what = "the manifest lists this segment, the file is missing",
                                 .next = "run bimip log verify"});
    }
  }
  return report;
}

}  // namespace bimip::log_tools
