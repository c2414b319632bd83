#include "engine/partition/recovery.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/entity/base_file.h"
#include "engine/format/file_names.h"
#include "engine/partition/entity_fold.h"
#include "engine/partition/segment_scan.h"
#include "engine/partition/unproven_blocks.h"

namespace bimip::engine {
namespace {

// What a later program wrote is not damage: the partition is left to it, untouched.
bool is_of_later_program(const Result<SegmentHeader>& header) {
  return !header && header.error().code == ErrorCode::kUnsupportedVersion;
}

FilePosition whole_sectors(std::uint64_t bytes) {
  return FilePosition(bytes / limits::kSectorBytes * limits::kSectorBytes);
}

constexpr std::uint64_t kTableBytesMax = 1ULL << 30;  // far above any table a store writes

// One partition's recovery, step by step.
class Recovery {
 public:
  Recovery(Device& device, BufferPool& pool, const SegmentKeeper::Place& place, Timestamp now,
           const RecoveryOptions& options)
      : device_(device), pool_(pool), place_(place), now_(now), options_(options) {
    out_.report.topic = place.partition.topic;
    out_.report.partition = place.partition.partition;
    out_.entities =
        std::make_unique<EntityIndex>(place.partition.store, place.entities_in_memory_max);
  }

  Result<RecoveredPartition> run() {
    Status done = load_manifest();
    if (done) done = tidy_folder();
    if (done) done = check_sealed();
    if (done) done = load_producers();
    if (done) done = load_entities();
    if (done) done = recover_segments();
    if (!done) return std::unexpected(std::move(done.error()));
    out_.held.settle();
    out_.report.log_end = out_.tail.next_offset;
    return std::move(out_);
  }

 private:
  Path path(const std::string& name) const { return place_.folder / name; }
  void note(std::string text) { out_.report.notes.push_back(std::move(text)); }

  Status load_manifest() {
    const Path path = place_.folder / file_names::kManifest;
    // A process that ended between a rename and the folder's sync left a name that is not durable.
    if (options_.synced_by == SyncedBy::kRecovery) {
      if (Status synced = device_.sync_directory(place_.folder); !synced) return synced;
    }
    Result<std::vector<std::byte>> bytes = read_file(device_, path, kTableBytesMax);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    out_.report.bytes_read += bytes->size();
    Result<Manifest> manifest = decode_manifest(place_.partition, *bytes);
    if (!manifest) {
      manifest.error().message += "; 'bimip log verify' says what is left of the partition";
      return fail_at(path.string(), std::move(manifest.error()));
    }
    out_.keeper = std::make_unique<SegmentKeeper>(device_, place_, std::move(*manifest));
    return {};
  }

  // Removes what an interrupted step left behind and nothing refers to; names what it does not
  // know.
  Status tidy_folder() {
    Result<std::vector<std::string>> names = device_.list(place_.folder);
    if (!names) return std::unexpected(std::move(names.error()));
    const std::vector<ManifestSegment>& segments = out_.keeper->manifest().segments;
    const auto listed = [&](Epoch epoch) {
      return std::ranges::find(segments, epoch, &ManifestSegment::epoch) != segments.end();
    };
    for (const std::string& name : *names) {
      if (name == file_names::kManifest || name == file_names::kLosses ||
          name == file_names::kEntityBase)
        continue;
      if (name.ends_with(file_names::kNewSuffix)) {
        if (Status gone = device_.remove(path(name)); !gone) return gone;
        continue;
      }
      const std::optional<file_names::PartitionFile> file = file_names::parse(name);
      if (!file) {
        note(name + ": not a file of this store; left alone");
      } else if (!listed(file->epoch)) {
        if (Status done = judge_unlisted(name, *file); !done) return done;
      }
    }
    return {};
  }

