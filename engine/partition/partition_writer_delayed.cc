// Records that are held until their time: read again when it has come, and appended like any other.
#include <unordered_map>
#include <unordered_set>

#include "engine/partition/partition.h"
#include "engine/partition/partition_writer.h"
#include "engine/partition/release.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kReleaseRecords = 512;
constexpr std::size_t kReleaseBytes = limits::kCommitPayloadBytes / 2;

// Puts the held records at `due` into the release, earliest first.
void collect(const PartitionReader& reader, const std::vector<Offset>& due, Release& release) {
  const std::unordered_set<Offset> wanted(due.begin(), due.end());
  std::unordered_map<Offset, Record> found;
  std::unordered_set<Offset> unreadable;
  for (const Offset offset : due) {
    if (found.contains(offset)) continue;
    Result<RecordBatch> batch = reader.read_disk(offset, limits::kIndexStrideBytes);
    if (!batch) {
      const ErrorCode code = batch.error().code;
      if (code != ErrorCode::kDamaged && code != ErrorCode::kOutOfRange) unreadable.insert(offset);
      continue;
    }
    // What a block's own checksum lets through is read as far as it goes.
    (void)batch->for_each([&](const Record& record) {
      if (record.not_before && wanted.contains(record.offset)) found.emplace(record.offset, record);
    });
    release.keep(std::move(*batch));
  }
  for (const Offset offset : due) {
    const auto record = found.find(offset);
    if (unreadable.contains(offset) || release.bytes >= kReleaseBytes) {
      release.later.push_back(offset);
    } else if (record == found.end()) {
      release.lost.push_back(offset);
    } else {
      release.add(record->second);
    }
  }
}

}  // namespace

void PartitionWriter::release_due() {
  if (releasing_ || degraded_ || closing_ || delayed_.empty()) return;
  const std::vector<Offset> due = delayed_.take_due(parts_.clock.now(), kReleaseRecords);
  if (due.empty()) return;
  releasing_ = true;
  auto release = std::make_shared<std::unique_ptr<Release>>(
      std::make_unique<Release>([this](Release& done, bool stored) { released(done, stored); }));
  run_job({.work = [&reader = reader_, due, release]() -> Status {
             collect(reader, due, **release);
             return {};
           },
           .done =
               [this, release](const Status&) {
                 Release* ready = release->release();
                 for (const Offset offset : ready->later) delayed_.put_back(offset);
                 for (const Offset offset : ready->lost) delayed_.drop(offset);
                 parts_.troubles.delayed_lost += ready->lost.size();
                 if (ready->empty()) return released(*ready, true);
                 ready->ready();
                 parts_.partition.append_own(*ready);
               }});
}

// Not stored: there was no room, or the writer is in trouble; then a recovery finds them pending.
void PartitionWriter::released(Release& release, bool stored) {
  releasing_ = false;
  if (!stored) {
    for (const Offset offset : release.offsets) delayed_.put_back(offset);
  }
  delete &release;
}

}  // namespace bimip::engine
