// What an erasure has removed beside the segments.
#include <algorithm>

#include "engine/entity/base_file.h"
#include "engine/format/file_names.h"
#include "engine/partition/producer_table.h"
#include "engine/partition/segment_keeper.h"

namespace bimip::engine {
namespace {

constexpr std::uint64_t kTableBytesMax = 1ULL << 30;  // far above any table a store writes

bool is_side_file(const std::string& name) {
  const std::optional<file_names::PartitionFile> file = file_names::parse(name);
  return file && (file->kind == file_names::FileKind::kTorn ||
                  file->kind == file_names::FileKind::kQuarantine);
}

}  // namespace

Status SegmentKeeper::forget_entity(const EntityHash& entity) {
  Result<std::shared_ptr<const BaseFile>> base =
      BaseFile::open(device_, place_.folder, place_.partition);
  if (!base && base.error().code == ErrorCode::kNotFound) return {};
  if (!base) return std::unexpected(std::move(base.error()));
  return fold_into_base(device_, {.folder = place_.folder,
                                  .partition = place_.partition,
                                  .base = *base,
                                  .end = (*base)->view().header().end_offset,
                                  .without = entity});
}

Status SegmentKeeper::forget_idempotency(std::span<const Offset> offsets) {
  if (offsets.empty()) return {};
  if (manifest_.producers != Epoch(0)) {
    const SegmentIdentity of = identity(manifest_.producers);
    const Path where = path(file_names::producers(of.epoch));
    Result<std::vector<std::byte>> bytes = read_file(device_, where, kTableBytesMax);
    Result<ProducerState> state = bytes ? decode_producer_state(of, *bytes)
                                        : Result<ProducerState>(std::unexpected(bytes.error()));
    if (!state) return fail_at(where.string(), std::move(state.error()));
    if (forget_keys(*state, offsets)) {
      if (Status done = replace_file(device_, where, encode_producer_state(of, *state)); !done)
        return done;
    }
  }
  for (const ManifestSegment& segment : manifest_.segments) {
    if (segment.state != SegmentState::kActive) continue;
    const SegmentIdentity of = identity(segment.epoch);
    const Path where = path(file_names::checkpoint(of.epoch));
    Result<std::vector<std::byte>> bytes = read_file(device_, where, kTableBytesMax);
    if (!bytes && bytes.error().code == ErrorCode::kNotFound) continue;
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    Result<Checkpoint> checkpoint = decode_checkpoint(of, *bytes);
    // Derived: without it the next recovery reads more.
    if (!checkpoint) {
      if (Status gone = device_.remove(where); !gone) return gone;
    } else if (forget_keys(checkpoint->producers, offsets)) {
      if (Status done = replace_file(device_, where, encode_checkpoint(of, *checkpoint)); !done)
        return done;
    }
  }
  return {};
}

Result<std::uint64_t> SegmentKeeper::remove_side_files() {
  Result<std::vector<std::string>> names = device_.list(place_.folder);
  if (!names) return std::unexpected(std::move(names.error()));
  std::uint64_t removed = 0;
  for (const std::string& name : *names) {
    if (!is_side_file(name)) continue;
    if (Status gone = device_.remove(path(name)); !gone) return std::unexpected(gone.error());
    ++removed;
  }
  // With them the names of the segments that were written anew: what comes back after a power cut
  // was not erased.
  if (Status done = device_.sync_directory(place_.folder); !done)
    return std::unexpected(done.error());
  return removed;
}

}  // namespace bimip::engine