  // What belongs to no listed segment: derived files mean nothing, side files stay.
  Status judge_unlisted(const std::string& name, const file_names::PartitionFile& file) {
    switch (file.kind) {
      case file_names::FileKind::kSegment:
        return judge_segment(name, file.epoch);
      case file_names::FileKind::kProducers:
        if (file.epoch == out_.keeper->manifest().producers) return {};
        return device_.remove(path(name));
      case file_names::FileKind::kIndex:
      case file_names::FileKind::kCheckpoint:
      case file_names::FileKind::kEntities:
      case file_names::FileKind::kEntityRuns:
        return device_.remove(path(name));
      case file_names::FileKind::kTorn:
      case file_names::FileKind::kQuarantine:
        return {};
    }
    return {};
  }

  // A segment that the manifest does not list was made by a step that never finished, and no commit
  // went into it; or it is one side of a rewrite, or below the log's start, and all it holds is
  // elsewhere or meant to be gone.
  Status judge_segment(const std::string& name, Epoch epoch) {
    if (epoch < out_.keeper->manifest().next_epoch) {
      Result<bool> left_over = is_left_over(name, epoch);
      if (!left_over) return std::unexpected(std::move(left_over.error()));
      if (*left_over) return device_.remove(path(name));
    }
    return remove_if_unused(name, epoch);
  }

  // Whether every offset it covers is below the log's first segment or in a listed sealed segment
  // that is there with its whole length.
  Result<bool> is_left_over(const std::string& name, Epoch epoch) {
    Result<std::shared_ptr<File>> file = device_.open(path(name), OpenMode::kRead);
    if (!file) return std::unexpected(std::move(file.error()));
    Result<std::uint64_t> size = (*file)->size();
    if (!size) return std::unexpected(std::move(size.error()));
    if (*size < 2 * limits::kSectorBytes) return false;
    Sector sector{};
    Result<std::size_t> got = (*file)->read_at(FilePosition(*size - limits::kSectorBytes), sector);
    if (!got) return std::unexpected(std::move(got.error()));
    out_.report.bytes_read += *got;
    const Result<SegmentFooter> footer = decode_segment_footer(sector);
    if (!footer || footer->identity != out_.keeper->identity(epoch)) return false;
    Offset covered = footer->base_offset;
    for (const ManifestSegment& segment : out_.keeper->manifest().segments) {
      if (segment.state != SegmentState::kSealed) break;
      if (covered < segment.base_offset) covered = segment.base_offset;  // below the log's start
      if (covered >= footer->end_offset) break;
      if (segment.end_offset <= covered) continue;
      Result<std::shared_ptr<File>> other =
          device_.open(path(file_names::segment(segment.epoch)), OpenMode::kRead);
      if (!other) return false;
      Result<std::uint64_t> length = (*other)->size();
      if (!length || *length != segment.file_bytes) return false;
      covered = segment.end_offset;
    }
    if (covered >= footer->end_offset) return true;
    // With no sealed segment left, all before the active one is below the start.
    const ManifestSegment& front = out_.keeper->manifest().segments.front();
    return front.state == SegmentState::kActive && footer->end_offset <= front.base_offset;
  }

  Status remove_if_unused(const std::string& name, Epoch epoch) {
    Result<std::shared_ptr<File>> file = device_.open(path(name), OpenMode::kRead);
    if (!file) return std::unexpected(std::move(file.error()));
    Sector sector{};
    Result<std::size_t> got = (*file)->read_at(FilePosition(0), sector);
    if (!got) return std::unexpected(std::move(got.error()));
    out_.report.bytes_read += *got;
    if (epoch >= out_.keeper->manifest().next_epoch && all_zero(sector))
      return device_.remove(path(name));
    note(name + ": a segment that the manifest does not list; left alone");
    if (epoch < out_.keeper->manifest().next_epoch) return {};
    Manifest manifest = out_.keeper->manifest();
    manifest.next_epoch = epoch + 1;
    return out_.keeper->replace_manifest(std::move(manifest));
  }

