#include "tools/log/backup/backup.h"

#include <algorithm>

#include "engine/format/file_names.h"
#include "tools/log/backup/backup_folder.h"
#include "tools/log/backup/object_copy.h"
#include "tools/log/interrupt.h"
#include "tools/log/output_folder.h"
#include "tools/log/parallel.h"
#include "tools/log/store_hold.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;

class BackupTaker {
 public:
  explicit BackupTaker(const BackupRequest& request)
      : request_(request), device_(make_output_device()) {}

  Result<BackupReport> run() {
    Status done = prepare();
    if (done && writes()) done = make_room();
    if (done && writes()) done = open_folder();
    if (done && writes()) done = write_catalog();
    if (done) done = take_partitions();
    if (done && writes()) done = write_point();
    if (done && !writes()) done = check_room(*device_, request_.to, report_.bytes_copied);
    if (!done) return std::unexpected(failed(std::move(done.error())));
    output_.keep();
    report_.point = point_name(request_.now);
    return std::move(report_);
  }

 private:
  bool writes() const { return request_.effect == Effect::kWrite; }

  Status prepare() {
    if (lies_in(request_.to, request_.store) || lies_in(request_.store, request_.to)) {
      return fail(
          ErrorCode::kInvalidArgument,
          request_.to.string() + ": a backup does not lie in its store, nor the store in it");
    }
    if (Status there = check_data_directory(request_.store); !there) return there;
    if (request_.holding == Holding::kHeld) {
      Result<StoreHold> hold = StoreHold::take(request_.store);
      if (!hold) return std::unexpected(std::move(hold.error()));
      hold_ = std::move(*hold);
    }
    if (Status known = learn_what_is_there(); !known) return known;
    return read_catalog();
  }

  Status open_folder() {
    std::error_code ignored;
    const bool is_new = !fs::exists(request_.to, ignored) || fs::is_empty(request_.to, ignored);
    Result<OutputFolder> output = OutputFolder::make(
        *device_, request_.to,
        is_new ? OutputFolder::Contents::kOurs : OutputFolder::Contents::kOthers);
    if (!output) return std::unexpected(std::move(output.error()));
    output_ = std::move(*output);
    // By this one a backup that was cut short at once is known for one.
    Status done = make_folders(*device_, request_.to / kBackupPoints);
    if (done) done = make_folders(*device_, request_.to / kBackupData);
    if (!done) return done;
    Result<std::unique_ptr<FileLock>> lock = device_->lock(request_.to / kBackupLock);
    if (!lock) return std::unexpected(std::move(lock.error()));
    lock_ = std::move(*lock);
    return {};
  }

  // Whole files of partitions stay: the next backup does not copy them again.
  Error failed(Error error) {
    if (lock_ == nullptr) return error;  // refused before it began
    std::error_code ignored;
    const Path data = request_.to / kBackupData;
    for (const auto& entry : fs::recursive_directory_iterator(data, ignored)) {
      if (!entry.is_regular_file(ignored) || entry.path().parent_path() == data) continue;
      output_.keep();
      error.message += "; no backup was finished, what was copied is there for the next one";
      break;
    }
    return error;
  }

  Status learn_what_is_there() {
    std::error_code error;
    if (!fs::exists(request_.to, error) || fs::is_empty(request_.to, error)) return {};
    const Result<std::map<std::string, BackupPoint>> points = read_points(request_.to);
    if (!points && points.error().code == ErrorCode::kNotFound) {
      return fail(ErrorCode::kForeign, request_.to.string() + ": is neither empty nor a backup");
    }
    if (!points) return std::unexpected(points.error());
    for (const auto& [name, point] : *points) {
      expected_store_ = point.store;
      for (const BackupPartition& partition : point.partitions) {
        for (const BackupFile& file : partition.files) known_.emplace(file.object, file);
      }
    }
    return {};
  }

  Status read_catalog() {
    const Path path = request_.store / file_names::kCatalog;
    Result<std::vector<std::byte>> bytes = read_whole(path, kTableBytesMax);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    Result<Catalog> catalog = decode_catalog(*bytes);
    if (!catalog) return fail_at(path.string(), std::move(catalog.error()));
    catalog_ = std::move(*catalog);
    catalog_bytes_ = std::move(*bytes);
    if (expected_store_ && *expected_store_ != catalog_.store)
      return fail(ErrorCode::kForeign, request_.to.string() + ": holds backups of another store");
    const Copied copied = checksum_bytes(catalog_bytes_);
    const std::string name = std::string(file_names::kCatalog) + "." +
                             id_text(copied.checksum.high, copied.checksum.low);
    point_ = {.store = catalog_.store, .begun_at = request_.now};
    point_.catalog = {.name = std::string(file_names::kCatalog),
                      .object = Path(kBackupData) / name,
                      .bytes = copied.bytes,
                      .checksum = copied.checksum};
    return {};
  }
  Status write_catalog() {
    return replace_file(*device_, request_.to / point_.catalog.object, catalog_bytes_);
  }

