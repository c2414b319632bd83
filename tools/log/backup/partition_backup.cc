#include "tools/log/backup/partition_backup.h"

#include <algorithm>

#include "engine/format/file_names.h"
#include "engine/format/segment_header.h"
#include "tools/log/active_prefix.h"
#include "tools/log/backup/object_copy.h"
#include "tools/log/output_folder.h"
#include "tools/log/segment_check.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

// A rewrite or retention may take files away while they are read; then a new manifest lists others.
constexpr int kTriesMax = 20;

std::string hash_text(const Hash128& hash) { return id_text(hash.high, hash.low); }

class PartitionTaker {
 public:
  explicit PartitionTaker(const PartitionBackupTask& task) : task_(task) {
    taken_.taken.topic = task.topic;
    taken_.taken.partition = task.identity.partition;
  }

  // Whether the manifest that was read is still the partition's.
  [[nodiscard]] bool is_current() const {
    const Result<Manifest> now = manifest_now();
    return now && now->version == version_;
  }

  Result<PartitionBackup> run() {
    Status done = read_manifest();
    if (done) done = look_at_prepared();
    for (std::size_t i = 0; done && i < manifest_.segments.size(); ++i)
      done = take_segment(manifest_.segments[i]);
    if (done) done = take_tables();
    if (done) done = take_manifest();
    if (done && writes()) done = task_.device.sync_directory(folder());
    if (!done) return std::unexpected(std::move(done.error()));
    taken_.taken.offsets.first = manifest_.log_start;
    return std::move(taken_);
  }

 private:
  Path folder() const {
    return task_.backup / "data" / task_.topic / file_names::partition(task_.identity.partition);
  }
  Path source(const std::string& name) const { return task_.partition / name; }
  bool writes() const { return task_.effect == Effect::kWrite; }
  SegmentIdentity identity(Epoch epoch) const {
    SegmentIdentity identity = task_.identity;
    identity.epoch = epoch;
    return identity;
  }