  // Sealed segments are only looked at from outside: what is in them is checked when it is read.
  Status check_sealed() {
    for (const ManifestSegment& segment : out_.keeper->manifest().segments) {
      if (segment.state != SegmentState::kSealed) continue;
      out_.last_timestamp = std::max(out_.last_timestamp, segment.last_timestamp);
      const Path where = path(file_names::segment(segment.epoch));
      Result<std::shared_ptr<File>> file = device_.open(where, OpenMode::kRead);
      Result<std::uint64_t> size =
          file ? (*file)->size() : Result<std::uint64_t>(std::unexpected(file.error()));
      if (size && *size == segment.file_bytes) continue;
      out_.report.damaged.push_back(
          {.epoch = segment.epoch,
           .from = FilePosition(0),
           .end = FilePosition(segment.file_bytes),
           .offsets = {.first = segment.base_offset, .end = segment.end_offset},
           .why = size ? where.string() + ": has " + std::to_string(*size) + " bytes of " +
                             std::to_string(segment.file_bytes)
                       : size.error().message});
    }
    return {};
  }

  // The state at the end of the newest sealed segment; rebuilt from the blocks when its file is
  // missing or wrong.
  Status load_producers() {
    const std::vector<ManifestSegment>& segments = out_.keeper->manifest().segments;
    const auto active = std::ranges::find(segments, SegmentState::kActive, &ManifestSegment::state);
    const Epoch newest = out_.keeper->manifest().producers;
    if (newest == Epoch(0)) return {};
    const Path where = path(file_names::producers(newest));
    Result<std::vector<std::byte>> bytes = read_file(device_, where, kTableBytesMax);
    Result<ProducerState> state = bytes
                                      ? decode_producer_state(out_.keeper->identity(newest), *bytes)
                                      : Result<ProducerState>(std::unexpected(bytes.error()));
    if (state) {
      out_.report.bytes_read += bytes->size();
      out_.producers = ProducerTable(*state);
      out_.held = HeldRecords(std::move(state->held));
      return {};
    }
    note(where.filename().string() + ": " + state.error().message + "; rebuilt from the segments");
    for (auto segment = segments.begin(); segment != active; ++segment) {
      if (Status done = replay_producers(*segment); !done) return done;
    }
    return replace_file(device_, where,
                        encode_producer_state(out_.keeper->identity(newest), remembered()));
  }

  // The newest records of all entities of the sealed segments, by their directories.
  Status load_entities() {
    Result<Offset> counted = load_base();
    if (!counted) return std::unexpected(std::move(counted.error()));
    for (const ManifestSegment& segment : out_.keeper->manifest().segments) {
      if (segment.state != SegmentState::kSealed || segment.end_offset <= *counted) continue;
      Result<OpenedEntities> opened = open_entities(device_, pool_, out_.keeper->place_of(segment));
      if (!opened && opened.error().code == ErrorCode::kDamaged) {
        note(opened.error().message);
        out_.entities->lose({.offsets = {.first = segment.base_offset, .end = segment.end_offset}});
        continue;
      }
      if (!opened) return std::unexpected(std::move(opened.error()));
      if (!opened->why.empty())
        note(file_names::entities(segment.epoch) + ": " + opened->why + "; rebuilt");
      load(*opened->directories);
    }
    return {};
  }

  // Every record below the offset that it answers is counted in.
  Result<Offset> load_base() {
    Result<std::shared_ptr<const BaseFile>> base =
        BaseFile::open(device_, place_.folder, place_.partition);
    if (!base && (base.error().code == ErrorCode::kIo ||
                  base.error().code == ErrorCode::kUnsupportedVersion))
      return std::unexpected(std::move(base.error()));
    const Offset counted = base ? (*base)->view().header().end_offset : Offset(0);
    const std::vector<LostRecords> forgotten =
        forgotten_records(out_.keeper->manifest().segments, counted);
    for (const LostRecords& lost : forgotten) out_.entities->lose(lost);
    const bool was_there = base || base.error().code != ErrorCode::kNotFound;
    if (!forgotten.empty() || (!base && was_there)) {
      note((base ? "the entity base ends at offset " + std::to_string(counted.value())
                 : base.error().message) +
           (forgotten.empty() ? "; it is made again when it is needed"
                              : "; an entity that it alone knew goes on behind a gap"));
    }
    if (!base) return counted;
    const EntityBaseView& view = (*base)->view();
    const EntityBaseHeader& header = view.header();
    out_.report.bytes_read += header.file_bytes();
    for (const LostRecords& lost : header.lost) out_.entities->lose(lost);
    out_.entities->set_evictable_end(header.end_offset);
    for (std::uint64_t number = 0; number < header.pages(); ++number) {
      Result<EntityPage> page = view.page(number);
      if (!page && !(*base)->is_readable()) return fail(ErrorCode::kIo, page.error().message);
      if (!page) {
        note(page.error().message);
        out_.entities->lose(view.lost_with(number));
        continue;
      }
      for (std::size_t slot = 0; slot < page->size(); ++slot)
        out_.entities->load(page->at(slot).hash, page->at(slot).newest);
    }
    return header.end_offset;
  }

