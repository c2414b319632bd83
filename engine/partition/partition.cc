#include "engine/partition/partition.h"

#include <map>
#include <span>
#include <string>

#include "engine/partition/writer_loop.h"

namespace bimip::engine {
namespace {

// A keyed record gets its place in its entity.
RecordFields as_stored(const RecordFields& record) {
  RecordFields stored = record;
  stored.entity.reset();
  if (!stored.key.empty()) stored.entity = EntityLink{.increment = IncrementId(1)};
  return stored;
}

// That it can be released, when it is to be held.
Status check_times(const RecordFields& record) {
  if (held_at(record))
    return fail(ErrorCode::kInvalidArgument, "this producer's id is the log's own");
  if (!is_held(record)) return {};
  if (record.expires_at && *record.expires_at <= *record.not_before)
    return fail(ErrorCode::kInvalidArgument, "the record would expire before its time has come");
  RecordFields released = record;
  released.producer = ProducerMark{.id = kReleaseProducer};
  return validate(released);
}

// A producer's numbers rise within an append as they do from one to the next; a number twice is a
// retry.
Status check_order(std::span<const RecordFields> records) {
  std::map<ProducerId, ProducerNumber> newest;
  for (const RecordFields& record : records) {
    if (!record.producer || records.size() == 1) continue;
    const auto [known, is_new] = newest.try_emplace(record.producer->id, record.producer->number);
    if (record.producer->number < known->second) {
      return fail(ErrorCode::kInvalidArgument, "a producer's numbers go back within one append: " +
                                                   std::to_string(record.producer->number.value()) +
                                                   " after " +
                                                   std::to_string(known->second.value()));
    }
    known->second = record.producer->number;
  }
  return {};
}

}  // namespace

Partition::Partition(Parts parts, SegmentKeeper::Place place, const TopicConfig& config)
    : loop_(parts.loop),
      place_(std::move(place)),
      config_(config),
      reader_(parts.reader, place_.folder, place_.partition) {}

void Partition::append(AppendRequest& request) {
  if (state_.load(std::memory_order_acquire) != State::kOpen)
    return request.on_appended(std::unexpected(trouble_error()));
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

void Partition::append_own(AppendRequest& request) {
  request.payload_bytes_ = 0;
  for (const RecordFields& record : request.records)
    request.payload_bytes_ += encoded_record_bytes(as_stored(record));
  pending_bytes_.fetch_add(request.payload_bytes_, std::memory_order_relaxed);
  request.target_ = this;
  loop_.push(request);
}

Status Partition::check(AppendRequest& request) {
  if (request.records.empty())
    return fail(ErrorCode::kInvalidArgument, "an append needs at least one record");
  std::size_t bytes = 0;
  for (const RecordFields& record : request.records) {
    const RecordFields stored = as_stored(record);
    if (Status good = validate(stored); !good) return good;
    if (Status good = check_times(stored); !good) return good;
    bytes += encoded_record_bytes(stored);
  }
  if (Status good = check_order(request.records); !good) return good;
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
  const std::shared_ptr<EntityIndex> entities = std::move(recovered.entities);
  writer_ = std::make_unique<PartitionWriter>(std::move(parts), config_, std::move(recovered),
                                              reader_, *entities);
  if (floor_) writer_->set_floor(*floor_);
  {
    const MutexLock lock(entities_mutex_);
    entities_ = entities;
  }
  // Last: whoever finds it open finds all of it.
  state_.store(writer_->degraded() ? State::kReadOnly : State::kOpen, std::memory_order_release);
}

void Partition::configure(const TopicConfig& config) {
  config_ = config;
  if (writer_) writer_->configure(config);
}

void Partition::in_trouble(Error error) {
  {
    const MutexLock lock(trouble_mutex_);
    trouble_ = std::move(error);
  }
  State open = State::kOpen;
  state_.compare_exchange_strong(open, State::kReadOnly);
}

Error Partition::trouble_error() const {
  const MutexLock lock(trouble_mutex_);
  return trouble_;
}

std::shared_ptr<const EntityIndex> Partition::entities() const {
  const MutexLock lock(entities_mutex_);
  return entities_;
}

std::optional<Error> Partition::unusable() const {
  if (state_.load(std::memory_order_acquire) != State::kUnusable) return std::nullopt;
  return trouble_error();
}

std::optional<PartitionTrouble> Partition::trouble() const {
  const State state = state_.load(std::memory_order_acquire);
  if (state == State::kOpen) return std::nullopt;
  return PartitionTrouble{.topic = place_.partition.topic,
                          .partition = place_.partition.partition,
                          .reads = state == State::kReadOnly ? PartitionTrouble::Reads::kServed
                                                             : PartitionTrouble::Reads::kRefused,
                          .error = trouble_error()};
}

void Partition::close_writer() {
  writer_->release_files();
  writer_.reset();
}

void Partition::accept(AppendRequest& request) {
  if (writer_) return writer_->accept(request);
  took(request);
  request.on_appended(std::unexpected(trouble_error()));
}

void Partition::set_floor(Offset floor) {
  floor_ = floor;
  if (writer_) writer_->set_floor(floor);
}

void Partition::erase(EraseRequest& request) {
  if (writer_) return writer_->erase(request);
  request.on_erased(std::unexpected(trouble_error()));
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

void Partition::notify_released(std::span<const RecordFields> records) {
  if (!watched_.load(std::memory_order_acquire)) return;
  const MutexLock lock(mutex_);
  for (const RecordFields& record : records) {
    for (Watcher* watcher : watchers_)
      watcher->on_released(place_.partition.topic, place_.partition.partition, record.key);
  }
}

void Partition::notify_watchers() {
  if (!writer_) return;
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
