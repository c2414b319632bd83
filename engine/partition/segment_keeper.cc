#include "engine/partition/segment_keeper.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "engine/base/assert.h"
#include "engine/entity/base_file.h"
#include "engine/format/file_names.h"
#include "engine/partition/entity_fold.h"
#include "engine/partition/spare_segments.h"

namespace bimip::engine {
namespace {

SegmentIdentity with_epoch(SegmentIdentity identity, Epoch epoch) {
  identity.epoch = epoch;
  return identity;
}

// A new segment file of so many reserved bytes, synced, its name not yet durable. One that is there
// was made by an attempt that failed later, perhaps after a manifest had listed it.
Result<std::shared_ptr<File>> create_segment_file(Device& device, const Path& path,
                                                  std::uint64_t bytes, ZeroAhead zero) {
  Result<std::shared_ptr<File>> file = device.open(path, OpenMode::kCreate);
  const bool is_new = file.has_value();
  if (!file && file.error().code == ErrorCode::kAlreadyExists)
    file = device.open(path, OpenMode::kReadWrite);
  if (!file) return file;
  Status done = (*file)->allocate(FilePosition(0), bytes);
  if (done && zero == ZeroAhead::kYes)
    done = zero_range(**file, FilePosition(0), FilePosition(bytes));
  if (done) done = (*file)->sync();
  if (!done) {
    if (is_new) (void)device.remove(path);
    return std::unexpected(std::move(done.error()));
  }
  return file;
}

}  // namespace

Status zero_range(File& file, FilePosition from, FilePosition end) {
  static constexpr std::size_t kStep = 1024 * 1024;
  alignas(limits::kSectorBytes) static constexpr std::array<std::byte, kStep> kZeros{};
  for (FilePosition at = from; at < end; at += kStep) {
    const std::size_t count = std::min<std::uint64_t>(kStep, end - at);
    if (Status done = file.write_aligned_at(at, Bytes(kZeros).first(count)); !done) return done;
  }
  return file.sync();
}

SegmentIdentity SegmentKeeper::identity(Epoch epoch) const {
  return with_epoch(place_.partition, epoch);
}

Status SegmentKeeper::check_space(std::uint64_t bytes) const {
  Result<std::uint64_t> free = device_.free_bytes(place_.folder);
  if (!free) return std::unexpected(std::move(free.error()));
  if (*free < place_.free_space_floor + bytes) {
    return fail(ErrorCode::kNoSpace, place_.folder.string() + ": " + std::to_string(*free) +
                                         " bytes are free; the floor is " +
                                         std::to_string(place_.free_space_floor));
  }
  return {};
}

Status SegmentKeeper::check_presence(Epoch epoch) const {
  const Path where = path(file_names::segment(epoch));
  Result<bool> there = device_.exists(where);
  if (!there) return std::unexpected(std::move(there.error()));
  if (!*there) return fail(ErrorCode::kIo, where.string() + ": has vanished");
  return {};
}

// As small as can be: space is reserved when there is something to write.
Status SegmentKeeper::create(Device& device, const Place& place, Timestamp now) {
  const Epoch epoch(1);
  SegmentKeeper keeper(device, place, {});
  if (Status room = keeper.check_space(2 * limits::kSectorBytes); !room) return room;
  Sector sector;
  encode_segment_header({.identity = keeper.identity(epoch),
                         .base_offset = {},
                         .first_block = {},
                         .previous = {},
                         .created_at = now},
                        sector);
  if (Status done = keeper.write_new(file_names::segment(epoch), sector); !done) return done;
  Manifest manifest{.partition = place.partition,
                    .version = 1,
                    .next_epoch = epoch + 1,
                    .log_start = {},
                    .segments = {}};
  manifest.segments.push_back({.epoch = epoch, .state = SegmentState::kActive});
  return keeper.write_new(std::string(file_names::kManifest), encode_manifest(manifest));
}

Status SegmentKeeper::write_new(const std::string& name, Bytes bytes) {
  Result<std::shared_ptr<File>> file = device_.open(path(name), OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  return (*file)->write_at(FilePosition(0), bytes);
}

Result<std::shared_ptr<File>> SegmentKeeper::open_segment(Epoch epoch) const {
  return device_.open(path(file_names::segment(epoch)), OpenMode::kReadWrite);
}

Status SegmentKeeper::replace_manifest(Manifest manifest) {
  ++manifest.version;
  Status done =
      replace_file(device_, path(std::string(file_names::kManifest)), encode_manifest(manifest));
  if (done) manifest_ = std::move(manifest);
  return done;
}

Result<SegmentSpace> SegmentKeeper::new_segment(Epoch epoch, const Space& space) {
  const Path where = path(file_names::segment(epoch));
  if (place_.spares != nullptr) {
    Result<std::shared_ptr<File>> spare = place_.spares->take(space.segment_bytes, where);
    if (!spare) return std::unexpected(std::move(spare.error()));
    if (*spare)
      return SegmentSpace{.epoch = epoch,
                          .file = std::move(*spare),
                          .allocated_end = FilePosition(space.segment_bytes)};
  }
  if (Status room = check_space(space.bytes); !room)
    return std::unexpected(std::move(room.error()));
  Result<std::shared_ptr<File>> file = create_segment_file(device_, where, space.bytes, space.zero);
  if (!file) return std::unexpected(std::move(file.error()));
  return SegmentSpace{
      .epoch = epoch, .file = std::move(*file), .allocated_end = FilePosition(space.bytes)};
}

Result<SegmentSpace> SegmentKeeper::prepare(const Space& space) {
  if (manifest_.segments.back().state != SegmentState::kActive)
    return fail(ErrorCode::kNoSpace, "there was no room to seal the segment before");
  const Epoch epoch = manifest_.next_epoch;
  Result<SegmentSpace> made = new_segment(epoch, space);
  if (!made) return made;
  Manifest manifest = manifest_;
  manifest.next_epoch = epoch + 1;
  manifest.segments.push_back({.epoch = epoch, .state = SegmentState::kPrepared});
  // The file's name is durable before a manifest lists it: of two names in one folder a power cut
  // may keep the later and lose the earlier.
  Status done = device_.sync_directory(place_.folder);
  if (done) done = replace_manifest(std::move(manifest));
  if (!done) return std::unexpected(std::move(done.error()));
  return made;
}

Result<FilePosition> SegmentKeeper::extend(const SegmentSpace& space, std::uint64_t bytes,
                                           ZeroAhead zero) {
  if (Status room = check_space(bytes); !room) return std::unexpected(std::move(room.error()));
  if (Status done = space.file->allocate(space.allocated_end, bytes); !done) {
    return std::unexpected(std::move(done.error()));
  }
  const FilePosition end = space.allocated_end + bytes;
  Status done = zero == ZeroAhead::kYes ? zero_range(*space.file, space.allocated_end, end)
                                        : space.file->sync();
  if (!done) return std::unexpected(std::move(done.error()));
  return end;
}

// An earlier attempt may have cut the file and failed to sync it; the same cut again would change
// nothing, and nothing would become durable.
Status SegmentKeeper::cut_to(File& file, std::uint64_t bytes) {
  Result<std::uint64_t> size = file.size();
  if (!size) return std::unexpected(std::move(size.error()));
  if (*size == bytes) {
    if (Status done = file.truncate(bytes + limits::kSectorBytes); !done) return done;
  }
  return file.truncate(bytes);
}

Status SegmentKeeper::seal(const Seal& seal, const SegmentHeader& next) {
  const Epoch epoch = seal.header.identity.epoch;
  const SegmentFooter footer = make_footer(seal.header, seal.tail, seal.totals);
  const std::uint64_t file_bytes = seal.tail.position.value() + limits::kSectorBytes;
  Sector sector;
  encode_segment_footer(footer, sector);
  if (Status done = seal.file->write_at(footer.position, sector); !done) return done;
  if (Status done = cut_to(*seal.file, file_bytes); !done) return done;
  if (Status done = seal.file->sync(); !done) return done;
  if (Status done = replace_file(device_, path(file_names::index(epoch)),
                                 encode_index(seal.header.identity, seal.index));
      !done) {
    return done;
  }
  if (Status done = replace_file(device_, path(file_names::producers(epoch)),
                                 encode_producer_state(seal.header.identity, seal.producers));
      !done) {
    return done;
  }

  Result<std::vector<std::byte>> entities = directory_of(seal);
  if (!entities) return std::unexpected(std::move(entities.error()));
  if (Status done = replace_file(device_, path(file_names::entities(epoch)), *entities); !done)
    return done;

  Manifest manifest = manifest_;
  BIMIP_ASSERT(manifest.segments.size() >= 2);
  ManifestSegment& prepared = manifest.segments.back();
  ManifestSegment& sealed = manifest.segments[manifest.segments.size() - 2];
  BIMIP_ASSERT(sealed.epoch == epoch && sealed.state == SegmentState::kActive);
  BIMIP_ASSERT(prepared.epoch == next.identity.epoch && prepared.state == SegmentState::kPrepared);
  sealed = {.epoch = epoch,
            .state = SegmentState::kSealed,
            .base_offset = footer.base_offset,
            .end_offset = footer.end_offset,
            .file_bytes = file_bytes,
            .record_count = footer.record_count,
            .record_bytes = footer.record_bytes,
            .first_timestamp = footer.first_timestamp,
            .last_timestamp = footer.last_timestamp,
            .last = footer.last,
            .end_block = footer.end_block,
            .rewrites = footer.rewrites};
  prepared.state = SegmentState::kActive;
  prepared.base_offset = next.base_offset;
  const Epoch older = std::exchange(manifest.producers, epoch);
  if (Status done = replace_manifest(std::move(manifest)); !done) return done;

  remove_quietly(file_names::checkpoint(epoch));
  remove_quietly(file_names::entity_runs(epoch));
  if (older != epoch) remove_quietly(file_names::producers(older));
  return {};
}

Result<Epoch> SegmentKeeper::reserve_epoch(std::uint64_t bytes) {
  if (Status room = check_space(bytes); !room) return std::unexpected(std::move(room.error()));
  Manifest manifest = manifest_;
  const Epoch epoch = manifest.next_epoch;
  manifest.next_epoch = epoch + 1;
  if (Status done = replace_manifest(std::move(manifest)); !done)
    return std::unexpected(std::move(done.error()));
  return epoch;
}

Status SegmentKeeper::replace_segments(std::span<const ManifestSegment> sources,
                                       const ManifestSegment& rewritten) {
  Manifest manifest = manifest_;
  const auto first =
      std::ranges::find(manifest.segments, sources.front().epoch, &ManifestSegment::epoch);
  BIMIP_ASSERT(static_cast<std::size_t>(manifest.segments.end() - first) > sources.size());
  const auto end = first + static_cast<std::ptrdiff_t>(sources.size());
  BIMIP_ASSERT(std::equal(first, end, sources.begin(), sources.end()));
  BIMIP_ASSERT(first->base_offset == rewritten.base_offset &&
               sources.back().end_offset == rewritten.end_offset &&
               sources.back().last == rewritten.last);
  if (is_thinned(rewritten)) {
    if (Status done = remember_entities(rewritten.end_offset); !done) return done;
  }
  const std::string name = file_names::segment(rewritten.epoch);
  if (Status done = device_.rename(path(name + std::string(file_names::kNewSuffix)), path(name));
      !done)
    return done;
  Status done = device_.sync_directory(place_.folder);
  *first = rewritten;
  manifest.segments.erase(first + 1, end);
  if (done) done = replace_manifest(std::move(manifest));
  if (!done && done.error().code == ErrorCode::kNoSpace) remove_segment(rewritten.epoch);
  return done;
}

Result<std::vector<ManifestSegment>> SegmentKeeper::move_start(Offset start) {
  Manifest manifest = manifest_;
  const auto first_kept = std::ranges::find_if(manifest.segments, [&](const ManifestSegment& s) {
    return s.state != SegmentState::kSealed || s.end_offset > start;
  });
  std::vector<ManifestSegment> gone(manifest.segments.begin(), first_kept);
  manifest.segments.erase(manifest.segments.begin(), first_kept);
  if (!gone.empty()) {
    if (Status done = remember_entities(gone.back().end_offset); !done)
      return std::unexpected(std::move(done.error()));
  }
  manifest.log_start = start;
  if (Status done = replace_manifest(std::move(manifest)); !done)
    return std::unexpected(std::move(done.error()));
  return gone;
}

SealedSegment::Place SegmentKeeper::place_of(const ManifestSegment& segment) const {
  return engine::place_of(place_.folder, place_.partition, segment);
}

Status SegmentKeeper::remember_entities(Offset end) {
  Result<std::shared_ptr<const BaseFile>> base =
      BaseFile::open(device_, place_.folder, place_.partition);
  if (base && (*base)->view().header().end_offset >= end) return {};
  return fold_entities();
}

Status SegmentKeeper::fold_entities() {
  Result<std::shared_ptr<const BaseFile>> base =
      BaseFile::open(device_, place_.folder, place_.partition);
  if (!base && base.error().code != ErrorCode::kNotFound &&
      base.error().code != ErrorCode::kDamaged && base.error().code != ErrorCode::kForeign)
    return std::unexpected(std::move(base.error()));
  const Offset counted = base ? (*base)->view().header().end_offset : Offset(0);
  Offset end;
  for (const ManifestSegment& segment : manifest_.segments)
    if (segment.state == SegmentState::kSealed) end = segment.end_offset;
  if (end <= counted) return {};
  return fold_segments(device_, *place_.pool,
                       {.folder = place_.folder,
                        .partition = place_.partition,
                        .segments = manifest_.segments,
                        .base = base ? *base : nullptr,
                        .from = counted,
                        .lost = forgotten_records(manifest_.segments, counted),
                        .end = end});
}

void SegmentKeeper::remove_segments(std::span<const ManifestSegment> segments) {
  for (const ManifestSegment& segment : segments) remove_segment(segment.epoch);
}

// Nobody who has it open is disturbed. The segment goes first: whoever makes a derived file anew
// looks whether it is there.
void SegmentKeeper::remove_segment(Epoch epoch) {
  remove_quietly(file_names::segment(epoch));
  remove_quietly(file_names::index(epoch));
  remove_quietly(file_names::entities(epoch));
}

Status SegmentKeeper::write_checkpoint(CheckpointWork work) {
  const bool is_first = begin_runs(work.header);
  if (is_first || std::max(work.keyed, owed_) == Keyed::kSome) {
    owed_ = Keyed::kSome;
    if (Status done = add_run(work); !done) return done;
    owed_ = Keyed::kNone;
  }
  runs_.log_end = work.checkpoint.tail.position;
  runs_.end_offset = work.checkpoint.tail.next_offset;
  work.checkpoint.entity_runs = runs_.lengths;
  const SegmentIdentity& segment = work.header.identity;
  return replace_file(device_, path(file_names::checkpoint(segment.epoch)),
                      encode_checkpoint(segment, work.checkpoint));
}

ActiveSegment::Runs SegmentKeeper::runs_of(const SegmentIdentity& segment) const {
  if (runs_.epoch != segment.epoch) return {};
  return {.device = &device_,
          .pool = place_.pool,
          .path = path(file_names::entity_runs(segment.epoch)),
          .lengths = runs_.lengths,
          .log_end = runs_.log_end,
          .end_offset = runs_.end_offset};
}

// Whether they began anew: nothing of the segment is in a run yet.
bool SegmentKeeper::begin_runs(const SegmentHeader& header) {
  if (runs_.epoch == header.identity.epoch) return false;
  runs_ = {.epoch = header.identity.epoch,
           .lengths = {},
           .log_end = FilePosition(limits::kSectorBytes),
           .end_offset = header.base_offset};
  return true;
}

// The entities between what the runs cover and `tail`.
Result<std::vector<std::byte>> SegmentKeeper::newest_run(const SegmentHeader& header,
                                                         std::shared_ptr<const File> file,
                                                         const LogTail& tail) const {
  return build_directory({.file = std::move(file),
                          .segment = header.identity,
                          .from = runs_.log_end,
                          .end = tail.position,
                          .offsets = {.first = runs_.end_offset, .end = tail.next_offset}},
                         *place_.pool);
}

// Behind the runs that the newest checkpoint lists: what a crash leaves there is written over.
Status SegmentKeeper::add_run(const CheckpointWork& work) {
  Result<std::vector<std::byte>> run = newest_run(work.header, work.file, work.checkpoint.tail);
  if (!run) return std::unexpected(std::move(run.error()));
  const Path where = path(file_names::entity_runs(work.header.identity.epoch));
  Result<bool> there = device_.exists(where);
  if (!there) return std::unexpected(std::move(there.error()));
  Result<std::shared_ptr<File>> file =
      device_.open(where, *there ? OpenMode::kReadWrite : OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  const std::uint64_t end = std::accumulate(runs_.lengths.begin(), runs_.lengths.end(), 0ULL);
  if (Status done = (*file)->write_at(FilePosition(end), *run); !done) return done;
  if (Status done = (*file)->sync(); !done) return done;
  if (!*there) {
    if (Status done = device_.sync_directory(place_.folder); !done) return done;
  }
  runs_.lengths.push_back(run->size());
  return {};
}

// Of the whole segment: its runs and what came after them. A run that cannot be read is made again
// from the blocks.
Result<std::vector<std::byte>> SegmentKeeper::directory_of(const Seal& seal) {
  const bool is_first = begin_runs(seal.header);
  const SegmentIdentity& segment = seal.header.identity;
  const OffsetRange offsets{.first = seal.header.base_offset, .end = seal.tail.next_offset};
  const bool is_empty =
      !is_first && runs_.lengths.empty() && std::max(seal.keyed, owed_) == Keyed::kNone;
  owed_ = Keyed::kNone;
  if (is_empty) return EntityDirectoryWriter(offsets).finish(segment);
  Result<std::shared_ptr<const EntityDirectories>> runs = EntityDirectories::open(
      device_, path(file_names::entity_runs(segment.epoch)), segment, runs_.lengths);
  if (!runs) {
    runs_.epoch = Epoch(0);
    begin_runs(seal.header);
  }
  Result<std::vector<std::byte>> rest = newest_run(seal.header, seal.file, seal.tail);
  if (!rest) return rest;
  std::vector<EntityDirectoryView> views;
  if (runs) views = (*runs)->views();
  Result<EntityDirectoryView> newest = EntityDirectoryView::open(segment, *rest);
  BIMIP_ASSERT(newest.has_value());
  views.push_back(*newest);
  std::vector<std::byte> merged = merge_directories(segment, views, offsets);
  if (runs && !(*runs)->is_readable())
    return fail(ErrorCode::kIo, file_names::entity_runs(segment.epoch) + ": cannot be read");
  return merged;
}

// What it removes is derived and no longer needed; a file that stays is removed by the next
// recovery.
void SegmentKeeper::remove_quietly(const std::string& name) { (void)device_.remove(path(name)); }

}  // namespace bimip::engine
