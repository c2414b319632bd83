#include "engine/store/store.h"

#include <algorithm>
#include <future>

#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/device/uring_device.h"
#include "engine/format/file_names.h"
#include "engine/partition/entity_reader.h"
#include "engine/store/topic_erasure.h"

namespace bimip::engine {
namespace {

constexpr std::uint64_t kCatalogBytesMax = 64 * 1024 * 1024;
constexpr std::size_t kOpenFloor = 16;  // of what may be open, however few descriptors there are

SyncedBy who_syncs(std::size_t partitions) {
  return partitions < limits::kSyncTogetherFrom ? SyncedBy::kRecovery : SyncedBy::kCaller;
}

}  // namespace

PartitionId partition_of_key(Bytes key, std::uint32_t partitions) {
  return PartitionId(static_cast<std::uint32_t>(xxh3_64(key) % partitions));
}

std::uint64_t StoreReport::bytes_read() const {
  std::uint64_t bytes = 0;
  for (const PartitionReport& partition : partitions) bytes += partition.bytes_read;
  return bytes;
}

Store::Store(StoreOptions options) : options_(std::move(options)) {}

Store::~Store() { close(); }

Result<std::unique_ptr<Store>> Store::open(StoreOptions options) {
  std::unique_ptr<Store> store(new Store(std::move(options)));
  if (Status loaded = store->load(); !loaded) return std::unexpected(std::move(loaded.error()));
  return store;
}

Status Store::load() {
  if (options_.device == nullptr) {
    own_device_ = make_best_device(&report_.device_warning);
    device_ = own_device_.get();
  } else {
    device_ = options_.device;
  }
  clock_ = options_.clock != nullptr ? options_.clock : &system_clock();
  report_.device = device_->name();
  sealed_ = std::make_unique<SegmentCache>(
      *device_, pool_,
      std::clamp(device_->open_files_max() / 4, kOpenFloor, limits::kOpenSegmentsMax));

  if (Status there = device_->create_directory(options_.directory); !there) return there;
  Result<std::vector<std::string>> names = device_->list(options_.directory);
  if (!names) return std::unexpected(std::move(names.error()));
  const bool has_catalog = std::ranges::find(*names, file_names::kCatalog) != names->end();
  const bool has_lock = std::ranges::find(*names, file_names::kLock) != names->end();
  if (!has_catalog && !has_lock && !names->empty()) {
    return fail(ErrorCode::kForeign,
                options_.directory.string() + ": is not empty and not a Bimip data directory");
  }
  Result<std::unique_ptr<FileLock>> lock = device_->lock(options_.directory / file_names::kLock);
  if (!lock) return std::unexpected(std::move(lock.error()));
  lock_ = std::move(*lock);
  // Its name is durable before any other: by it a store whose making was cut short is known.
  if (!has_lock) {
    if (Status kept = device_->sync_directory(options_.directory); !kept) return kept;
  }
  if (Status done = has_catalog ? load_catalog() : create_catalog(); !done) return done;
  Result<std::unique_ptr<SpareSegments>> spares =
      SpareSegments::open(*device_, {.folder = options_.directory / file_names::kSpares,
                                     .bytes_max = options_.spare_bytes,
                                     .free_space_floor = options_.free_space_floor});
  if (!spares) return std::unexpected(std::move(spares.error()));
  spares_ = std::move(*spares);
  return start_threads();
}

Status Store::create_catalog() {
  const Path topics = options_.directory / file_names::kTopics;
  Result<bool> had_topics = device_->exists(topics);
  if (!had_topics) return std::unexpected(std::move(had_topics.error()));
  if (*had_topics) {
    Result<std::vector<std::string>> names = device_->list(topics);
    if (!names) return std::unexpected(std::move(names.error()));
    if (!names->empty()) {
      return fail(ErrorCode::kDamaged,
                  options_.directory.string() +
                      ": the catalog is missing, but there are topics; 'bimip log verify' says "
                      "what is left of the store");
    }
  }
  if (Status done = device_->create_directory(topics); !done) return done;
  // Durable before the catalog is: of two names in one folder a power cut may keep the later only.
  if (Status done = device_->sync_directory(options_.directory); !done) return done;
  const MutexLock lock(catalog_mutex_);
  catalog_.store = random_id();
  catalog_.created_at = clock_->now();
  report_.store = catalog_.store;
  report_.created = true;
  if (Status done = replace_file(*device_, options_.directory / file_names::kCatalog,
                                 encode_catalog(catalog_));
      !done) {
    return done;
  }
  const Path parent = options_.directory.parent_path();
  return device_->sync_directory(parent.empty() ? Path(".") : parent);
}

Status Store::load_catalog() {
  const Path path = options_.directory / file_names::kCatalog;
  Result<std::vector<std::byte>> bytes = read_file(*device_, path, kCatalogBytesMax);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  Result<Catalog> catalog = decode_catalog(*bytes);
  if (!catalog) {
    catalog.error().message += "; 'bimip log verify' says what is left of the store";
    return fail_at(path.string(), std::move(catalog.error()));
  }
  const MutexLock lock(catalog_mutex_);
  catalog_ = std::move(*catalog);
  report_.store = catalog_.store;
  return find_orphans();
}

Status Store::find_orphans() {
  Result<std::vector<std::string>> names = device_->list(options_.directory / file_names::kTopics);
  if (!names) return std::unexpected(std::move(names.error()));
  for (const std::string& name : *names) {
    if (std::ranges::find(catalog_.topics, name, &CatalogTopic::name) == catalog_.topics.end()) {
      report_.orphans.push_back(name);
    }
  }
  return {};
}

Status Store::start_threads() {
  // A store without threads of its own is a simulated one: nothing is transferred.
  if (options_.threading != Threading::kManual) {
    pool_.use_huge_pages();
    ahead_.pool().use_huge_pages();
  }
  Result<std::unique_ptr<WriteQueue>> queue = device_->open_write_queue(pool_);
  if (!queue) return std::unexpected(std::move(queue.error()));
  if (options_.threading == Threading::kManual) {
    auto manual = std::make_unique<ManualJobRunner>();
    manual_ = manual.get();
    jobs_ = std::move(manual);
  } else {
    jobs_ = std::make_unique<ThreadJobRunner>(1);
    readers_ = std::make_unique<ThreadJobRunner>(options_.reader_threads);
    background_ = std::make_unique<ThreadJobRunner>(1);
  }
  budget_ = std::make_unique<RewriteBudget>(*clock_, options_.rewrite_bytes_per_second);
  scrubber_ = std::make_unique<Scrubber>(
      Scrubber::Parts{.device = *device_,
                      .pool = pool_,
                      .clock = *clock_,
                      .background = background_ ? *background_ : *jobs_,
                      .state_file = options_.directory / file_names::kScrub,
                      .store = report_.store,
                      .options = options_.scrub,
                      .segments = [this] { return sealed_segments(); }});
  scrubber_->load();
  loop_ = std::make_unique<WriterLoop>(
      WriterLoop::Parts{.device = *device_,
                        .jobs = *jobs_,
                        .clock = *clock_,
                        .pool = pool_,
                        .tail = tail_,
                        .spares = *spares_,
                        .background = background_ ? *background_ : *jobs_,
                        .budget = *budget_,
                        .counters = upkeep_,
                        .troubles = troubles_,
                        .commits = commits_,
                        .on_tick = [this] { scrubber_->tick(); },
                        .open_partitions_max = std::clamp(device_->open_files_max() / 8, kOpenFloor,
                                                          limits::kOpenPartitionsMax),
                        .housekeeping = options_.housekeeping},
      std::move(*queue));
  if (Status opened = open_topics(); !opened) return opened;
  opened_ = true;
  if (options_.threading == Threading::kOwn) {
    loop_->start();
    loop_runs_ = true;
  }
  return {};
}

Status Store::open_topics() {
  std::vector<CatalogTopic> topics;
  std::size_t partitions = 0;
  {
    const MutexLock lock(catalog_mutex_);
    topics = catalog_.topics;
  }
  for (const CatalogTopic& topic : topics) partitions += topic.config.partitions;
  SyncedBy synced_by = who_syncs(partitions);
  // Before: what an earlier process left in memory is what the recoveries read. When that fails,
  // each finds out for itself whether it is the one.
  if (synced_by == SyncedBy::kCaller && !device_->sync_tree(options_.directory))
    synced_by = SyncedBy::kRecovery;
  for (const CatalogTopic& topic : topics) open_topic(topic, synced_by);
  if (synced_by == SyncedBy::kCaller) return device_->sync_tree(options_.directory);
  return {};
}

std::vector<SealedPlace> Store::sealed_segments() const {
  std::vector<SealedPlace> sealed;
  const std::shared_lock lock(names_mutex_);
  for (const std::unique_ptr<Topic>& topic : topics_) {
    for (const std::unique_ptr<Partition>& partition : topic->partitions)
      std::ranges::move(partition->reader().sealed_segments(), std::back_inserter(sealed));
  }
  return sealed;
}

Path Store::topic_folder(std::string_view name) const {
  return options_.directory / file_names::kTopics / name;
}

SegmentKeeper::Place Store::place_of(const CatalogTopic& topic, PartitionId partition) {
  return {
      .folder = topic_folder(topic.name) / file_names::partition(partition),
      .partition = {.store = report_.store, .topic = topic.id, .partition = partition, .epoch = {}},
      .durability = topic.config.durability,
      .free_space_floor = options_.free_space_floor,
      .spares = spares_.get(),
      .pool = &pool_,
      .entities_in_memory_max = options_.entities_in_memory_max};
}

void Store::open_topic(const CatalogTopic& topic, SyncedBy synced_by) {
  auto opened = std::make_unique<Topic>();
  opened->info = {
      .id = topic.id, .name = topic.name, .created_at = topic.created_at, .config = topic.config};
  for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
    SegmentKeeper::Place place = place_of(topic, PartitionId(i));
    auto partition = std::make_unique<Partition>(Partition::Parts{.loop = *loop_,
                                                                  .reader = {.pool = pool_,
                                                                             .tail = tail_,
                                                                             .sealed = *sealed_,
                                                                             .ahead = ahead_,
                                                                             .clock = *clock_}},
                                                 place, topic.config);
    Result<RecoveredPartition> recovered =
        recover_partition(*device_, pool_, partition->place(), clock_->now(),
                          {.known_durable = {}, .synced_by = synced_by});
    if (recovered) {
      if (!opened_) report_.partitions.push_back(recovered->report);
      hand_over(*partition, std::move(*recovered));
    } else {
      if (!opened_)
        report_.unusable.push_back(
            {.topic = topic.name, .partition = PartitionId(i), .error = recovered.error()});
      partition->in_trouble(std::move(recovered.error()));
    }
    opened->partitions.push_back(std::move(partition));
  }
  const std::unique_lock lock(names_mutex_);
  by_name_[topic.name] = opened.get();
  by_id_[topic.id.value()].store(opened.get(), std::memory_order_release);
  topics_.push_back(std::move(opened));
}

