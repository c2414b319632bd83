#include "tools/log/backup/restore.h"

#include <algorithm>
#include <atomic>

#include "engine/format/catalog.h"
#include "engine/format/file_names.h"
#include "tools/log/backup/backup_folder.h"
#include "tools/log/backup/object_copy.h"
#include "tools/log/backup/partition_cut.h"
#include "tools/log/interrupt.h"
#include "tools/log/output_folder.h"
#include "tools/log/parallel.h"

namespace bimip::log_tools {
namespace {

// One partition of the backup, and what of it is restored.
struct PartitionPlan {
  const BackupPartition* partition = nullptr;
  SegmentIdentity identity{};
  std::vector<const BackupFile*> files{};
};

class Restorer {
 public:
  explicit Restorer(const RestoreRequest& request)
      : request_(request), device_(make_output_device()) {}

  Result<RestoreReport> run() {
    Status done = choose_point();
    if (done && request_.to) done = check_output_folder(*request_.to, request_.backup);
    if (done) done = read_catalog();
    if (done) done = plan_partitions();
    if (done) done = make_room();
    if (done) done = restore_partitions();
    if (done && writes()) {
      done = replace_file(*device_, *request_.to / file_names::kCatalog, catalog_bytes_);
    }
    if (!done) return std::unexpected(std::move(done.error()));
    return std::move(report_);
  }

 private:
  bool writes() const { return request_.effect == Effect::kWrite; }

  // The oldest that was begun after the time asked for has every record from before it.
  Status choose_point() {
    Result<std::map<std::string, BackupPoint>> points = read_points(request_.backup);
    if (!points) return std::unexpected(std::move(points.error()));
    if (points->empty())
      return fail(ErrorCode::kNotFound, request_.backup.string() + ": no backup was finished");
    auto chosen = std::prev(points->end());
    if (!request_.point.empty()) {
      chosen = points->find(request_.point);
    } else if (request_.until) {
      const auto later = std::ranges::find_if(
          *points, [&](const auto& point) { return point.second.begun_at >= *request_.until; });
      if (later != points->end()) chosen = later;
    }
    if (chosen == points->end()) {
      return fail(ErrorCode::kNotFound,
                  request_.backup.string() + ": there is no point " + request_.point);
    }
    report_.point = chosen->first;
    point_ = chosen->second;
    report_.begun_at = point_.begun_at;
    return {};
  }

  Status read_catalog() {
    Result<std::vector<std::byte>> bytes = read_table(point_.catalog);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    Result<Catalog> catalog = decode_catalog(*bytes);
    if (!catalog) return fail_at(point_.catalog.object, std::move(catalog.error()));
    catalog_ = std::move(*catalog);
    catalog_bytes_ = std::move(*bytes);
    return {};
  }

  Path object(const BackupFile& file) const { return request_.backup / file.object; }

  std::unexpected<Error> damaged(const BackupFile& file) const {
    return fail(ErrorCode::kDamaged, object(file).string() +
                                         ": is not what was written when it was backed up; take "
                                         "an earlier point, or restore and salvage");
  }

  Result<std::vector<std::byte>> read_table(const BackupFile& file) const {
    Result<std::vector<std::byte>> bytes = read_whole(object(file), kTableBytesMax);
    if (!bytes) return bytes;
    const Copied is = checksum_bytes(*bytes);
    if (is.bytes != file.bytes || is.checksum != file.checksum) return damaged(file);
    return bytes;
  }

  SegmentIdentity identity_of(const BackupPartition& partition) const {
    const auto topic = std::ranges::find(catalog_.topics, partition.topic, &CatalogTopic::name);
    return {.store = catalog_.store,
            .topic = topic != catalog_.topics.end() ? topic->id : TopicId(0),
            .partition = partition.partition,
            .epoch = {}};
  }

  Status plan_partitions() {
    report_.partitions = point_.partitions;
    for (const BackupPartition& partition : point_.partitions) {
      Result<PartitionPlan> plan = plan_partition(partition);
      if (!plan) return std::unexpected(std::move(plan.error()));
      for (const BackupFile* file : plan->files) report_.bytes += file->bytes;
      plans_.push_back(std::move(*plan));
    }
    return {};
  }

