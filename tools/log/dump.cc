#include "tools/log/dump.h"

#include <algorithm>

#include "engine/format/segment_index.h"
#include "tools/log/block_walk.h"
#include "tools/log/partition_check.h"

namespace bimip::log_tools {
namespace {

class Dumper {
 public:
  Dumper(const Inventory& inventory, const DumpRequest& request)
      : inventory_(inventory), request_(request) {}

  Status run() {
    for (const PartitionPlace& partition : inventory_.partitions) {
      for (const SegmentPlace& segment : partition.segments) {
        if (stopped_) return {};
        if (!is_wanted(segment)) continue;
        if (Status done = dump_segment(partition, segment); !done) return done;
      }
    }
    return {};
  }

 private:
  const RecordFilter& filter() const { return request_.filter; }

  // Whether a sealed segment can hold what is asked for, as the manifest knows it.
  bool is_wanted(const SegmentPlace& segment) const {
    if (!segment.listed || segment.listed->state != SegmentState::kSealed) return true;
    const ManifestSegment& listed = *segment.listed;
    return listed.end_offset > filter().offsets.first &&
           listed.base_offset < filter().offsets.end &&
           (!filter().since || listed.last_timestamp >= *filter().since) &&
           (!filter().until || listed.first_timestamp < *filter().until);
  }

  // Where to begin: the index is only asked, damage behind it is met all the same.
  FilePosition begin_of(const PartitionPlace& partition, const SegmentPlace& segment,
                        const SegmentIdentity& identity) const {
    const FilePosition first(limits::kSectorBytes);
    if (filter().offsets.first == Offset(0) || !segment.listed) return first;
    const auto bytes =
        read_whole(partition.folder / file_names::index(segment.epoch), kTableBytesMax);
    if (!bytes) return first;
    const Result<IndexView> index = IndexView::open(identity, *bytes);
    if (!index) return first;
    const std::optional<IndexEntry> entry = index->find(filter().offsets.first);
    return entry ? entry->position : first;
  }

  Status dump_segment(const PartitionPlace& partition, const SegmentPlace& segment) {
    SegmentIdentity identity = partition.identity;
    identity.epoch = segment.epoch;
    Result<std::shared_ptr<const ReadOnlyFile>> file = open_segment(segment, ReadVia::kPageCache);
    if (!file && file.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(file.error()));
    if (!file) return judge(partition, segment);
    const bool is_sealed = segment.listed && segment.listed->state == SegmentState::kSealed;
    const std::uint64_t footer = is_sealed ? limits::kSectorBytes : 0;
    BlockWalk walk({.file = **file,
                    .segment = identity,
                    .from = begin_of(partition, segment, identity),
                    .end = FilePosition((*file)->bytes() - std::min((*file)->bytes(), footer))});
    judged_ = false;
    blocks_end_ = FilePosition((*file)->bytes());
    while (!walk.at_end() && walk.position() < blocks_end_ && !stopped_) {
      const Result<BlockWalk::Found> block = walk.next();
      if (block && block->header.base_offset >= filter().offsets.end) return {};
      if (block) {
        show(partition, *block);
        continue;
      }
      if (block.error().code == ErrorCode::kIo) return std::unexpected(block.error());
      if (Status done = judge(partition, segment); !done) return done;
      Result<std::optional<BlockHeader>> good = walk.resync();
      if (!good) return std::unexpected(std::move(good.error()));
      if (!*good) return {};
    }
    return {};
  }

  void show(const PartitionPlace& partition, const BlockWalk::Found& block) {
    RecordCursor records(block.header, block.bytes);
    while (!records.done() && !stopped_) {
      const Result<Record> record = records.next();
      if (!record) {
        request_.on_finding({.file = partition.folder,
                             .topic = partition.topic,
                             .partition = partition.identity.partition,
                             .from = block.header.position,
                             .end = block.header.position + block.header.block_bytes,
                             .offsets = {block.header.base_offset, block.header.end_offset()},
                             .what = record.error().message,
                             .next = "its checksums hold, so a program wrote it so"});
        return;
      }
      if (!filter().matches(*record)) continue;
      if (request_.count_max && shown_ >= *request_.count_max) {
        stopped_ = true;
        return;
      }
      ++shown_;
      if (request_.on_record(partition, *record) == GoOn::kNo) stopped_ = true;
    }
    if (request_.count_max && shown_ >= *request_.count_max) stopped_ = true;
  }

  // Once a segment: everything that is wrong with its blocks, and where a torn tail begins.
  Status judge(const PartitionPlace& partition, const SegmentPlace& segment) {
    if (judged_ && judged_path_ == segment.path) return {};
    judged_ = true;
    judged_path_ = segment.path;
    Result<std::vector<Finding>> findings = judge_segment(partition, segment);
    if (!findings) return std::unexpected(std::move(findings.error()));
    for (const Finding& finding : *findings) {
      if (finding.verdict == Verdict::kNote) continue;
      if (finding.verdict == Verdict::kTorn) blocks_end_ = *finding.from;
      request_.on_finding(finding);
    }
    return {};
  }

  const Inventory& inventory_;
  const DumpRequest& request_;
  std::uint64_t shown_ = 0;
  bool stopped_ = false;
  bool judged_ = false;
  Path judged_path_{};
  FilePosition blocks_end_{};
};

bool has_header(const Record& record, const RecordFilter::HeaderIs& wanted) {
  const Result<std::vector<Header>> headers = decode_headers(record.headers);
  return headers && std::ranges::any_of(*headers, [&](const Header& header) {
           return header.name == wanted.name && as_text(header.value) == wanted.value;
         });
}

}  // namespace

bool RecordFilter::matches(const Record& record) const {
  return record.offset >= offsets.first && record.offset < offsets.end &&
         (!since || record.timestamp >= *since) && (!until || record.timestamp < *until) &&
         (!key || as_text(record.key) == *key) &&
         std::ranges::all_of(
             headers, [&](const HeaderIs& wanted) { return has_header(record, wanted); });
}

Status dump_records(const Inventory& inventory, const DumpRequest& request) {
  return Dumper(inventory, request).run();
}

Result<std::vector<Finding>> judge_segment(const PartitionPlace& partition,
                                           const SegmentPlace& segment) {
  PartitionPlace alone = partition;
  std::erase_if(alone.segments, [&](const SegmentPlace& other) {
    // A segment that was begun behind this one proves that this one was durable.
    const bool is_prepared = other.listed && other.listed->state == SegmentState::kPrepared;
    return other.path != segment.path && !is_prepared;
  });
  PartitionCheck check(alone, Depth::kBlocks);
  std::atomic<std::uint64_t> bytes_read{0};
  for (std::size_t i = 0; i < check.size(); ++i)
    check.set_facts(i, check_segment(check.task(i, bytes_read)));
  Result<std::vector<Finding>> findings = check.compare();
  if (findings) {
    std::erase_if(*findings, [&](const Finding& finding) { return finding.file != segment.path; });
  }
  return findings;
}

}  // namespace bimip::log_tools