void Store::hand_over(Partition& partition, RecoveredPartition recovered) {
  if (!loop_runs_) return loop_->open(partition, std::move(recovered));
  std::promise<void> done;
  auto moved = std::make_shared<RecoveredPartition>(std::move(recovered));
  loop_->post([&] {
    loop_->open(partition, std::move(*moved));
    done.set_value();
  });
  done.get_future().wait();
}

Result<TopicInfo> Store::create_topic(std::string_view name, const TopicConfig& config) {
  if (Status good = validate_topic_name(name); !good)
    return std::unexpected(std::move(good.error()));
  if (Status good = validate(config); !good) return std::unexpected(std::move(good.error()));
  const MutexLock lock(catalog_mutex_);
  if (closed_) return fail(ErrorCode::kClosed, "the log is closing");
  if (Result<TopicInfo> there = find_topic(name)) {
    if (there->config == config) return there;
    return fail(ErrorCode::kAlreadyExists,
                "topic '" + std::string(name) + "' exists with another configuration");
  }
  std::uint64_t partitions = config.partitions;
  for (const CatalogTopic& topic : catalog_.topics) partitions += topic.config.partitions;
  if (catalog_.next_topic.value() > limits::kTopicsMax || partitions > limits::kPartitionsMax) {
    return fail(ErrorCode::kInvalidArgument,
                "a store holds at most " + std::to_string(limits::kTopicsMax) + " topics and " +
                    std::to_string(limits::kPartitionsMax) + " partitions");
  }
  const CatalogTopic topic{.id = catalog_.next_topic,
                           .name = std::string(name),
                           .created_at = clock_->now(),
                           .config = config};
  if (Status made = make_topic_files(topic); !made) return std::unexpected(std::move(made.error()));
  Catalog changed = catalog_;
  changed.next_topic = topic.id + 1;
  changed.topics.push_back(topic);
  Status done =
      replace_file(*device_, options_.directory / file_names::kCatalog, encode_catalog(changed));
  if (!done) return std::unexpected(std::move(done.error()));
  catalog_ = std::move(changed);
  open_topic(topic, SyncedBy::kCaller);  // make_topic_files did
  return find_topic(name);
}

