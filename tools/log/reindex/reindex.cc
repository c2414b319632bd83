#include "tools/log/reindex/reindex.h"

#include <algorithm>

#include "engine/format/producer_state.h"
#include "engine/partition/producer_table.h"
#include "engine/segment/entity_directories.h"
#include "tools/log/block_walk.h"
#include "tools/log/interrupt.h"
#include "tools/log/output_folder.h"
#include "tools/log/parallel.h"
#include "tools/log/segment_check.h"

namespace bimip::log_tools {
namespace {

// One file to make again.
struct Work {
  enum class What : std::uint8_t { kIndex, kEntities, kProducers };
  What what = What::kIndex;
  const PartitionPlace* partition = nullptr;
  const SegmentPlace* segment = nullptr;  // of an index, of entities
  std::uint64_t bytes = 0;
  Result<DerivedFile> made = DerivedFile{};
};

bool is_sealed(const SegmentPlace& segment) {
  return segment.listed && segment.listed->state == SegmentState::kSealed;
}

SegmentIdentity identity_of(const PartitionPlace& partition, Epoch epoch) {
  SegmentIdentity identity = partition.identity;
  identity.epoch = epoch;
  return identity;
}

class Reindexer {
 public:
  explicit Reindexer(const ReindexRequest& request)
      : request_(request), device_(make_output_device()), effect_(request.effect) {}

  Result<ReindexReport> run() {
    std::vector<Work> work;
    for (const PartitionPlace& partition : request_.inventory.partitions) {
      if (!partition.manifest) {
        return fail(ErrorCode::kNotFound, partition.folder.string() +
                                              ": its manifest cannot be read: bring the partition "
                                              "into a new store with salvage");
      }
      add_work(partition, work);
    }
    if (Status fits = look_for_room(work); !fits) return std::unexpected(std::move(fits.error()));
    OutputFolder output;
    if (writes() && request_.target == Target::kFolder) {
      Result<OutputFolder> made =
          OutputFolder::make(*device_, request_.folder, OutputFolder::Contents::kOurs);
      if (!made) return std::unexpected(std::move(made.error()));
      output = std::move(*made);
    }
    Result<ReindexReport> report = make_all(work);
    if (!report) return report;
    if (!writes()) {
      if (Status fits = check_room(*report); !fits) return std::unexpected(std::move(fits.error()));
    }
    output.keep();
    return report;
  }

 private:
  [[nodiscard]] bool writes() const { return effect_ == Effect::kWrite; }

  // How long a file becomes is known when it is made, and that is far shorter than its segment. So
  // only where not even the segments would fit everything is made once without writing.
  Status look_for_room(std::vector<Work>& work) {
    if (!writes() || request_.target == Target::kNowhere) return {};
    std::uint64_t ample = 0;
    for (const Work& one : work) ample += one.segment != nullptr ? one.segment->bytes : 0;
    if (log_tools::check_room(*device_, target_folder(), ample)) return {};
    effect_ = Effect::kDryRun;
    const Result<ReindexReport> foreseen = make_all(work);
    effect_ = Effect::kWrite;
    bytes_read_ = 0;
    if (!foreseen) return std::unexpected(foreseen.error());
    return check_room(*foreseen);
  }

  // A file that takes another's place lies beside it first.
  Status check_room(const ReindexReport& report) {
    if (request_.target == Target::kNowhere) return {};
    std::uint64_t largest = 0;
    std::uint64_t replaced = 0;
    for (const DerivedFile& file : report.files) {
      largest = std::max(largest, file.bytes);
      replaced += file.replaced;
    }
    const std::uint64_t grown = report.bytes_written - std::min(report.bytes_written, replaced);
    return log_tools::check_room(*device_, target_folder(), std::max(largest, grown));
  }

  Path target_folder() const {
    return request_.target == Target::kFolder ? request_.folder : request_.inventory.root;
  }

