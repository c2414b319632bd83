#include "tools/log/entity_check.h"

#include <algorithm>
#include <queue>
#include <ranges>

#include "engine/device/posix_device.h"
#include "engine/format/entity_base.h"
#include "engine/format/file_names.h"
#include "engine/partition/entity_fold.h"

namespace bimip::log_tools {
namespace {

// The first and last offset between which records are missing.
std::string text_of(const std::vector<LostRecords>& forgotten) {
  return "between offsets " + std::to_string(forgotten.front().offsets.first.value()) + " and " +
         std::to_string(forgotten.back().offsets.end.value() - 1);
}

constexpr const char* kMadeAgain = "nothing is lost: the server makes it again from the log";

// One entity in the directories of a partition, in the order of the log.
struct Step {
  EntityHash hash{};
  std::size_t directory = 0;
  std::size_t slot = 0;
  friend bool operator>(const Step& a, const Step& b) {
    return a.hash != b.hash ? a.hash > b.hash : a.directory > b.directory;
  }
};

// Follows each entity from its oldest record to its newest.
class Chains {
 public:
  Chains(std::vector<EntityDirectoryView> directories, bool may_have_holes)
      : directories_(std::move(directories)), may_have_holes_(may_have_holes) {
    for (std::size_t i = 0; i < directories_.size(); ++i) push({.directory = i});
  }

  struct Broken {
    std::string first{};  // what is wrong with the first one
    std::uint64_t entities = 0;
  };
  Broken run() {
    while (!steps_.empty()) {
      const EntityHash hash = steps_.top().hash;
      newest_.reset();
      is_broken_ = false;
      while (!steps_.empty() && steps_.top().hash == hash) {
        Step step = steps_.top();
        steps_.pop();
        follow(directories_[step.directory].at(step.slot));
        ++step.slot;
        push(step);
      }
      if (is_broken_) ++broken_.entities;
    }
    return std::move(broken_);
  }

 private:
  void push(Step step) {
    if (step.slot == directories_[step.directory].size()) return;
    step.hash = directories_[step.directory].at(step.slot).hash();
    steps_.push(step);
  }

  void follow(const EntityEntry& entry) {
    const EntityRecord first = entry.record(0);
    if (newest_ && first.increment <= newest_->increment)
      wrong("has increment " + number(first) + " after " + number(*newest_), first);
    // It may lead to one that is gone, but not past one that is there.
    const bool leads_right = !newest_ || !entry.previous() ||
                             *entry.previous() == newest_->offset ||
                             (may_have_holes_ && *entry.previous() > newest_->offset);
    if (!leads_right)
      wrong("leads to offset " + std::to_string(entry.previous()->value()) +
                "; the record before it is at " + std::to_string(newest_->offset.value()),
            first);
    for (std::size_t slot = 0; slot < entry.size(); ++slot) step_to(entry.record(slot));
  }

  void step_to(const EntityRecord& record) {
    const IncrementId expected = newest_ ? newest_->increment + 1 : IncrementId(1);
    if (!may_have_holes_ && record.increment != expected)
      wrong("has increment " + number(record) + ", not " + std::to_string(expected.value()),
            record);
    newest_ = record;
  }

  void wrong(const std::string& what, const EntityRecord& record) {
    if (broken_.first.empty())
      broken_.first = "the record at offset " + std::to_string(record.offset.value()) + " " + what;
    is_broken_ = true;
  }
  static std::string number(const EntityRecord& record) {
    return std::to_string(record.increment.value());
  }

  const std::vector<EntityDirectoryView> directories_;
  const bool may_have_holes_;
  std::priority_queue<Step, std::vector<Step>, std::greater<>> steps_{};
  std::optional<EntityRecord> newest_{};
  bool is_broken_ = false;
  Broken broken_{};
};

}  // namespace

struct EntityCheck::Opened {
  std::vector<std::shared_ptr<const EntityDirectories>> files;
  Path file;