Result<TopicInfo> Store::alter_topic(std::string_view name, const TopicChange& change) {
  const MutexLock lock(catalog_mutex_);
  if (closed_) return fail(ErrorCode::kClosed, "the log is closing");
  Catalog altered = catalog_;
  const auto topic = std::ranges::find(altered.topics, name, &CatalogTopic::name);
  if (topic == altered.topics.end()) return find_topic(name);
  const TopicConfig config = changed(topic->config, change);
  if (Status good = validate(config); !good) return std::unexpected(std::move(good.error()));
  topic->config = config;
  const TopicId id = topic->id;
  Status done =
      replace_file(*device_, options_.directory / file_names::kCatalog, encode_catalog(altered));
  if (!done) return std::unexpected(std::move(done.error()));
  catalog_ = std::move(altered);
  Topic* const opened = by_id_[id.value()].load(std::memory_order_acquire);
  {
    const std::unique_lock names(names_mutex_);
    opened->info.config = config;
  }
  loop_->post([opened, config] {
    for (const std::unique_ptr<Partition>& partition : opened->partitions)
      partition->configure(config);
  });
  return find_topic(name);
}

// Complete and durable before the catalog names the topic.
Status Store::make_topic_files(const CatalogTopic& topic) {
  const Path folder = topic_folder(topic.name);
  Result<bool> left_over = device_->exists(folder);
  if (!left_over) return std::unexpected(std::move(left_over.error()));
  if (*left_over) {
    if (Status done = set_aside(folder); !done) return done;
  }
  if (Status done = device_->create_directory(folder); !done) return done;
  const SyncedBy synced_by = who_syncs(topic.config.partitions);
  for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
    const SegmentKeeper::Place place = place_of(topic, PartitionId(i));
    Status done = make_partition_files(place, topic.created_at, synced_by);
    if (!done) return done;
  }
  const Status done =
      synced_by == SyncedBy::kCaller ? device_->sync_tree(folder) : device_->sync_directory(folder);
  if (!done) return done;
  return device_->sync_directory(folder.parent_path());
}