  Result<Manifest> manifest_now() const {
    const Path path = source(std::string(file_names::kManifest));
    const Result<std::vector<std::byte>> bytes = read_whole(path, kTableBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    Result<Manifest> manifest = decode_manifest(task_.identity, *bytes);
    if (!manifest) return fail_at(path.string(), std::move(manifest.error()));
    return manifest;
  }
  // With the producers it names: those of before go at each seal.
  Status read_manifest() {
    for (int tries = 1;; ++tries) {
      Result<Manifest> manifest = manifest_now();
      if (!manifest) return std::unexpected(std::move(manifest.error()));
      manifest_ = std::move(*manifest);
      version_ = manifest_.version;
      if (manifest_.producers == Epoch(0)) break;
      producers_ = read_whole(source(file_names::producers(manifest_.producers)), kTableBytesMax);
      if (producers_ || tries == kTriesMax || is_current()) break;
    }
    const bool is_lost = !producers_ && producers_.error().code != ErrorCode::kNotFound;
    if (is_lost) return std::unexpected(producers_.error());
    return writes() ? make_folders(task_.device, folder()) : Status{};
  }

  // Before the active segment is read: a header found now proves that all of that one is there.
  Status look_at_prepared() {
    const ManifestSegment& last = manifest_.segments.back();
    if (last.state != SegmentState::kPrepared) return {};
    const Result<ActivePrefix> prefix =
        measure_active(source(file_names::segment(last.epoch)), identity(last.epoch));
    if (!prefix) return std::unexpected(prefix.error());
    if (!prefix->has_header) manifest_.segments.pop_back();
    return {};
  }

  Status take_segment(const ManifestSegment& segment) {
    return segment.state == SegmentState::kSealed ? take_sealed(segment) : take_growing(segment);
  }

  // By its chain: a file of that name in the backup is this segment.
  Status take_sealed(const ManifestSegment& segment) {
    const std::string name = file_names::segment(segment.epoch);
    const Result<std::string> state = sealed_state(segment);
    if (!state) return std::unexpected(state.error());
    Status done = take(name, *state, segment.file_bytes);
    if (!done) return done;
    taken_.taken.offsets.end = segment.end_offset;
    return check_copy(segment);
  }

  Result<std::string> sealed_state(const ManifestSegment& segment) {
    const Path path = source(file_names::segment(segment.epoch));
    const Result<std::unique_ptr<ReadOnlyFile>> file =
        ReadOnlyFile::open(path, ReadVia::kPageCache);
    if (!file) return std::unexpected(file.error());
    Sector sector{};
    const FilePosition at(segment.file_bytes - limits::kSectorBytes);
    const Result<std::size_t> got = (*file)->read_at(at, sector);
    if (!got) return std::unexpected(got.error());
    const Result<SegmentFooter> footer = decode_segment_footer(sector);
    const bool is_whole = (*file)->bytes() == segment.file_bytes && footer &&
                          footer->identity == identity(segment.epoch);
    if (is_whole) return hash_text(footer->own_last);
    const Result<Copied> read = checksum_file(path, (*file)->bytes());
    if (!read) return std::unexpected(read.error());
    return "damaged-" + hash_text(read->checksum);
  }

  // What was copied is read once more, block by block: a backup of damage says so.
  Status check_copy(const ManifestSegment& segment) {
    if (!was_copied_ || !writes()) return {};
    const SegmentPlace place{.path = task_.backup / taken_.taken.files.back().object,
                             .epoch = segment.epoch,
                             .exists = true,
                             .bytes = segment.file_bytes,
                             .listed = segment};
    const Result<SegmentFacts> facts =
        check_segment({.place = place, .identity = identity(segment.epoch), .sealed = true});
    if (!facts) return std::unexpected(facts.error());
    for (const BadRange& bad : facts->bad) {
      if (bad.from < bad.end)
        damage(segment.epoch, "bytes from " + std::to_string(bad.from.value()) + " to " +
                                  std::to_string(bad.end.value()) + ": " + bad.why);
    }
    if (!facts->footer) damage(segment.epoch, facts->footer_error);
    return {};
  }

  Status take_growing(const ManifestSegment& segment) {
    const std::string name = file_names::segment(segment.epoch);
    const Result<ActivePrefix> prefix = measure_active(source(name), identity(segment.epoch));
    if (!prefix) return std::unexpected(prefix.error());
    if (!prefix->damage.empty()) damage(segment.epoch, prefix->damage);
    taken_.taken.offsets.end = std::max(segment.base_offset, prefix->next_offset);
    const std::uint64_t bytes = std::min<std::uint64_t>(
        prefix->end.value(), std::filesystem::file_size(source(name), ignored_));
    const Result<Copied> read = checksum_file(source(name), bytes);
    if (!read) return std::unexpected(read.error());
    return take(name, "to-" + std::to_string(bytes) + "-" + hash_text(read->checksum), bytes);
  }

  void damage(Epoch epoch, std::string what) {
    taken_.findings.push_back({.file = source(file_names::segment(epoch)),
                               .topic = task_.topic,
                               .partition = task_.identity.partition,
                               .what = std::move(what),
                               .next =
                                   "it is in the backup as it is; a backup made before may have "
                                   "it whole"});
  }

  // What is derived is taken too, where it is there: it need not be made again.
  Status take_tables() {
    for (const std::string_view name : {file_names::kLosses, file_names::kEntityBase}) {
      if (Status done = take_table(std::string(name), Missing::kNothing); !done) return done;
    }
    std::vector<std::string> names;
    for (const ManifestSegment& segment : manifest_.segments) {
      if (segment.state != SegmentState::kSealed) continue;
      names.push_back(file_names::index(segment.epoch));
      names.push_back(file_names::entities(segment.epoch));
    }
    for (const std::string& name : names) {
      if (Status done = take_table(name, Missing::kPerhapsReplaced); !done) return done;
    }
    if (manifest_.producers == Epoch(0) || !producers_) return {};
    return take_bytes(file_names::producers(manifest_.producers), *producers_);
  }

  enum class Missing : std::uint8_t {
    kNothing,          // not every partition has one
    kPerhapsReplaced,  // or it is gone since: then another manifest lists other files
  };
  Status take_table(const std::string& name, Missing missing) {
    const Result<std::vector<std::byte>> bytes = read_whole(source(name), kTableBytesMax);
    if (bytes) return take_bytes(name, *bytes);
    if (bytes.error().code != ErrorCode::kNotFound) return std::unexpected(bytes.error());
    const bool tries_again = missing == Missing::kPerhapsReplaced && !is_current();
    return tries_again ? std::unexpected(bytes.error()) : Status{};
  }

  // Without a segment that was prepared and not begun.
  Status take_manifest() {
    return take_bytes(std::string(file_names::kManifest), encode_manifest(manifest_));
  }

  // From memory: the file may be replaced at any moment.
  Status take_bytes(const std::string& name, const std::vector<std::byte>& bytes) {
    const Copied copied = checksum_bytes(bytes);
    const Path object = object_path(name, hash_text(copied.checksum));
    const bool is_new = !is_there(object, bytes.size());
    if (is_new && writes()) {
      if (Status done = replace_file(task_.device, object, bytes); !done) return done;
    }
    note(name, object, copied, is_new);
    return {};
  }

  // The first `bytes` of a file, unless the backup has them already.
  Status take(const std::string& name, const std::string& state, std::uint64_t bytes) {
    const Path object = object_path(name, state);
    bytes = std::min<std::uint64_t>(bytes, std::filesystem::file_size(source(name), ignored_));
    const bool is_new = !is_there(object, bytes);
    Result<Copied> copied = Copied{.bytes = bytes};
    if (is_new && writes()) {
      copied = copy_object(
          task_.device,
          {.from = source(name), .bytes = bytes, .to = object, .bytes_done = &task_.bytes_done});
    } else if (!is_new) {
      copied = known_copy(object, bytes);
    }
    if (!copied) return std::unexpected(std::move(copied.error()));
    note(name, object, *copied, is_new);
    return {};
  }

  // One that no list names was left by a backup that was cut short.
  Result<Copied> known_copy(const Path& object, std::uint64_t bytes) {
    task_.bytes_done += bytes;
    const auto known = task_.known.find(object.lexically_relative(task_.backup));
    if (known != task_.known.end())
      return Copied{.bytes = bytes, .checksum = known->second.checksum};
    return checksum_file(object, bytes);
  }

  bool is_there(const Path& object, std::uint64_t bytes) {
    return std::filesystem::file_size(object, ignored_) == bytes && !ignored_;
  }

  Path object_path(const std::string& name, const std::string& state) const {
    return folder() / (name + "." + state);
  }

  void note(const std::string& name, const Path& object, const Copied& copied, bool is_new) {
    was_copied_ = is_new;
    (is_new ? taken_.files_copied : taken_.files_kept) += 1;
    if (is_new) taken_.bytes_copied += copied.bytes;
    taken_.taken.files.push_back({.name = name,
                                  .object = object.lexically_relative(task_.backup),
                                  .bytes = copied.bytes,
                                  .checksum = copied.checksum});
  }

  const PartitionBackupTask& task_;
  Manifest manifest_;
  std::uint64_t version_ = 0;
  Result<std::vector<std::byte>> producers_;
  PartitionBackup taken_;
  bool was_copied_ = false;
  std::error_code ignored_;
};

}  // namespace

Result<PartitionBackup> back_up_partition(const PartitionBackupTask& task) {
  for (int tries = 1;; ++tries) {
    PartitionTaker taker(task);
    Result<PartitionBackup> taken = taker.run();
    if (taken || taken.error().code != ErrorCode::kNotFound) return taken;
    if (tries == kTriesMax || taker.is_current()) return taken;
  }
}

}  // namespace bimip::log_tools
