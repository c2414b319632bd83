#include "engine/partition/partition.h"

#include "engine/partition/writer_loop.h"

namespace bimip::engine {

Partition::Partition(Parts parts, SegmentKeeper::Place place, const TopicConfig& config)
    : loop_(parts.loop),
      place_(std::move(place)),
      config_(config),
      reader_(parts.reader, place_.folder, place_.partition) {}

void Partition::append(AppendRequest& request) {
  if (unusable_) return request.on_appended(std::unexpected(*unusable_));
  if (Status good = check(request); !good)
    return request.on_appended(std::unexpected(std::move(good.error())));
  const std::size_t before =
      pending_bytes_.fetch_add(request.payload_bytes_, std::memory_order_relaxed);
  if (before > 0 && before + request.payload_bytes_ > limits::kPendingBytesMax) {
    took(request);
    return request.on_appended(
        fail(ErrorCode::kBusy, "the partition has as many bytes waiting as it may"));
  }
  request.target_ = this;
  loop_.push(request);
}

Status Partition::check(AppendRequest& request) {
  if (request.records.empty())
    return fail(ErrorCode::kInvalidArgument, "an append needs at least one record");
  std::size_t bytes = 0;
  for (const RecordFields& record : request.records) {
    if (Status good = validate(record); !good) return good;
    bytes += encoded_record_bytes(record);
  }
  if (bytes > limits::kBlockBytesMax - kBlockHeaderBytes) {
    return fail(ErrorCode::kTooLarge,
                "the records of one append take " + std::to_string(bytes) +
                    " bytes together; at most " +
                    std::to_string(limits::kBlockBytesMax - kBlockHeaderBytes) + " are taken");
  }
  request.payload_bytes_ = bytes;
  return {};
}

void Partition::open(WriterParts parts, RecoveredPartition recovered) {
  told_ = recovered.tail.next_offset;
  writer_ =
      std::make_unique<PartitionWriter>(std::move(parts), config_, std::move(recovered), reader_);
}

void Partition::watch(Watcher& watcher) {
  const MutexLock lock(mutex_);
  watchers_.push_back(&watcher);
  watched_.store(true, std::memory_order_release);
}

void Partition::unwatch(Watcher& watcher) {
  const MutexLock lock(mutex_);
  std::erase(watchers_, &watcher);
  watched_.store(!watchers_.empty(), std::memory_order_release);
}

void Partition::notify_watchers() {
  const Offset visible = writer_->visible_end();
  if (visible == told_) return;
  told_ = visible;
  if (!watched_.load(std::memory_order_acquire)) return;
  const MutexLock lock(mutex_);
  for (Watcher* watcher : watchers_) {
    watcher->on_advanced(place_.partition.topic, place_.partition.partition, visible);
  }
}

}  // namespace bimip::engine