Status Store::make_partition_files(const SegmentKeeper::Place& place, Timestamp now,
                                   SyncedBy synced_by) {
  if (Status done = device_->create_directory(place.folder); !done) return done;
  if (Status done = SegmentKeeper::create(*device_, place, now); !done) return done;
  return synced_by == SyncedBy::kCaller ? Status{} : sync_each(*device_, place.folder);
}

// A folder that the catalog does not know, from a creation that a crash cut short: renamed, never
// removed.
Status Store::set_aside(const Path& folder) {
  for (std::uint64_t n = 1;; ++n) {
    const Path aside =
        folder.parent_path() / ("#" + folder.filename().string() + "-" + std::to_string(n));
    Result<bool> taken = device_->exists(aside);
    if (!taken) return std::unexpected(std::move(taken.error()));
    if (!*taken) return device_->rename(folder, aside);
  }
}

Result<TopicInfo> Store::find_topic(std::string_view name) const {
  const std::shared_lock lock(names_mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end())
    return fail(ErrorCode::kNotFound, "no topic '" + std::string(name) + "'");
  return found->second->info;
}

std::vector<TopicInfo> Store::list_topics() const {
  const std::shared_lock lock(names_mutex_);
  std::vector<TopicInfo> topics;
  for (const auto& [name, topic] : by_name_) topics.push_back(topic->info);
  return topics;
}

Partition* Store::find(TopicId topic, PartitionId partition) const {
  if (topic.value() >= by_id_.size()) return nullptr;
  const Topic* found = by_id_[topic.value()].load(std::memory_order_acquire);
  if (found == nullptr || partition.value() >= found->partitions.size()) return nullptr;
  return found->partitions[partition.value()].get();
}

Error Store::no_such_partition(TopicId topic, PartitionId partition) {
  return {ErrorCode::kNotFound, "no partition " + std::to_string(partition.value()) +
                                    " of topic id " + std::to_string(topic.value())};
}

