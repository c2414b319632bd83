#include "tools/log/partition_inventory.h"

#include <algorithm>
#include <limits>

#include "engine/format/table.h"
#include "tools/log/pinned_segments.h"
#include "tools/log/segment_probe.h"

namespace bimip::log_tools {
namespace {

using file_names::FileKind;

// How often a live partition is begun anew because its segments change.
constexpr int kTriesMax = 20;

class PartitionTaker {
 public:
  PartitionTaker(const PartitionRequest& request, std::vector<Finding>& findings)
      : request_(request), findings_(findings) {
    place_.folder = request.folder;
    place_.topic = request.folder.parent_path().filename();
    place_.holding = request.holding;
  }

  Result<PartitionPlace> run() {
    Result<std::vector<std::string>> names = list_folder(request_.folder);
    if (!names) return std::unexpected(std::move(names.error()));
    place_.names = std::move(*names);
    // What may not be read is not damaged.
    for (const std::string& name : place_.names) {
      const bool is_own = file_names::parse(name) || name == file_names::kManifest ||
                          name == file_names::kEntityBase || name == file_names::kLosses;
      if (!is_own) continue;
      if (Status readable = check_readable(path(name)); !readable)
        return std::unexpected(std::move(readable.error()));
    }
    if (request_.config != nullptr) {
      place_.config = *request_.config;
      if (request_.store && request_.number) {
        place_.identity = {.store = *request_.store,
                           .topic = request_.config->id,
                           .partition = *request_.number,
                           .epoch = {}};
        place_.has_identity = true;
      }
    }
    if (Status done = read_manifest(); !done) return std::unexpected(std::move(done.error()));
    if (!place_.has_identity) ask_segments();
    gather_segments();
    if (is_live()) {
      read_live_tables();
      if (Status done = pin_segments(place_); !done)
        return std::unexpected(std::move(done.error()));
    } else if (place_.manifest) {
      for (const std::string& name : place_.names) check_name(name);
    }
    measure_others();
    is_one_missing_ =
        is_one_missing_ || !std::ranges::all_of(place_.segments, &SegmentPlace::exists);
    identity_ = place_.identity;
    return std::move(place_);
  }

  // Whether a live partition's manifest lists other segments by now, and one of these is gone.
  [[nodiscard]] bool is_outdated() const {
    if (!is_live() || !is_one_missing_) return false;
    const auto bytes = read_whole(path(std::string(file_names::kManifest)), kTableBytesMax);
    const Result<Manifest> now = bytes ? decode_manifest(identity_, *bytes)
                                       : Result<Manifest>(std::unexpected(bytes.error()));
    return now && now->version != version_;
  }

 private:
  Path path(const std::string& name) const { return request_.folder / name; }

  Status read_manifest() {
    const Path where = path(std::string(file_names::kManifest));
    Result<std::vector<std::byte>> bytes = read_whole(where, kTableBytesMax);
    if (!bytes && bytes.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(bytes.error()));
    if (!bytes) {
      report({.file = where,
              .what = "the manifest is missing",
              .next = "put it back from a backup: the server refuses this partition without it. "
                      "Its segments are checked as they say themselves"});
      return {};
    }
    if (!place_.has_identity) {
      if (const Result<Table> table = decode_table(TableKind::kManifest, *bytes)) {
        place_.identity = table->identity;
        place_.has_identity = true;
      }
    }
    Result<Manifest> manifest = decode_manifest(place_.identity, *bytes);
    if (manifest) {
      place_.manifest = std::move(*manifest);
      version_ = place_.manifest->version;
    } else {
      report({.file = where,
              .from = FilePosition(0),
              .end = FilePosition(bytes->size()),
              .what = manifest.error().message,
              .next = "put it back from a backup: the server refuses this partition without it. "
                      "Its segments are checked as they say themselves"});
    }
    return {};
  }

  // A table of producers goes at the next seal, a checkpoint with its segment's.
  void read_live_tables() {
    if (!place_.manifest) return;
    const auto read = [&](const std::string& name) {
      const auto table = place_.tables.emplace(name, read_whole(path(name), kTableBytesMax)).first;
      return table->second.has_value();
    };
    if (place_.manifest->producers != Epoch(0))
      is_one_missing_ = !read(file_names::producers(place_.manifest->producers));
    for (const ManifestSegment& segment : place_.manifest->segments) {
      if (segment.state == SegmentState::kActive) (void)read(file_names::checkpoint(segment.epoch));
    }
  }