  void load(const EntityDirectories& directories) {
    for (const EntityDirectoryView& view : directories.views()) {
      out_.report.bytes_read += view.bytes();
      for (const LostRecords& lost : view.lost()) out_.entities->lose(lost);
      out_.entities->set_evictable_end(view.offsets().end);
      for (std::size_t slot = 0; slot < view.size(); ++slot) {
        const EntityEntry entry = view.at(slot);
        out_.entities->load(entry.hash(), entry.newest());
      }
    }
  }

  Status replay_producers(const ManifestSegment& segment) {
    Result<std::shared_ptr<File>> file =
        device_.open(path(file_names::segment(segment.epoch)), OpenMode::kRead);
    if (!file) return {};  // reported by check_sealed
    BlockReader blocks({.file = *file,
                        .segment = out_.keeper->identity(segment.epoch),
                        .from = FilePosition(limits::kSectorBytes),
                        .end = FilePosition(segment.file_bytes - limits::kSectorBytes)},
                       pool_);
    while (!blocks.at_end()) {
      Result<BlockRef> block = blocks.next();
      if (block) {
        remember(**block);
        continue;
      }
      if (block.error().code == ErrorCode::kIo) return std::unexpected(std::move(block.error()));
      Result<std::optional<BlockHeader>> good = blocks.resync();
      if (!good) return std::unexpected(std::move(good.error()));
      if (!*good) break;
    }
    out_.report.bytes_read += blocks.bytes_read();
    return {};
  }

  void remember(const Block& block) {
    RecordCursor records = block.records();
    while (!records.done()) {
      const Result<Record> record = records.next();
      if (!record) return;
      out_.producers.add(*record, record->offset, record->timestamp);
      out_.held.add(*record, record->offset);
    }
  }

  ProducerState remembered() {
    out_.held.settle();
    ProducerState state = out_.producers.snapshot();
    state.held = out_.held.snapshot();
    return state;
  }

  // The active segment and, when it was begun, the prepared one.
  Status recover_segments() {
    const Manifest manifest = out_.keeper->manifest();
    const auto active =
        std::ranges::find(manifest.segments, SegmentState::kActive, &ManifestSegment::state);
    const auto prepared = std::next(active);
    if (prepared == manifest.segments.end()) return recover_active(*active, {}, {});

    Result<Begun> begun = look_at_prepared(prepared->epoch);
    if (!begun) return std::unexpected(std::move(begun.error()));
    if (!begun->header) {
      if (Status done = recover_active(*active, {}, {}); !done) return done;
      return keep_prepared(std::move(*begun));
    }
    // The roll waited for everything before it, so the new segment proves that all of the old one
    // was durable.
    if (Status done = recover_active(*active, {}, *begun->header); !done) return done;
    SegmentKeeper::Seal seal{.header = out_.active->header(),
                             .file = out_.active->file(),
                             .tail = out_.tail,
                             .totals = out_.totals,
                             .index = out_.active->entries(),
                             .producers = remembered()};
    seal.tail.next_block = begun->header->first_block;
    seal.tail.previous = begun->header->previous;
    if (Status done = out_.keeper->seal(seal, *begun->header); !done) return done;
    return recover_active(out_.keeper->manifest().segments.back(), *begun->header, {});
  }

  struct Begun {
    SegmentSpace space;
    std::optional<SegmentHeader> header;  // when a commit may have gone into the segment
    bool soiled = false;  // no header, but not all zeros: a header write was cut short
  };