  [[nodiscard]] std::vector<EntityDirectoryView> views() const {
    std::vector<EntityDirectoryView> all;
    for (const auto& directories : files)
      std::ranges::copy(directories->views(), std::back_inserter(all));
    return all;
  }
};

EntityCheck::EntityCheck(const PartitionPlace& place, Report report)
    : place_(place), report_(std::move(report)), device_(make_posix_device()) {}

EntityCheck::~EntityCheck() = default;

SegmentIdentity EntityCheck::identity(Epoch epoch) const {
  SegmentIdentity identity = place_.identity;
  identity.epoch = epoch;
  return identity;
}

void EntityCheck::open_directory(const SegmentPlace& segment) {
  if (!segment.listed) return;
  const Path path = place_.folder / file_names::entities(segment.epoch);
  Result<std::shared_ptr<const EntityDirectories>> opened =
      EntityDirectories::open(*device_, path, identity(segment.epoch));
  const OffsetRange offsets{.first = segment.listed->base_offset,
                            .end = segment.listed->end_offset};
  if (opened && (*opened)->views().front().offsets() == offsets) {
    opened_.emplace(segment.epoch, Opened{.files = {std::move(*opened)}, .file = path});
    return;
  }
  all_opened_ = false;
  // It went with its segment, which is open.
  if (is_live() && !is_listed_now(place_, segment.epoch)) return;
  const bool is_missing = !opened && opened.error().code == ErrorCode::kNotFound;
  report_({.file = path,
           .what = opened       ? "the entity directory is of other offsets"
                   : is_missing ? "the entity directory is missing"
                                : opened.error().message,
           .next = kMadeAgain});
}

void EntityCheck::open_runs(const SegmentPlace& segment, const Checkpoint& checkpoint) {
  const Path path = place_.folder / file_names::entity_runs(segment.epoch);
  const SegmentIdentity whose = identity(segment.epoch);
  Result<Opened> opened = is_live() ? read_runs(path, whose, checkpoint.entity_runs)
                                    : map_runs(path, whose, checkpoint.entity_runs);
  const auto wrong = [&](std::string what) {
    all_opened_ = false;
    if (is_live() && !continues_now(segment.epoch, checkpoint)) return;
    report_({.file = path, .what = std::move(what), .next = kMadeAgain});
  };
  if (!opened) {
    return wrong(opened.error().code == ErrorCode::kNotFound
                     ? "the checkpoint lists entity runs, the file is missing"
                     : opened.error().message);
  }
  const std::vector<EntityDirectoryView> runs = opened->views();
  if (!runs.empty() && runs.back().offsets().end > checkpoint.tail.next_offset)
    return wrong("the entity runs go on behind their checkpoint");
  opened_.emplace(segment.epoch, std::move(*opened));
}

Result<EntityCheck::Opened> EntityCheck::map_runs(const Path& path, const SegmentIdentity& segment,
                                                  std::span<const std::uint64_t> lengths) const {
  Result<std::shared_ptr<const EntityDirectories>> runs =
      EntityDirectories::open(*device_, path, segment, lengths);
  if (!runs) return std::unexpected(std::move(runs.error()));
  return Opened{.files = {std::move(*runs)}, .file = path};
}

// Into memory: a server that is started again may write over what it could not read.
Result<EntityCheck::Opened> EntityCheck::read_runs(const Path& path, const SegmentIdentity& segment,
                                                   std::span<const std::uint64_t> lengths) {
  Opened opened{.files = {}, .file = path};
  if (lengths.empty()) return opened;
  const Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(path, ReadVia::kPageCache);
  if (!file) return std::unexpected(file.error());
  FilePosition at(0);
  for (const std::uint64_t length : lengths) {
    const std::uint64_t left = (*file)->bytes() - std::min((*file)->bytes(), at.value());
    if (left < length)
      return fail(ErrorCode::kDamaged, path.string() + ": is shorter than its checkpoint says");
    std::vector<std::byte> bytes(length);
    const Result<std::size_t> got = (*file)->read_at(at, bytes);
    if (!got) return std::unexpected(got.error());
    at += length;
    Result<std::shared_ptr<const EntityDirectories>> run =
        EntityDirectories::of(segment, std::move(bytes));
    if (!run) return fail_at(path.string(), std::move(run.error()));
    opened.files.push_back(std::move(*run));
  }
  return opened;
}

// Whether the newest checkpoint still builds on the runs of this one. They go after their
// checkpoint does, and are begun anew by a server that could not read them.
bool EntityCheck::continues_now(Epoch segment, const Checkpoint& checkpoint) const {
  const auto bytes = read_whole(place_.folder / file_names::checkpoint(segment), kTableBytesMax);
  const Result<Checkpoint> now = bytes ? decode_checkpoint(identity(segment), *bytes)
                                       : Result<Checkpoint>(std::unexpected(bytes.error()));
  return now && now->entity_runs.size() >= checkpoint.entity_runs.size() &&
         std::ranges::equal(checkpoint.entity_runs,
                            now->entity_runs | std::views::take(checkpoint.entity_runs.size()));
}

void EntityCheck::compare(const SegmentPlace& segment, const EntityDigest& records) {
  const auto opened = opened_.find(segment.epoch);
  if (opened == opened_.end()) return;
  EntityDigest listed;
  for (const EntityDirectoryView& view : opened->second.views()) {
    for (std::size_t slot = 0; slot < view.size(); ++slot) {
      const EntityEntry entry = view.at(slot);
      for (std::size_t i = 0; i < entry.size(); ++i) listed.add(entry.hash(), entry.record(i));
    }
  }
  if (listed == records) return;
  all_opened_ = false;
  report_({.file = opened->second.file,
           .what = "it names other records than the segment holds",
           .next = "no record is lost, but an entity may be answered wrong: remove it, and the "
                   "server makes it again from the log"});
}

void EntityCheck::check_base() {
  if (!place_.manifest || place_.manifest->segments.empty()) return;
  const Path path = place_.folder / file_names::kEntityBase;
  const auto wrong = [&](std::string what) {
    report_({.file = path,
             .what = std::move(what),
             .next =
                 "no stored record is lost, and no increment is used twice: an entity without a "
                 "record goes on above what it could have had. Put it back from a backup to "
                 "have its numbers dense"});
  };
  Result<std::shared_ptr<File>> file = device_->open(path, OpenMode::kRead);
  if (!file && file.error().code == ErrorCode::kNotFound) {
    const std::vector<LostRecords> forgotten =
        forgotten_records(place_.manifest->segments, Offset(0));
    if (!forgotten.empty())
      wrong("the entity base is missing, and records " + text_of(forgotten) + " were removed");
    return;
  }
  Result<std::unique_ptr<Mapping>> mapping =
      file ? (*file)->map()
           : Result<std::unique_ptr<Mapping>>(std::unexpected(std::move(file.error())));
  if (!mapping) return wrong(mapping.error().message);
  const Result<EntityBaseView> base = EntityBaseView::open(place_.identity, (*mapping)->bytes());
  if (!base) return wrong(base.error().message);
  // It is written before the records that it counts in are let go of.
  const Offset end = base->header().end_offset;
  const std::vector<LostRecords> forgotten = forgotten_records(place_.manifest->segments, end);
  if (!forgotten.empty())
    wrong("counts in records below offset " + std::to_string(end.value()) + " only, and records " +
          text_of(forgotten) + " were removed");
  for (std::uint64_t number = 0; number < base->header().pages(); ++number) {
    if (const Result<EntityPage> page = base->page(number); !page)
      return wrong(page.error().message);
  }
}

// Records of an entity may be gone: removed with their segments, superseded or expired, or damaged.
// A salvage and a cut restore write segments anew that a rewrite had thinned out before.
bool EntityCheck::may_have_holes(std::uint64_t records_gone) const {
  const std::vector<ManifestSegment>& listed = place_.manifest->segments;
  const bool removed = !listed.empty() && listed.front().base_offset > Offset(0);
  const bool rewritten = std::ranges::any_of(
      listed, [](const ManifestSegment& segment) { return segment.rewrites > 0; });
  const bool lost = std::ranges::any_of(opened_, [](const auto& opened) {
    return std::ranges::any_of(opened.second.views(), [](const EntityDirectoryView& view) {
      return !view.lost().empty();
    });
  });
  return removed || rewritten || lost || records_gone > 0;
}

void EntityCheck::check_chains(std::uint64_t records_gone) {
  const bool is_whole =
      place_.manifest && place_.segments.size() == place_.manifest->segments.size();
  if (!all_opened_ || !is_whole) return;
  std::vector<EntityDirectoryView> views;
  for (const ManifestSegment& segment : place_.manifest->segments) {
    const auto opened = opened_.find(segment.epoch);
    if (opened != opened_.end())
      std::ranges::copy(opened->second.views(), std::back_inserter(views));
  }
  const Chains::Broken broken = Chains(std::move(views), may_have_holes(records_gone)).run();
  if (broken.entities == 0) return;
  report_({.file = place_.folder,
           .what = "the increments of " + std::to_string(broken.entities) +
                   (broken.entities == 1 ? " entity" : " entities") +
                   " are not in order: " + broken.first,
           .next = "a program wrote them wrong; keep the folder and report it"});
}

}  // namespace bimip::log_tools