  // Where not even everything fits, what is new is looked at: the backup is gone through without
  // writing. A server that goes on writing may make it more.
  Status make_room() {
    measure();
    if (check_room(*device_, request_.to, bytes_total_)) return {};
    const Result<std::vector<PartitionBackup>> foreseen = take_all(Effect::kDryRun);
    if (!foreseen) return std::unexpected(foreseen.error());
    bytes_done_ = 0;
    std::uint64_t bytes = 0;
    for (const PartitionBackup& one : *foreseen) bytes += one.bytes_copied;
    return check_room(*device_, request_.to, bytes);
  }

  // What the server itself keeps (cursors, marks, revocations) first: a cursor must not be ahead of
  // the records it counts. Inboxes are counted in marks.
  static bool counts_others(const std::string& topic) {
    return topic.starts_with('$') && !topic.starts_with("$inbox.");
  }
  Status take_partitions() {
    measure();
    Result<std::vector<PartitionBackup>> taken = take_all(request_.effect);
    if (!taken) return std::unexpected(std::move(taken.error()));
    for (PartitionBackup& one : *taken) {
      report_.files_kept += one.files_kept;
      report_.files_copied += one.files_copied;
      report_.bytes_copied += one.bytes_copied;
      std::ranges::move(one.findings, std::back_inserter(report_.findings));
      point_.partitions.push_back(one.taken);
      report_.partitions.push_back(std::move(one.taken));
    }
    return {};
  }

  Result<std::vector<PartitionBackup>> take_all(Effect effect) {
    std::vector<const CatalogTopic*> own;
    std::vector<const CatalogTopic*> others;
    for (const CatalogTopic& topic : catalog_.topics)
      (counts_others(topic.name) ? own : others).push_back(&topic);
    std::vector<PartitionBackup> taken;
    Status done = take_topics(own, effect, taken);
    if (done) done = take_topics(others, effect, taken);
    if (!done) return std::unexpected(std::move(done.error()));
    return taken;
  }

  void measure() {
    bytes_total_ = 0;
    std::error_code ignored;
    fs::recursive_directory_iterator entry(request_.store / file_names::kTopics, ignored);
    for (; entry != fs::recursive_directory_iterator(); entry.increment(ignored))
      if (entry->is_regular_file(ignored)) bytes_total_ += entry->file_size(ignored);
  }

  Status take_topics(const std::vector<const CatalogTopic*>& topics, Effect effect,
                     std::vector<PartitionBackup>& all) {
    std::vector<PartitionBackupTask> tasks;
    for (const CatalogTopic* topic : topics) {
      for (std::uint32_t i = 0; i < topic->config.partitions; ++i) {
        const PartitionId partition(i);
        tasks.push_back({.device = *device_,
                         .partition = request_.store / file_names::kTopics / topic->name /
                                      file_names::partition(partition),
                         .identity = {.store = catalog_.store,
                                      .topic = topic->id,
                                      .partition = partition,
                                      .epoch = {}},
                         .topic = topic->name,
                         .backup = request_.to,
                         .effect = effect,
                         .known = known_,
                         .bytes_done = bytes_done_});
      }
    }
    std::vector<Result<PartitionBackup>> taken(tasks.size(), PartitionBackup{});
    run_parallel({.count = tasks.size(),
                  .jobs = request_.jobs,
                  .work = [&](std::size_t i) { taken[i] = back_up_partition(tasks[i]); },
                  .meanwhile =
                      [&] {
                        if (request_.on_progress) request_.on_progress(bytes_done_, bytes_total_);
                      }});
    for (Result<PartitionBackup>& one : taken) {
      if (!one) return std::unexpected(std::move(one.error()));
      all.push_back(std::move(*one));
    }
    return {};
  }

  Status write_point() {
    return replace_file(*device_,
                        request_.to / kBackupPoints / (point_name(request_.now) + ".json"),
                        as_bytes(encode_point(point_)));
  }

  const BackupRequest& request_;
  const std::unique_ptr<Device> device_;
  StoreHold hold_;
  OutputFolder output_;
  std::unique_ptr<FileLock> lock_;
  std::optional<StoreId> expected_store_;
  std::map<std::string, BackupFile> known_;
  Catalog catalog_;
  std::vector<std::byte> catalog_bytes_;
  BackupPoint point_;
  std::uint64_t bytes_total_ = 0;
  std::atomic<std::uint64_t> bytes_done_{0};
  BackupReport report_;
};

}  // namespace

Result<BackupReport> back_up(const BackupRequest& request) { return BackupTaker(request).run(); }

}  // namespace bimip::log_tools