  Result<Begun> look_at_prepared(Epoch epoch) {
    const SegmentIdentity identity = out_.keeper->identity(epoch);
    Result<std::shared_ptr<File>> file =
        device_.open(path(file_names::segment(epoch)), OpenMode::kReadWrite);
    if (!file) return std::unexpected(std::move(file.error()));
    Result<std::uint64_t> size = (*file)->size();
    if (!size) return std::unexpected(std::move(size.error()));
    Begun begun{.space = {.epoch = epoch, .file = *file, .allocated_end = whole_sectors(*size)},
                .header = {},
                .soiled = false};
    Sector sector{};
    Result<std::size_t> got = (*file)->read_at(FilePosition(0), sector);
    if (!got) return std::unexpected(std::move(got.error()));
    out_.report.bytes_read += *got;
    Result<SegmentHeader> header = decode_segment_header(sector);
    if (header && header->identity == identity) {
      begun.header = *header;
      return begun;
    }
    if (is_of_later_program(header)) return std::unexpected(std::move(header.error()));
    begun.soiled = !all_zero(sector);
    // Commits wait for the header. A good block therefore means that the header was there and has
    // rotted.
    BlockReader blocks({.file = *file,
                        .segment = identity,
                        .from = FilePosition(0),
                        .end = begun.space.allocated_end},
                       pool_);
    Result<std::optional<BlockHeader>> good = blocks.resync();
    out_.report.bytes_read += blocks.bytes_read();
    if (!good) return std::unexpected(std::move(good.error()));
    if (*good && (*good)->position == FilePosition(limits::kSectorBytes)) {
      note(file_names::segment(epoch) + ": its header is damaged; taken from its first block");
      begun.header = SegmentHeader{.identity = identity,
                                   .base_offset = (*good)->base_offset,
                                   .first_block = (*good)->number,
                                   .previous = (*good)->previous,
                                   .created_at = (*good)->first_timestamp};
    }
    return begun;
  }

  Status keep_prepared(Begun begun) {
    if (begun.soiled) {
      Status clean =
          zero_range(*begun.space.file, FilePosition(0), FilePosition(limits::kSectorBytes));
      if (!clean) return clean;
    }
    out_.prepared = std::move(begun.space);
    return {};
  }

  // `header`: of the segment, when it is already known. `next`: of the segment behind it, when that
  // was begun.
  Status recover_active(const ManifestSegment& segment, std::optional<SegmentHeader> header,
                        const std::optional<SegmentHeader>& next) {
    const SegmentIdentity identity = out_.keeper->identity(segment.epoch);
    const Path where = path(file_names::segment(segment.epoch));
    Result<std::shared_ptr<File>> file = device_.open(where, OpenMode::kReadWrite);
    if (!file) return std::unexpected(std::move(file.error()));
    Result<std::uint64_t> size = (*file)->size();
    if (!size) return std::unexpected(std::move(size.error()));
    if (!header) {
      Result<SegmentHeader> known = read_header(**file, identity, segment);
      if (!known) return std::unexpected(std::move(known.error()));
      header = *known;
    }

    const Start start = choose_start(*header, *size);
    out_.totals = start.from.totals;
    IndexBuilder index(start.from.index, start.from.totals.last_timestamp);
    UnprovenBlocks unproven(
        **file, std::max(start.from.tail.next_offset, next ? next->base_offset : Offset(0)));
    Status settled;
    Result<SegmentScan> scan =
        scan_segment({.place = {.file = *file,
                                .segment = identity,
                                .from = start.from.tail.position,
                                .end = FilePosition(*size),
                                .zeros_max = zeros_max()},
                      .tail = start.from.tail,
                      .known_durable = std::max(start.known_durable,
                                                next ? next->base_offset : options_.known_durable)},
                     pool_, [&](const Block& block) {
                       if (settled) settled = unproven.add(block);
                       index.add(block.header);
                       out_.totals.add(block.header);
                       remember(block);
                       remember_entities(block);
                     });
    if (!scan) return std::unexpected(std::move(scan.error()));
    if (settled) settled = unproven.write_all();
    if (settled && options_.synced_by == SyncedBy::kRecovery) settled = (*file)->sync();
    if (!settled) return settled;
    out_.report.bytes_read += scan->bytes_read;
    for (const DamagedRange& damage : scan->damaged) {
      if (damage.offsets.first < damage.offsets.end)
        out_.entities->lose({.offsets = damage.offsets});
    }
    std::ranges::move(scan->damaged, std::back_inserter(out_.report.damaged));
    out_.tail = scan->tail;
    // Behind a segment that has a successor stands its footer, or nothing.
    const bool torn = !next && scan->nonzero_end > scan->tail.position;
    out_.report.clean = !torn && (scan->witnessed || scan->tail == start.from.tail);
    if (torn) {
      if (Status cut = cut_tail(**file, identity.epoch, scan->tail.position, scan->nonzero_end);
          !cut)
        return cut;
    }
    out_.last_timestamp = std::max(out_.last_timestamp, out_.totals.last_timestamp);
    out_.allocated_end = whole_sectors(*size);
    out_.active = std::make_shared<ActiveSegment>(*header, std::move(*file), std::move(index),
                                                  scan->tail.position);
    out_.active->set_runs(out_.keeper->runs_of(identity));
    out_.entities->published(out_.tail.next_offset);
    return start.replace_checkpoint ? write_checkpoint() : Status{};
  }