  // Without catalog and manifest the segments say whose they are.
  void ask_segments() {
    for (const std::string& name : place_.names) {
      const auto file = file_names::parse(name);
      if (!file || file->kind != FileKind::kSegment) continue;
      const Result<Probe> probe = probe_segment(path(name));
      if (!probe || !probe->identity) continue;
      place_.identity = *probe->identity;
      place_.identity.epoch = Epoch(0);
      place_.has_identity = true;
      return;
    }
  }

  void gather_segments() {
    if (place_.manifest) {
      std::optional<ManifestSegment> previous;
      for (const ManifestSegment& segment : place_.manifest->segments) {
        SegmentPlace& added = add_segment(segment.epoch);
        added.listed = segment;
        added.previous = previous;
        previous = segment;
      }
      return;
    }
    // Without it they say themselves where they belong; those that do not come last.
    std::vector<std::pair<Offset, Epoch>> found;
    for (const std::string& name : place_.names) {
      const auto file = file_names::parse(name);
      if (!file || file->kind != FileKind::kSegment) continue;
      const Result<Probe> probe = probe_segment(path(name));
      constexpr Offset kUnknown(std::numeric_limits<std::uint64_t>::max());
      found.emplace_back(probe && probe->base_offset ? *probe->base_offset : kUnknown, file->epoch);
    }
    std::ranges::sort(found);
    for (const auto& [base, epoch] : found) add_segment(epoch);
  }

  [[nodiscard]] bool is_live() const { return request_.holding == Holding::kLive; }

  SegmentPlace& add_segment(Epoch epoch) {
    SegmentPlace& added = place_.segments.emplace_back(
        SegmentPlace{.path = path(file_names::segment(epoch)), .epoch = epoch});
    if (Result<std::unique_ptr<ReadOnlyFile>> file =
            ReadOnlyFile::open(added.path, ReadVia::kPageCache)) {
      added.exists = true;
      added.bytes = (*file)->bytes();
      added.disk_bytes = (*file)->disk_bytes();
    }
    return added;
  }

  // Says which files nobody reads.
  void check_name(const std::string& name) {
    if (name == file_names::kManifest || name == file_names::kLosses ||
        name == file_names::kEntityBase)
      return;
    if (name.ends_with(file_names::kNewSuffix))
      return note(name, "left over from a write that was cut short",
                  "the server removes it when it next opens the store");
    const auto file = file_names::parse(name);
    if (!file) return note(name, "not a file of this store", "nothing reads it");
    if (file->kind == FileKind::kTorn) {
      return note(name, "bytes that recovery cut off behind the log's end and kept",
                  "nothing that was acknowledged as durable is in it; keep it or remove it");
    }
    if (file->kind == FileKind::kQuarantine) {
      return note(name, "damaged bytes of a segment that was rewritten, kept aside",
                  "their offsets are a gap; keep it for a rescue or remove it");
    }
    const ManifestSegment* segment = find_listed(file->epoch);
    if (file->kind == FileKind::kSegment) {
      if (segment == nullptr) check_unlisted(name);
      return;
    }
    const bool is_sealed = segment != nullptr && segment->state == SegmentState::kSealed;
    const bool is_active = segment != nullptr && segment->state == SegmentState::kActive;
    const bool is_used =
        (file->kind == FileKind::kIndex && is_sealed) ||
        (file->kind == FileKind::kProducers && file->epoch == place_.manifest->producers) ||
        (file->kind == FileKind::kEntities && is_sealed) ||
        (file->kind == FileKind::kEntityRuns && is_active) ||
        (file->kind == FileKind::kCheckpoint && is_active);
    if (!is_used) note(name, "belongs to no segment that needs it", "nothing reads it");
  }

