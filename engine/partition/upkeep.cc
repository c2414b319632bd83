#include "engine/partition/upkeep.h"

#include <algorithm>
#include <utility>

#include "engine/partition/retention.h"

namespace bimip::engine {
namespace {

// What a rewritten segment takes at most, when its blocks were small before.
std::uint64_t packed_bytes(std::uint64_t record_bytes) {
  return 3 * limits::kSectorBytes + record_bytes + record_bytes / 8;
}

}  // namespace

bool wants_packing(const ManifestSegment& segment) {
  return segment.state == SegmentState::kSealed && segment.rewrites == 0 &&
         static_cast<double>(segment.file_bytes) >
             limits::kPackAbove * static_cast<double>(segment.record_bytes) &&
         segment.file_bytes > packed_bytes(segment.record_bytes);
}

// Nothing is handed to others any more.
Upkeep::~Upkeep() {
  rewrite_.reset();
  stop({ErrorCode::kClosed, "the partition is closing"});
}

void Upkeep::tick() {
  if (stopped_) return;
  if (waiting_) return go_on();
  if (task_ || moving_start_ || stepping_ || forgetting_) return;
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  if (now < retry_at_) return;
  if ((!look_again_ && now < next_look_) || !parts_.keeper_is_free()) return;
  choose();
}

// The budget had nothing left.
void Upkeep::go_on() {
  if (rewrite_) return advance();
  if (erasure_) return prove_on();
  survey_some();
}

void Upkeep::stop(const Error& why) {
  stopped_ = true;
  if (erasure_) end_erasure(std::unexpected(why));
  for (EraseRequest* request : std::exchange(erasures_, {}))
    request->on_erased(std::unexpected(why));
  if (!stepping_) finish();
}

void Upkeep::choose() {
  look_again_ = false;
  next_look_ = parts_.clock.monotonic() + limits::kUpkeepEvery;
  if (choose_erasure() || parts_.housekeeping == Housekeeping::kWhenAsked) return;
  if (choose_retention()) return;
  if (pass_) return continue_pass();
  if (!choose_packing()) (void)choose_compaction();
}

// Nothing at or behind it goes. Before it was told, nothing at all.
Offset Upkeep::retention_floor() const {
  const bool is_held = config_.retention_floor == RetentionFloor::kCursors;
  return is_held ? floor_.value_or(Offset(0)) : kNoFloor;
}

RetentionBasis Upkeep::retention_basis() const {
  return {.now = parts_.clock.now(),
          .active_bytes = parts_.active_bytes(),
          .oldest_held = parts_.oldest_held(),
          .floor = retention_floor()};
}

// What must go goes before anything is done to keep it small.
bool Upkeep::choose_retention() {
  const Manifest& manifest = parts_.keeper.manifest();
  const Offset start = retained_start(manifest, config_, retention_basis());
  if (start == manifest.log_start) return false;
  moving_start_ = true;
  auto gone = std::make_shared<std::vector<ManifestSegment>>();
  parts_.run_keeper(
      [&keeper = parts_.keeper, start, gone]() -> Status {
        Result<std::vector<ManifestSegment>> moved = keeper.move_start(start);
        if (!moved) return std::unexpected(std::move(moved.error()));
        *gone = std::move(*moved);
        return {};
      },
      [this, start, gone](Status status) {
        moving_start_ = false;
        if (!status && status.error().code != ErrorCode::kNoSpace)
          return parts_.degrade(std::move(status.error()));
        if (!status) return failed(status.error());
        parts_.reader.moved_start(start, *gone);
        let_go(*gone, [this, gone] {
          for (const ManifestSegment& segment : *gone)
            parts_.counters.bytes_freed += segment.file_bytes;
          look_again_ = true;
        });
      });
  return true;
}

// Readers were told before: one that opens a file it was told of finds it.
void Upkeep::let_go(std::vector<ManifestSegment> segments, std::function<void()> then) {
  if (stopped_) return then();  // the next recovery removes them
  parts_.run_keeper(
      [&keeper = parts_.keeper, segments = std::move(segments)] {
        keeper.remove_segments(segments);
        return Status{};
      },
      [then = std::move(then)](Status) { then(); });
}

bool Upkeep::is_skipped(const ManifestSegment& segment) const {
  return skipped_.contains(segment.epoch);
}

LapsedRecords Upkeep::lapsed_in(const std::vector<ManifestSegment>& segments) const {
  return {parts_.clock.now(), parts_.held_in({.first = segments.front().base_offset,
                                              .end = segments.back().end_offset})};
}

bool Upkeep::choose_packing() {
  for (const ManifestSegment& segment : parts_.keeper.manifest().segments) {
    if (!wants_packing(segment) || is_skipped(segment)) continue;
    begin({.sources = {segment},
           .filter = std::make_unique<KeepCurrent>(lapsed_in({segment}), config_.compaction)});
    return true;
  }
  return false;
}

void Upkeep::begin(Task task) {
  look_again_ = true;  // for what comes after it, or when it is not its turn
  if (!enter()) return;
  task_ = std::move(task);
  std::uint64_t bytes = 0;
  for (const ManifestSegment& source : task_->sources) bytes += source.file_bytes;
  auto epoch = std::make_shared<Epoch>();
  parts_.run_keeper(
      [&keeper = parts_.keeper, bytes, epoch]() -> Status {
        Result<Epoch> reserved = keeper.reserve_epoch(bytes);
        if (!reserved) return std::unexpected(std::move(reserved.error()));
        *epoch = *reserved;
        return {};
      },
      [this, epoch](Status status) {
        if (stopped_) return;
        if (status) return reserved(*epoch);
        if (status.error().code != ErrorCode::kNoSpace) parts_.degrade(status.error());
        failed(status.error());
      });
}

void Upkeep::reserved(Epoch epoch) {
  const std::vector<ManifestSegment>& segments = parts_.keeper.manifest().segments;
  const auto first =
      std::ranges::find(segments, task_->sources.front().epoch, &ManifestSegment::epoch);
  if (first == segments.end()) return finish();
  SegmentRewrite::Plan plan{.folder = parts_.keeper.folder(),
                            .partition = parts_.keeper.identity(Epoch(0)),
                            .sources = task_->sources,
                            .epoch = epoch,
                            .now = parts_.clock.now(),
                            .cleaned_at = task_->cleaned_at,
                            .damaged = task_->damaged};
  if (first != segments.begin()) plan.before = *std::prev(first);
  rewrite_ =
      std::make_shared<SegmentRewrite>(parts_.device, parts_.pool, std::move(plan), *task_->filter);
  advance();
}

void Upkeep::advance() {
  waiting_ = !parts_.budget.take(2 * limits::kRewriteStepBytes);
  if (waiting_) return;
  stepping_ = true;
  parts_.background.post([this, rewrite = rewrite_]() mutable {
    auto done = std::make_shared<Result<bool>>(rewrite->step());
    rewrite.reset();  // whoever hears of it has the last one: files go when nothing else is done
    parts_.post([this, done] { stepped(std::move(*done)); });
  });
}

void Upkeep::stepped(Result<bool> done) {
  stepping_ = false;
  if (stopped_ || is_for_outdated_pass()) return finish();
  if (!done) return failed(done.error());
  if (*done) return replace();
  advance();
}

void Upkeep::replace() {
  parts_.run_keeper(
      [&keeper = parts_.keeper, rewrite = rewrite_] {
        Status done = keeper.replace_segments(rewrite->plan().sources, rewrite->outcome().segment);
        // After other errors, which side counts is for the next recovery to say.
        if (done || done.error().code != ErrorCode::kNoSpace) rewrite->release();
        return done;
      },
      [this](Status status) {
        if (!rewrite_) return;
        if (!status && status.error().code != ErrorCode::kNoSpace) parts_.degrade(status.error());
        if (!status) return failed(status.error());
        const SegmentRewrite::Outcome& outcome = rewrite_->outcome();
        const std::vector<ManifestSegment>& sources = rewrite_->plan().sources;
        parts_.reader.replaced(sources, outcome.segment);
        let_go(sources, [this] { replaced(); });
      });
}

void Upkeep::replaced() {
  if (!rewrite_) return;
  const SegmentRewrite::Outcome& outcome = rewrite_->outcome();
  std::uint64_t before = 0;
  for (const ManifestSegment& source : rewrite_->plan().sources) before += source.file_bytes;
  UpkeepCounters& counters = parts_.counters;
  counters.rewrites += 1;
  counters.records_dropped += outcome.records_dropped;
  counters.bytes_read += outcome.bytes_read;
  counters.bytes_written += outcome.bytes_written;
  counters.bytes_freed += before - std::min(before, outcome.segment.file_bytes);
  finish();
}

// Nothing was lost: the sources are as they were. What is damaged as a whole is not tried again.
void Upkeep::failed(const Error& error) {
  parts_.counters.failed += 1;
  if (erasure_) {
    end_erasure(std::unexpected(error));
    return finish();
  }
  if (pass_) pass_->failed = true;
  const bool hopeless = error.code == ErrorCode::kDamaged || error.code == ErrorCode::kNotFound ||
                        error.code == ErrorCode::kUnsupportedVersion;
  if (!hopeless || !task_) {
    retry_at_ = parts_.clock.monotonic() + limits::kRewriteRetry;
  } else if (task_->sources.size() > 1) {
    try_singly(std::move(task_->sources));
  } else {
    skipped_.insert(task_->sources.front().epoch);
  }
  finish();
}

bool Upkeep::enter() {
  if (!entered_) entered_ = parts_.budget.enter();
  return entered_;
}

void Upkeep::leave() {
  if (std::exchange(entered_, false)) parts_.budget.leave();
}

void Upkeep::finish() {
  if (rewrite_ && rewrite_.use_count() == 1 && rewrite_->owns_file()) return discard();
  rewrite_.reset();
  waiting_ = false;
  look_again_ = true;
  task_.reset();
  if (stopped_) pass_.reset();
  if (!pass_ && !erasure_) leave();
  // Somebody waits for it: not until the next tick.
  if (!erasure_ || stopped_ || std::exchange(called_, true)) return;
  parts_.post([this] {
    called_ = false;
    tick();
  });
}

// Removing files takes the disk.
void Upkeep::discard() {
  stepping_ = true;
  waiting_ = false;
  parts_.background.post([this, rewrite = std::move(rewrite_)]() mutable {
    rewrite.reset();
    parts_.post([this] {
      stepping_ = false;
      finish();
    });
  });
}

}  // namespace bimip::engine