  struct Start {
    Checkpoint from;
    Offset known_durable{};  // a checkpoint knew of more than the file holds
    bool replace_checkpoint =
        false;  // the one on disk must not be believed once the file has grown again
  };

  // A durable log writes no further ahead of what is durable than its commits in flight reach: no
  // block of it is behind so many zeros. A written one may have lost any part to a power cut.
  [[nodiscard]] std::uint64_t zeros_max() const {
    return place_.durability == Durability::kDurable
               ? limits::kCommitsInFlightMax * limits::kBlockBytesMax
               : std::numeric_limits<std::uint64_t>::max();
  }

  // The newest checkpoint of the segment, or its very beginning with the producers known so far.
  Start choose_start(const SegmentHeader& header, std::uint64_t file_bytes) {
    const std::string name = file_names::checkpoint(header.identity.epoch);
    Start start{.from = {.tail = {.position = FilePosition(limits::kSectorBytes),
                                  .next_block = header.first_block,
                                  .next_offset = header.base_offset,
                                  .previous = header.previous}}};
    Result<std::vector<std::byte>> bytes = read_file(device_, path(name), kTableBytesMax);
    if (!bytes) {
      if (bytes.error().code != ErrorCode::kNotFound) note(bytes.error().message);
      return start;
    }
    out_.report.bytes_read += bytes->size();
    Result<Checkpoint> checkpoint = decode_checkpoint(header.identity, *bytes);
    if (!checkpoint) {
      note(name + ": " + checkpoint.error().message + "; the whole segment was read instead");
      start.replace_checkpoint = true;
    } else if (checkpoint->tail.position.value() > file_bytes) {
      note(name + ": knows of more than its segment holds: the segment was cut short");
      start.known_durable = checkpoint->tail.next_offset;
      start.replace_checkpoint = true;
    } else {
      return start_at(header, std::move(*checkpoint), start);
    }
    return start;
  }

  // Unless the entities of what the checkpoint covers are not known.
  Start start_at(const SegmentHeader& header, Checkpoint checkpoint, Start beginning) {
    const std::string name = file_names::entity_runs(header.identity.epoch);
    Result<std::shared_ptr<const EntityDirectories>> runs =
        EntityDirectories::open(device_, path(name), header.identity, checkpoint.entity_runs);
    if (!runs) {
      note(name + ": " + runs.error().message + "; the whole segment was read instead");
      beginning.replace_checkpoint = true;
      return beginning;
    }
    load(**runs);
    out_.keeper->adopt_runs({.epoch = header.identity.epoch,
                             .lengths = checkpoint.entity_runs,
                             .log_end = checkpoint.tail.position,
                             .end_offset = checkpoint.tail.next_offset});
    out_.producers = ProducerTable(checkpoint.producers);
    out_.held = HeldRecords(std::exchange(checkpoint.producers.held, {}));
    beginning.from = std::move(checkpoint);
    return beginning;
  }