  Result<ReindexReport> make_all(std::vector<Work>& work) {
    std::uint64_t bytes = 0;
    for (const Work& one : work) bytes += one.bytes;
    run_parallel({.count = work.size(),
                  .jobs = request_.jobs,
                  .work = [&](std::size_t i) { work[i].made = make(work[i]); },
                  .meanwhile =
                      [&] {
                        if (request_.on_progress) request_.on_progress(bytes_read_, bytes);
                      }});
    ReindexReport report;
    for (Work& one : work) {
      if (!one.made) return std::unexpected(std::move(one.made.error()));
      report.bytes_written += one.made->bytes;
      report.files.push_back(std::move(*one.made));
    }
    report.bytes_read = bytes_read_;
    return report;
  }

  static void add_work(const PartitionPlace& partition, std::vector<Work>& work) {
    for (const SegmentPlace& segment : partition.segments) {
      if (!is_sealed(segment)) continue;
      for (const Work::What what : {Work::What::kIndex, Work::What::kEntities}) {
        work.push_back({.what = what,
                        .partition = &partition,
                        .segment = &segment,
                        .bytes = what == Work::What::kIndex ? segment.bytes : 0});
      }
    }
    const bool is_whole = partition.segments.size() == partition.manifest->segments.size();
    if (is_whole && partition.manifest->producers != Epoch(0))
      work.push_back({.what = Work::What::kProducers, .partition = &partition});
  }

  Result<DerivedFile> make(const Work& work) {
    switch (work.what) {
      case Work::What::kIndex:
        return make_index(work);
      case Work::What::kEntities:
        return make_entities(work);
      case Work::What::kProducers:
        return make_producers(work);
    }
    return fail(ErrorCode::kInvalidArgument, "no such file");
  }

  // A directory that is whole knows of records that are damaged by now: it is never made anew.
  Result<DerivedFile> make_entities(const Work& work) {
    const SegmentPlace& segment = *work.segment;
    DerivedFile file = derived(*work.partition, file_names::entities(segment.epoch));
    const SegmentIdentity identity = identity_of(*work.partition, segment.epoch);
    const OffsetRange offsets{.first = segment.listed->base_offset,
                              .end = segment.listed->end_offset};
    const Result<std::vector<std::byte>> bytes = read_whole(file.path, kTableBytesMax);
    if (!bytes && bytes.error().code == ErrorCode::kIo) return std::unexpected(bytes.error());
    if (bytes) {
      const auto view = EntityDirectoryView::open(identity, *bytes);
      if (view && view->offsets() == offsets) return settle(std::move(file), *bytes);
    }
    Result<std::shared_ptr<File>> log = device_->open(segment.path, OpenMode::kRead);
    if (!log) {
      file.state = DerivedState::kUnreadable;
      file.why = log.error().message;
      return file;
    }
    Result<std::vector<std::byte>> made = build_directory(
        {.file = std::move(*log),
         .segment = identity,
         .from = FilePosition(limits::kSectorBytes),
         .end = FilePosition(segment.bytes - std::min(segment.bytes, limits::kSectorBytes)),
         .offsets = offsets},
        pool_);
    if (!made) return std::unexpected(std::move(made.error()));
    return settle(std::move(file), *made);
  }

  Result<DerivedFile> make_index(const Work& work) {
    const PartitionPlace& partition = *work.partition;
    const SegmentPlace& segment = *work.segment;
    DerivedFile file = derived(partition, file_names::index(segment.epoch));
    const SegmentTask task{.place = segment,
                           .identity = identity_of(partition, segment.epoch),
                           .sealed = true,
                           .bytes_read = &bytes_read_};
    const Result<SegmentFacts> facts = check_segment(task);
    if (!facts && facts.error().code == ErrorCode::kIo && segment.exists)
      return std::unexpected(facts.error());
    if (!facts) {
      file.state = DerivedState::kUnreadable;
      file.why = facts.error().message;
      return file;
    }
    file.is_whole = facts->odd.empty() && std::ranges::none_of(facts->bad, [](const BadRange& bad) {
                      return bad.from < bad.end;
                    });
    return settle(std::move(file), encode_index(task.identity, facts->index));
  }