  void check_unlisted(const std::string& name) {
    const Result<Probe> probe = probe_segment(path(name));
    if (!probe) {
      report({.file = path(name), .what = probe.error().message, .next = "look at the file"});
    } else if (is_left_over(*probe)) {
      note(name, "a segment that was replaced or removed; a stop came before its file went",
           "the server removes it when it next opens the store");
    } else if (probe->has_block || probe->has_header) {
      report({.file = path(name),
              .what = probe->has_block
                          ? "holds commit blocks, but the manifest does not list it"
                          : "is a segment that was begun, but the manifest does not list it",
              .next = "the manifest may be an older one put back from a backup; keep the file"});
    } else {
      note(name, "a segment that was never begun and is not listed",
           "the server removes it or leaves it alone; it holds nothing");
    }
  }

  const ManifestSegment* find_listed(Epoch epoch) const {
    const std::vector<ManifestSegment>& segments = place_.manifest->segments;
    const auto found = std::ranges::find(segments, epoch, &ManifestSegment::epoch);
    return found != segments.end() ? &*found : nullptr;
  }
  // One side of a rewrite that a stop cut short, or a segment below the log's start: what it holds
  // is in listed segments, or meant to be gone.
  bool is_left_over(const Probe& probe) const {
    if (!probe.footer) return false;
    Offset covered = probe.footer->base_offset;
    for (const ManifestSegment& segment : place_.manifest->segments) {
      covered = std::max(covered, segment.base_offset);
      if (segment.state != SegmentState::kSealed || covered >= probe.footer->end_offset) break;
      if (segment.end_offset > covered) covered = segment.end_offset;
    }
    return covered >= probe.footer->end_offset;
  }

  void measure_others() {
    for (const std::string& name : place_.names) {
      const Path where = path(name);
      if (std::ranges::find(place_.segments, where, &SegmentPlace::path) != place_.segments.end())
        continue;
      if (Result<std::unique_ptr<ReadOnlyFile>> file =
              ReadOnlyFile::open(where, ReadVia::kPageCache))
        place_.other_disk_bytes += (*file)->disk_bytes();
    }
  }

  void note(const std::string& name, std::string what, std::string next) {
    report({.verdict = Verdict::kNote,
            .file = path(name),
            .what = std::move(what),
            .next = std::move(next)});
  }
  void report(Finding finding) {
    finding.topic = place_.topic;
    finding.partition = request_.number;
    findings_.push_back(std::move(finding));
  }

  const PartitionRequest& request_;
  std::vector<Finding>& findings_;
  PartitionPlace place_;
  std::uint64_t version_ = 0;  // of the manifest
  SegmentIdentity identity_{};
  bool is_one_missing_ = false;
};

}  // namespace

Result<std::vector<std::string>> list_folder(const Path& folder) {
  if (Status readable = check_readable(folder); !readable)
    return std::unexpected(std::move(readable.error()));
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) {
    const bool missing =
        error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
    return fail(missing ? ErrorCode::kNotFound : ErrorCode::kIo,
                folder.string() + ": cannot list: " + error.message());
  }
  std::ranges::sort(names);
  return names;
}

Result<std::vector<std::byte>> read_table(const PartitionPlace& place, const std::string& name) {
  const auto table = place.tables.find(name);
  return table != place.tables.end() ? table->second
                                     : read_whole(place.folder / name, kTableBytesMax);
}

bool is_listed_now(const PartitionPlace& place, Epoch segment) {
  const auto bytes = read_whole(place.folder / file_names::kManifest, kTableBytesMax);
  const Result<Manifest> now = bytes ? decode_manifest(place.identity, *bytes)
                                     : Result<Manifest>(std::unexpected(bytes.error()));
  return !now ||
         std::ranges::find(now->segments, segment, &ManifestSegment::epoch) != now->segments.end();
}

Result<PartitionPlace> take_partition_inventory(const PartitionRequest& request,
                                                std::vector<Finding>& findings) {
  for (int tries = 1;; ++tries) {
    std::vector<Finding> found;
    PartitionTaker taker(request, found);
    Result<PartitionPlace> place = taker.run();
    if (tries < kTriesMax && taker.is_outdated()) continue;
    std::ranges::move(found, std::back_inserter(findings));
    return place;
  }
}

}  // namespace bimip::log_tools