  Result<PartitionPlan> plan_partition(const BackupPartition& partition) const {
    const auto manifest_file =
        std::ranges::find(partition.files, file_names::kManifest, &BackupFile::name);
    if (manifest_file == partition.files.end())
      return fail(ErrorCode::kDamaged, partition.topic + ": a partition has no manifest");
    PartitionPlan plan{.partition = &partition, .identity = identity_of(partition)};
    const Result<std::vector<std::byte>> bytes = read_table(*manifest_file);
    if (!bytes) return std::unexpected(bytes.error());
    const Result<Manifest> manifest = decode_manifest(plan.identity, *bytes);
    if (!manifest) return fail_at(manifest_file->object, manifest.error());
    for (const BackupFile& file : partition.files) {
      if (is_wanted(file, *manifest)) plan.files.push_back(&file);
    }
    return plan;
  }

  Status make_room() {
    if (!request_.to) return {};
    Status fits = check_room(*device_, *request_.to, report_.bytes + point_.catalog.bytes);
    if (!fits || !writes()) return fits;
    Result<OutputFolder> output =
        OutputFolder::make(*device_, *request_.to, OutputFolder::Contents::kOurs);
    if (!output) return std::unexpected(std::move(output.error()));
    report_.output = std::move(*output);
    return make_folders(*device_, *request_.to / file_names::kTopics);
  }

  Status restore_partitions() {
    std::vector<Result<OffsetRange>> restored(plans_.size(), OffsetRange{});
    run_parallel({.count = restored.size(),
                  .jobs = request_.jobs,
                  .work = [&](std::size_t i) { restored[i] = restore_partition(plans_[i]); },
                  .meanwhile =
                      [&] {
                        if (request_.on_progress) request_.on_progress(bytes_done_, report_.bytes);
                      }});
    for (Result<OffsetRange>& one : restored) {
      if (!one) return std::unexpected(std::move(one.error()));
      report_.restored.push_back(*one);
    }
    return {};
  }

  Result<OffsetRange> restore_partition(const PartitionPlan& plan) {
    const BackupPartition& partition = *plan.partition;
    Path folder;
    if (writes()) {
      folder = *request_.to / file_names::kTopics / partition.topic /
               file_names::partition(partition.partition);
      if (Status made = make_folders(*device_, folder); !made)
        return std::unexpected(std::move(made.error()));
    }
    for (const BackupFile* file : plan.files) {
      if (Status done = restore_file(*file, folder); !done)
        return std::unexpected(std::move(done.error()));
    }
    OffsetRange offsets = partition.offsets;
    if (!writes()) return offsets;
    if (request_.until) {
      Result<Offset> end = cut_partition(
          *device_, {.folder = folder, .identity = plan.identity, .until = *request_.until});
      if (!end) return std::unexpected(std::move(end.error()));
      offsets.end = *end;
    }
    if (Status synced = device_->sync_directory(folder); !synced)
      return std::unexpected(std::move(synced.error()));
    return offsets;
  }

  bool is_wanted(const BackupFile& file, const Manifest& manifest) const {
    const auto parsed = file_names::parse(file.name);
    if (!request_.until || !parsed) return true;
    const auto segment =
        std::ranges::find(manifest.segments, parsed->epoch, &ManifestSegment::epoch);
    if (segment == manifest.segments.end()) return true;
    if (parsed->kind == file_names::FileKind::kProducers) return true;
    return is_needed(manifest, static_cast<std::size_t>(segment - manifest.segments.begin()),
                     *request_.until);
  }

  Status restore_file(const BackupFile& file, const Path& folder) {
    Result<Copied> copied = writes() ? copy_object(*device_, {.from = object(file),
                                                              .bytes = file.bytes,
                                                              .to = folder / file.name,
                                                              .bytes_done = &bytes_done_})
                                     : checksum_file(object(file), file.bytes);
    if (!writes()) bytes_done_ += file.bytes;
    if (!copied && copied.error().code == ErrorCode::kDamaged) return damaged(file);
    if (!copied) return std::unexpected(std::move(copied.error()));
    if (copied->checksum != file.checksum) return damaged(file);
    return {};
  }

  const RestoreRequest& request_;
  const std::unique_ptr<Device> device_;
  BackupPoint point_;
  Catalog catalog_;
  std::vector<std::byte> catalog_bytes_;
  std::vector<PartitionPlan> plans_;
  std::atomic<std::uint64_t> bytes_done_{0};
  RestoreReport report_;
};

}  // namespace

Result<RestoreReport> restore(const RestoreRequest& request) { return Restorer(request).run(); }

}  // namespace bimip::log_tools