  void remember_entities(const Block& block) {
    RecordCursor records = block.records();
    while (!records.done()) {
      const Result<Record> record = records.next();
      if (!record) return;
      if (record->key.empty() || !record->entity) continue;
      out_.entities->load(out_.entities->hash(record->key),
                          {.increment = record->entity->increment, .offset = record->offset});
    }
  }

  Status write_checkpoint() {
    const Status done =
        out_.keeper->write_checkpoint({.header = out_.active->header(),
                                       .file = out_.active->file(),
                                       .checkpoint = {.tail = out_.tail,
                                                      .totals = out_.totals,
                                                      .index = out_.active->entries(),
                                                      .producers = remembered(),
                                                      .entity_runs = {}}});
    if (done) out_.active->set_runs(out_.keeper->runs_of(out_.active->identity()));
    return done;
  }

  Result<SegmentHeader> read_header(const File& file, const SegmentIdentity& identity,
                                    const ManifestSegment& segment) {
    Sector sector{};
    Result<std::size_t> got = file.read_at(FilePosition(0), sector);
    if (!got) return std::unexpected(std::move(got.error()));
    out_.report.bytes_read += *got;
    Result<SegmentHeader> header = decode_segment_header(sector);
    if (header && header->identity == identity) return header;
    if (is_of_later_program(header)) return header;
    // Everything in it is known from the manifest and the segment before.
    const std::vector<ManifestSegment>& segments = out_.keeper->manifest().segments;
    const auto here = std::ranges::find(segments, segment.epoch, &ManifestSegment::epoch);
    note(file_names::segment(segment.epoch) +
         ": its header is damaged or of another segment; taken from the manifest");
    SegmentHeader known{.identity = identity,
                        .base_offset = segment.base_offset,
                        .first_block = {},
                        .previous = {},
                        .created_at = now_};
    if (here != segments.begin()) {
      known.first_block = std::prev(here)->end_block;
      known.previous = std::prev(here)->last;
    }
    return known;
  }

  // Keeps [from, end) in a side file, durably, before it is zeroed.
  Status cut_tail(File& file, Epoch epoch, FilePosition from, FilePosition end) {
    std::vector<std::byte> bytes(end - from);
    Result<std::size_t> got = file.read_at(from, bytes);
    if (!got) return std::unexpected(std::move(got.error()));
    out_.report.bytes_read += *got;
    bytes.resize(*got);
    Result<Path> kept = unused_torn_name(epoch, from);
    if (!kept) return std::unexpected(std::move(kept.error()));
    if (Status done = replace_file(device_, *kept, bytes); !done) return done;
    // A file that was cut short ends anywhere; what is zeroed are whole sectors.
    const std::uint64_t sectors = (end.value() + limits::kSectorBytes - 1) / limits::kSectorBytes;
    if (Status done = zero_range(file, from, FilePosition(sectors * limits::kSectorBytes)); !done)
      return done;
    out_.report.torn.push_back({.epoch = epoch, .from = from, .end = end, .kept_in = *kept});
    return {};
  }

  Result<Path> unused_torn_name(Epoch epoch, FilePosition from) {
    for (std::uint64_t n = 1;; ++n) {
      Path candidate = path(file_names::torn(epoch, from, n));
      Result<bool> there = device_.exists(candidate);
      if (!there) return std::unexpected(std::move(there.error()));
      if (!*there) return candidate;
    }
  }

  Device& device_;
  BufferPool& pool_;
  const SegmentKeeper::Place& place_;
  const Timestamp now_;
  const RecoveryOptions options_;
  RecoveredPartition out_;
};

}  // namespace

Result<RecoveredPartition> recover_partition(Device& device, BufferPool& pool,
                                             const SegmentKeeper::Place& place, Timestamp now,
                                             const RecoveryOptions& options) {
  return Recovery(device, pool, place, now, options).run();
}

}  // namespace bimip::engine