  // A table that is whole knows of producers whose records are gone: it is never made anew.
  Result<DerivedFile> make_producers(const Work& work) {
    const PartitionPlace& partition = *work.partition;
    const Epoch epoch = partition.manifest->producers;
    DerivedFile file = derived(partition, file_names::producers(epoch));
    const SegmentIdentity identity = identity_of(partition, epoch);
    const Result<std::vector<std::byte>> bytes = read_whole(file.path, kTableBytesMax);
    if (!bytes && bytes.error().code == ErrorCode::kIo) return std::unexpected(bytes.error());
    if (bytes && decode_producer_state(identity, *bytes)) return settle(std::move(file), *bytes);
    ProducerTable table;
    for (const SegmentPlace& segment : partition.segments) {
      if (!is_sealed(segment)) continue;
      if (Status done = remember(partition, segment, table); !done)
        return std::unexpected(std::move(done.error()));
    }
    return settle(std::move(file), encode_producer_state(identity, table.snapshot()));
  }

  Status remember(const PartitionPlace& partition, const SegmentPlace& segment,
                  ProducerTable& table) {
    const Result<std::unique_ptr<ReadOnlyFile>> file =
        ReadOnlyFile::open(segment.path, ReadVia::kDevice);
    if (!file) return {};  // its index is unreadable, and told so
    BlockWalk walk({.file = **file,
                    .segment = identity_of(partition, segment.epoch),
                    .from = FilePosition(limits::kSectorBytes),
                    .end = FilePosition((*file)->bytes()),
                    .bytes_read = &bytes_read_});
    while (true) {
      const Result<std::optional<BlockWalk::Found>> block = walk.next_good();
      if (!block) return std::unexpected(block.error());
      if (!*block) return {};
      RecordCursor records((*block)->header, (*block)->bytes);
      while (!records.done()) {
        const Result<Record> record = records.next();
        if (!record) break;
        table.add(*record, record->offset, record->timestamp);
      }
    }
  }

  static DerivedFile derived(const PartitionPlace& partition, const std::string& name) {
    return {.path = partition.folder / name,
            .topic = partition.topic,
            .partition = partition.identity.partition};
  }

  // Compares what is there with what should be, and writes it where it is asked for.
  Result<DerivedFile> settle(DerivedFile file, const std::vector<std::byte>& should_be) {
    const Result<std::vector<std::byte>> is = read_whole(file.path, kTableBytesMax);
    if (!is && is.error().code == ErrorCode::kIo) return std::unexpected(is.error());
    if (!is) {
      file.state = DerivedState::kMissing;
      file.why = "is missing";
    } else if (*is != should_be) {
      file.state = DerivedState::kWrong;
      file.why = "is not what the log gives";
    }
    Path target;
    if (request_.target == Target::kFolder) {
      target = request_.folder / file_names::kTopics / file.topic /
               file_names::partition(file.partition) / file.path.filename();
    } else if (request_.target == Target::kInPlace && file.state != DerivedState::kRight) {
      target = file.path;
    }
    if (target.empty()) return file;
    file.bytes = should_be.size();
    if (is && target == file.path) file.replaced = is->size();
    if (!writes()) return file;
    Status done = make_folders(*device_, target.parent_path());
    if (done) done = replace_file(*device_, target, should_be);
    if (!done) return std::unexpected(std::move(done.error()));
    file.written = target;
    return file;
  }

  const ReindexRequest& request_;
  const std::unique_ptr<Device> device_;
  Effect effect_;
  BufferPool pool_{limits::kBufferArenaBytes};
  std::atomic<std::uint64_t> bytes_read_{0};
};

}  // namespace

std::string_view name_of(DerivedState state) {
  switch (state) {
    case DerivedState::kRight:
      return "right";
    case DerivedState::kMissing:
      return "missing";
    case DerivedState::kWrong:
      return "wrong";
    case DerivedState::kUnreadable:
      return "unreadable";
  }
  return "";
}

bool ReindexReport::is_right() const {
  return std::ranges::all_of(files, [](const DerivedFile& file) {
    const bool is_there = file.state == DerivedState::kRight || !file.written.empty();
    return is_there && file.is_whole;
  });
}

Result<ReindexReport> reindex(const ReindexRequest& request) { return Reindexer(request).run(); }

}  // namespace bimip::log_tools
