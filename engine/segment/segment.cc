#include "engine/segment/segment.h"

#include <algorithm>

#include "engine/base/assert.h"
#include "engine/format/file_names.h"
#include "engine/segment/block_reader.h"

namespace bimip::engine {
namespace {

// The last of `entries` that `before` holds for; they are ordered so that it holds for a prefix.
template <typename Predicate>
std::optional<IndexEntry> last_where(const std::vector<IndexEntry>& entries, Predicate before) {
  const auto end = std::partition_point(entries.begin(), entries.end(), before);
  if (end == entries.begin()) return std::nullopt;
  return *std::prev(end);
}

// A derived file's bytes as they would be mapped.
class MappingInMemory final : public Mapping {
 public:
  explicit MappingInMemory(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] Bytes bytes() const override { return bytes_; }

 private:
  const std::vector<std::byte> bytes_;
};

Result<IndexView> view_index(const Mapping& mapping, const SegmentIdentity& segment) {
  return IndexView::open(segment, mapping.bytes());
}

// Without its folder a segment is out of reach, not lost: the folder may come back.
Error missing(Device& device, const Path& folder, Error error) {
  if (error.code != ErrorCode::kNotFound) return error;
  const Result<bool> there = device.exists(folder / file_names::kManifest);
  error.code = there && *there ? ErrorCode::kDamaged : ErrorCode::kIo;
  return error;
}

Result<std::unique_ptr<Mapping>> map_file(Device& device, const Path& path) {
  Result<std::shared_ptr<File>> file = device.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(std::move(file.error()));
  return (*file)->map();
}

// What is derived from a segment, and goes with it: not left behind when that went meanwhile.
Status write_beside(Device& device, const Path& segment, const Path& path, Bytes bytes) {
  Status written = replace_file(device, path, bytes);
  const Result<bool> there = device.exists(segment);
  if (there && !*there) (void)device.remove(path);
  return written;
}

}  // namespace

void ActiveSegment::add(const BlockHeader& block) {
  const MutexLock lock(mutex_);
  index_.add(block);
  end_ = block.position + block.block_bytes;
}

std::vector<IndexEntry> ActiveSegment::entries() const {
  const MutexLock lock(mutex_);
  return index_.entries();
}

IndexEntry ActiveSegment::find(Offset target) const {
  const MutexLock lock(mutex_);
  return last_where(index_.entries(), [&](const IndexEntry& e) { return e.base_offset <= target; })
      .value_or(first_block());
}

IndexEntry ActiveSegment::find(Timestamp target) const {
  const MutexLock lock(mutex_);
  return last_where(index_.entries(),
                    [&](const IndexEntry& e) { return e.last_timestamp_before < target; })
      .value_or(first_block());
}

FilePosition ActiveSegment::end() const {
  const MutexLock lock(mutex_);
  return end_;
}

void ActiveSegment::set_runs(Runs runs) {
  const MutexLock lock(mutex_);
  runs_ = std::move(runs);
  directories_.reset();
}

Result<std::shared_ptr<const EntityDirectories>> ActiveSegment::entities() const {
  Runs runs;
  {
    const MutexLock lock(mutex_);
    if (directories_ && directories_->is_readable()) return directories_;
    if (runs_.lengths.empty()) return std::make_shared<const EntityDirectories>();
    runs = runs_;
  }
  Result<std::shared_ptr<const EntityDirectories>> opened =
      EntityDirectories::open(*runs.device, runs.path, identity(), runs.lengths);
  if (!opened && opened.error().code == ErrorCode::kIo) return opened;
  if (!opened) {
    std::shared_ptr<const File> blocks = file();
    if (!blocks) {
      Result<std::shared_ptr<File>> named = runs.device->open(
          runs.path.parent_path() / file_names::segment(identity().epoch), OpenMode::kRead);
      if (!named) return std::unexpected(std::move(named.error()));
      blocks = std::move(*named);
    }
    Result<std::vector<std::byte>> built =
        build_directory({.file = std::move(blocks),
                         .segment = identity(),
                         .from = FilePosition(limits::kSectorBytes),
                         .end = runs.log_end,
                         .offsets = {.first = base_offset(), .end = runs.end_offset}},
                        *runs.pool);
    if (!built) return std::unexpected(std::move(built.error()));
    opened = EntityDirectories::of(identity(), std::move(*built));
    if (!opened) return opened;
  }
  const MutexLock lock(mutex_);
  if (runs.lengths == runs_.lengths) directories_ = *opened;
  return opened;
}

Result<IndexBuilder> rebuild_index(std::shared_ptr<const File> file, const SegmentIdentity& segment,
                                   FilePosition end, BufferPool& pool) {
  BlockReader blocks({.file = std::move(file),
                      .segment = segment,
                      .from = FilePosition(limits::kSectorBytes),
                      .end = end},
                     pool);
  IndexBuilder index;
  while (!blocks.at_end()) {
    Result<BlockRef> block = blocks.next();
    if (block) {
      index.add((*block)->header);
      continue;
    }
    if (block.error().code == ErrorCode::kIo) return std::unexpected(std::move(block.error()));
    Result<std::optional<BlockHeader>> good = blocks.resync();
    if (!good) return std::unexpected(std::move(good.error()));
    if (!*good) break;
  }
  return index;
}

Result<std::shared_ptr<SealedSegment>> SealedSegment::open(Device& device, const Place& place,
                                                           BufferPool& pool) {
  const Path path = place.folder / file_names::segment(place.segment.epoch);
  Result<std::shared_ptr<File>> file = device.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(missing(device, place.folder, std::move(file.error())));
  Result<std::uint64_t> size = (*file)->size();
  if (!size) return std::unexpected(std::move(size.error()));
  if (*size != place.file_bytes) {
    return fail(ErrorCode::kDamaged, path.string() + ": is " + std::to_string(*size) +
                                         " bytes long, its manifest says " +
                                         std::to_string(place.file_bytes));
  }
  const FilePosition end(place.file_bytes - limits::kSectorBytes);

  const Path index_path = place.folder / file_names::index(place.segment.epoch);
  Result<std::unique_ptr<Mapping>> mapping = map_file(device, index_path);
  Result<IndexView> index = mapping ? view_index(**mapping, place.segment)
                                    : Result<IndexView>(std::unexpected(mapping.error()));
  if (!mapping && is_shortage(mapping.error())) return std::unexpected(std::move(mapping.error()));
  if (!index) {
    Result<IndexBuilder> rebuilt = rebuild_index(*file, place.segment, end, pool);
    if (!rebuilt) return std::unexpected(std::move(rebuilt.error()));
    // Where it cannot be written (a full or read-only device) it serves from memory.
    const std::vector<std::byte> encoded = encode_index(place.segment, rebuilt->entries());
    (void)write_beside(device, path, index_path, encoded);
    mapping = std::make_unique<MappingInMemory>(encoded);
    index = view_index(**mapping, place.segment);
    BIMIP_ASSERT(index.has_value());
  }
  return std::shared_ptr<SealedSegment>(
      new SealedSegment(device, pool, place, std::move(*file), std::move(*mapping), *index));
}

Result<OpenedEntities> open_entities(Device& device, BufferPool& pool,
                                     const SealedSegment::Place& place,
                                     std::shared_ptr<const File> file) {
  const Path path = place.folder / file_names::entities(place.segment.epoch);
  const OffsetRange offsets{.first = place.base_offset, .end = place.end_offset};
  Result<std::shared_ptr<const EntityDirectories>> opened =
      EntityDirectories::open(device, path, place.segment);
  if (opened && (*opened)->views().front().offsets() == offsets)
    return OpenedEntities{.directories = std::move(*opened), .why = {}};
  if (!opened && opened.error().code == ErrorCode::kIo)
    return std::unexpected(std::move(opened.error()));
  std::string why = opened ? "it covers other offsets" : opened.error().message;
  if (!file) return fail(ErrorCode::kDamaged, path.string() + ": " + why + "; nor is its segment");
  Result<std::vector<std::byte>> built =
      build_directory({.file = std::move(file),
                       .segment = place.segment,
                       .from = FilePosition(limits::kSectorBytes),
                       .end = FilePosition(place.file_bytes - limits::kSectorBytes),
                       .offsets = offsets},
                      pool);
  if (!built) return std::unexpected(std::move(built.error()));
  const Status written =
      write_beside(device, place.folder / file_names::segment(place.segment.epoch), path, *built);
  if (!written && (written.error().code == ErrorCode::kIo || is_shortage(written.error())))
    return std::unexpected(written.error());
  opened = EntityDirectories::open(device, path, place.segment);
  // Another thread made it anew at the same time, or the segment is no more.
  if (!opened) opened = EntityDirectories::of(place.segment, std::move(*built));
  if (!opened) return std::unexpected(std::move(opened.error()));
  return OpenedEntities{.directories = std::move(*opened), .why = std::move(why)};
}

Result<OpenedEntities> open_entities(Device& device, BufferPool& pool,
                                     const SealedSegment::Place& place) {
  const Result<std::shared_ptr<File>> file =
      device.open(place.folder / file_names::segment(place.segment.epoch), OpenMode::kRead);
  return open_entities(device, pool, place, file ? *file : std::shared_ptr<File>());
}

SealedSegment::Place place_of(const Path& folder, const SegmentIdentity& partition,
                              const ManifestSegment& segment) {
  SealedSegment::Place place{.folder = folder,
                             .segment = partition,
                             .base_offset = segment.base_offset,
                             .end_offset = segment.end_offset,
                             .file_bytes = segment.file_bytes};
  place.segment.epoch = segment.epoch;
  return place;
}

Result<std::shared_ptr<const EntityDirectories>> SealedSegment::entities() const {
  const MutexLock lock(mutex_);
  if (directories_ && directories_->is_readable()) return directories_;
  Result<OpenedEntities> opened = open_entities(device_, pool_, place_, file());
  if (!opened) return std::unexpected(std::move(opened.error()));
  return directories_ = std::move(opened->directories);
}

IndexEntry SealedSegment::find(Offset target) const {
  return unless_unreadable(index_.find(target));
}

IndexEntry SealedSegment::find(Timestamp target) const {
  return unless_unreadable(index_.find(target));
}

// Without an index reading begins with the first block.
IndexEntry SealedSegment::unless_unreadable(const std::optional<IndexEntry>& found) const {
  if (!found || !mapping_->is_readable()) return first_block();
  return *found;
}

}  // namespace bimip::engine