void Store::append(AppendRequest& request) {
  if (closed_.load(std::memory_order_acquire))
    return request.on_appended(fail(ErrorCode::kClosed, "the log is closing"));
  Partition* partition = find(request.topic, request.partition);
  if (partition == nullptr)
    return request.on_appended(
        std::unexpected(no_such_partition(request.topic, request.partition)));
  partition->append(request);
}

void Store::read(ReadRequest& request) {
  Result<const Partition*> found = readable(request.topic, request.partition);
  if (!found) return request.on_read(std::unexpected(std::move(found.error())));
  const Partition* const partition = *found;
  if (auto answer = partition->reader().read_memory(request.from, request.bytes_max))
    return request.on_read(std::move(*answer));
  readers().post([partition, &request] {
    const PartitionReader& reader = partition->reader();
    Result<RecordBatch> batch = reader.read_disk(request.from, request.bytes_max);
    const std::optional<Offset> end = batch ? std::optional(batch->range().end) : std::nullopt;
    request.on_read(std::move(batch));
    if (end) reader.read_on(*end);
  });
}

void Store::find_time(TimeRequest& request) {
  Result<const Partition*> partition = readable(request.topic, request.partition);
  if (!partition) return request.on_found(std::unexpected(std::move(partition.error())));
  readers().post([partition = *partition, &request] {
    request.on_found(partition->reader().find_time(request.time));
  });
}

Result<const Partition*> Store::readable(TopicId topic, PartitionId partition) const {
  if (closed_.load(std::memory_order_acquire))
    return fail(ErrorCode::kClosed, "the log is closing");
  const Partition* found = find(topic, partition);
  if (found == nullptr) return std::unexpected(no_such_partition(topic, partition));
  if (auto why = found->unusable()) return std::unexpected(std::move(*why));
  return found;
}

namespace {

Result<EntityState> state_of(const std::optional<EntityRecord>& newest) {
  if (!newest) return fail(ErrorCode::kNotFound, "no record of this key");
  return EntityState{.last_increment = newest->increment, .newest = newest->offset};
}

// On a reader thread: an entity that may not be in memory.
Result<std::optional<EntityRecord>> find_anywhere(const Partition& partition,
                                                  const EntityIndex& entities,
                                                  const EntityHash& hash) {
  const EntityIndex::Answer answer = entities.find(hash);
  if (!answer.elsewhere) return answer.newest;
  Result<EntityReader::Cold> cold = EntityReader(partition.reader(), entities).find(hash);
  if (!cold) return std::unexpected(std::move(cold.error()));
  // It may have come back meanwhile.
  const EntityIndex::Answer again = entities.find(hash);
  return again.newest ? again.newest : cold->newest;
}

}  // namespace

void Store::find_entity(EntityRequest& request) {
  Result<const Partition*> partition = readable(request.topic, request.partition);
  if (!partition) return request.on_entity(std::unexpected(std::move(partition.error())));
  if (request.key.empty())
    return request.on_entity(fail(ErrorCode::kInvalidArgument, "an entity has a key"));
  const std::shared_ptr<const EntityIndex> entities = (*partition)->entities();
  const EntityHash hash = entities->hash(request.key);
  const EntityIndex::Answer answer = entities->find(hash);
  if (!answer.elsewhere) return request.on_entity(state_of(answer.newest));
  readers().post([partition = *partition, entities, hash, &request] {
    Result<std::optional<EntityRecord>> newest = find_anywhere(*partition, *entities, hash);
    if (!newest) return request.on_entity(std::unexpected(std::move(newest.error())));
    request.on_entity(state_of(*newest));
  });
}

void Store::read_entity(EntityReadRequest& request) {
  Result<const Partition*> partition = readable(request.topic, request.partition);
  if (!partition) return request.on_entity_read(std::unexpected(std::move(partition.error())));
  if (request.key.empty())
    return request.on_entity_read(fail(ErrorCode::kInvalidArgument, "an entity has a key"));
  readers().post([partition = *partition, entities = (*partition)->entities(), &request] {
    Result<std::optional<EntityRecord>> newest =
        find_anywhere(*partition, *entities, entities->hash(request.key));
    if (!newest) return request.on_entity_read(std::unexpected(std::move(newest.error())));
    if (!*newest)
      return request.on_entity_read(fail(ErrorCode::kNotFound, "no record of this key"));
    request.on_entity_read(EntityReader(partition->reader(), *entities).read(request, **newest));
  });
}

void Store::list_entities(EntityListRequest& request) {
  Result<const Partition*> partition = readable(request.topic, request.partition);
  if (!partition) return request.on_entities(std::unexpected(std::move(partition.error())));
  readers().post([partition = *partition, entities = (*partition)->entities(), &request] {
    request.on_entities(EntityReader(partition->reader(), *entities).list(request));
  });
}

void Store::set_retention_floor(TopicId topic, PartitionId partition, Offset floor) {
  Partition* found = find(topic, partition);
  if (found != nullptr && !closed_.load(std::memory_order_acquire)) loop_->set_floor(*found, floor);
}

void Store::erase_entity(EraseRequest& request) {
  if (closed_.load(std::memory_order_acquire))
    return request.on_erased(fail(ErrorCode::kClosed, "the log is closing"));
  if (request.key.empty())
    return request.on_erased(fail(ErrorCode::kInvalidArgument, "an entity has a key"));
  const Topic* topic = request.topic.value() < by_id_.size()
                           ? by_id_[request.topic.value()].load(std::memory_order_acquire)
                           : nullptr;
  if (topic == nullptr)
    return request.on_erased(std::unexpected(no_such_partition(request.topic, PartitionId(0))));
  std::vector<Partition*> partitions;
  for (const std::unique_ptr<Partition>& partition : topic->partitions)
    partitions.push_back(partition.get());
  erase_in_turn(*loop_, std::move(partitions), request);
}

Result<LogBounds> Store::bounds(TopicId topic, PartitionId partition) const {
  Result<const Partition*> found = readable(topic, partition);
  if (!found) return std::unexpected(std::move(found.error()));
  return (*found)->reader().bounds();
}

void Store::reopen(ReopenRequest& request) {
  if (closed_.load(std::memory_order_acquire))
    return request.on_reopened(fail(ErrorCode::kClosed, "the log is closing"));
  Partition* partition = find(request.topic, request.partition);
  if (partition == nullptr)
    return request.on_reopened(
        std::unexpected(no_such_partition(request.topic, request.partition)));
  loop_->reopen(*partition, request);
}

std::vector<PartitionTrouble> Store::troubles() const {
  std::vector<PartitionTrouble> troubles;
  const std::shared_lock lock(names_mutex_);
  for (const std::unique_ptr<Topic>& topic : topics_) {
    for (const std::unique_ptr<Partition>& partition : topic->partitions) {
      if (auto trouble = partition->trouble()) troubles.push_back(std::move(*trouble));
    }
  }
  return troubles;
}

Status Store::watch(TopicId topic, PartitionId partition, Watcher& watcher) {
  Partition* found = find(topic, partition);
  if (found == nullptr) return std::unexpected(no_such_partition(topic, partition));
  if (auto why = found->unusable()) return std::unexpected(std::move(*why));
  found->watch(watcher);
  return {};
}

void Store::unwatch(TopicId topic, PartitionId partition, Watcher& watcher) {
  if (Partition* found = find(topic, partition)) found->unwatch(watcher);
}

Status Store::fill_spares(std::uint64_t segment_bytes) {
  return spares_->fill(segment_bytes / limits::kSectorBytes * limits::kSectorBytes);
}

bool Store::step() {
  const bool ran_job = manual_->run_one();
  const std::uint64_t before = device_->counters().writes;
  loop_->run_once(std::chrono::microseconds(0));
  return ran_job || device_->counters().writes != before;
}

// Topics and loop stay until the store goes: who asks afterwards is told that it is closed.
void Store::close() {
  {
    const MutexLock lock(catalog_mutex_);  // a topic that is being made is handed to the loop
    if (closed_.exchange(true) || !loop_) return;
  }
  scrubber_->stop();
  if (loop_runs_) {
    loop_->stop();
  } else if (manual_ != nullptr) {
    loop_->begin_stop();
    while (loop_->run_once(std::chrono::microseconds(0))) manual_->run_one();
    while (manual_->run_one()) {
    }
  }
  readers_.reset();
  background_.reset();
  jobs_.reset();  // before the loop: a job's last act is to wake it
}

}  // namespace bimip::engine
