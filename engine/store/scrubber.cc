#include "engine/store/scrubber.h"

#include <algorithm>
#include <set>

#include "engine/format/file_names.h"

namespace bimip::engine {
namespace {

constexpr std::uint64_t kStateBytesMax = 256 * 1024 * 1024;
// Written by the store since the last tick: with more than this it is busy.
constexpr std::uint64_t kBusyBytes = 256 * 1024;

}  // namespace

void Scrubber::load() {
  Result<std::vector<std::byte>> bytes =
      read_file(parts_.device, parts_.state_file, kStateBytesMax);
  if (!bytes) return;
  Result<ScrubState> state = decode_scrub_state(parts_.store, *bytes);
  if (!state) return;
  for (const ScrubbedSegment& one : state->segments)
    verified_[key_of(one.segment)] = one.verified_at;
  const MutexLock lock(mutex_);
  for (ScrubFinding& finding : state->findings)
    findings_[{key_of(finding.segment), finding.from}] = std::move(finding);
}

void Scrubber::tick() {
  if (parts_.options.bytes_per_second_max == 0 || !may_read_now() || stepping_.load()) return;
  stepping_.store(true);
  parts_.background.post([this] {
    step();
    stepping_.store(false);
  });
}

bool Scrubber::may_read_now() {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  const double seconds = std::chrono::duration<double>(now - last_tick_).count();
  last_tick_ = now;
  const std::uint64_t written =
      parts_.device.counters().bytes_written.load(std::memory_order_relaxed);
  const bool busy = written - written_before_ > kBusyBytes;
  written_before_ = written;
  if (busy && counters_.bytes_behind.load(std::memory_order_relaxed) == 0) return false;
  // Before the first choice the rate is not known, and choosing reads nothing.
  const auto rate = static_cast<double>(rate_.load(std::memory_order_relaxed));
  if (rate == 0) return true;
  const auto step_bytes = static_cast<double>(limits::kScrubStepBytes);
  allowance_ = std::min(allowance_ + seconds * rate, std::max(step_bytes, rate));
  if (allowance_ < step_bytes) return false;
  allowance_ -= step_bytes;
  return true;
}

void Scrubber::step() {
  if (!current_) {
    if (parts_.clock.monotonic() < next_choice_) return;
    choose();
  }
  if (current_) read_some();
  const bool is_time =
      parts_.clock.monotonic() - written_down_at_ >= limits::kScrubStateEvery || write_at_once_;
  if (unwritten_ && is_time) write_state();
}

void Scrubber::choose() {
  const std::vector<SealedPlace> segments = parts_.segments();
  const Timestamp now = parts_.clock.now();
  const SealedPlace* oldest = nullptr;
  Timestamp oldest_at = now;
  std::uint64_t bytes = 0;
  std::uint64_t behind = 0;
  std::set<Key> there;
  for (const SealedPlace& segment : segments) {
    const Key key = key_of(segment.place.segment);
    there.insert(key);
    const auto known = verified_.find(key);
    const Timestamp at = known == verified_.end() ? segment.last_timestamp : known->second;
    bytes += segment.place.file_bytes;
    if (now - at > parts_.options.age_goal) behind += segment.place.file_bytes;
    if (oldest == nullptr || at < oldest_at) {
      oldest = &segment;
      oldest_at = at;
    }
  }
  // What was removed or written anew takes its damage with it.
  std::erase_if(verified_, [&](const auto& one) { return !there.contains(one.first); });
  {
    const MutexLock lock(mutex_);
    std::erase_if(findings_, [&](const auto& one) { return !there.contains(one.first.first); });
  }
  const auto goal =
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, parts_.options.age_goal.count() / 2));
  rate_ = std::clamp(bytes / goal + (behind > 0 ? parts_.options.bytes_per_second_max : 0),
                     std::min(limits::kScrubBytesPerSecondMin, parts_.options.bytes_per_second_max),
                     parts_.options.bytes_per_second_max);
  counters_.bytes_behind = behind;
  counters_.oldest_age_s =
      std::chrono::duration_cast<std::chrono::seconds>(now - oldest_at).count();
  next_choice_ = parts_.clock.monotonic() + limits::kScrubLookEvery;
  // Read not long ago: once more would tell nothing new.
  if (oldest == nullptr || now - oldest_at < parts_.options.age_goal / 4) return;
  begin(*oldest);
}

void Scrubber::begin(const SealedPlace& place) {
  const Path path = place.place.folder / file_names::segment(place.place.segment.epoch);
  Current current{.place = place, .blocks = nullptr, .expected = place.place.base_offset};
  Result<std::shared_ptr<File>> file = parts_.device.open(path, OpenMode::kRead);
  Result<std::uint64_t> size =
      file ? (*file)->size() : Result<std::uint64_t>(std::unexpected(file.error()));
  const FilePosition end(place.place.file_bytes);
  if (!size && is_shortage(size.error())) return;
  current_ = std::move(current);
  if (!size || *size != place.place.file_bytes) {
    const std::string why = size ? path.string() + ": has another length than it was sealed with"
                                 : size.error().message;
    found(FilePosition(0), end, {.first = place.place.base_offset, .end = place.end_offset}, why);
    return finish();
  }
  current_->blocks =
      std::make_unique<BlockReader>(BlockReader::Place{.file = std::move(*file),
                                                       .segment = place.place.segment,
                                                       .from = FilePosition(limits::kSectorBytes),
                                                       .end = end - limits::kSectorBytes,
                                                       .through = ReadThrough::kDevice},
                                    parts_.pool);
}

void Scrubber::read_some() {
  BlockReader& blocks = *current_->blocks;
  const std::uint64_t before = blocks.bytes_read();
  while (current_ && !blocks.at_end() && blocks.bytes_read() - before < limits::kScrubStepBytes) {
    Result<BlockRef> block = blocks.next();
    if (!block) {
      pass_damage(block.error());
      continue;
    }
    counters_.blocks.fetch_add(1, std::memory_order_relaxed);
    current_->expected = (*block)->header.end_offset();
  }
  if (!current_) return;
  counters_.bytes.fetch_add(blocks.bytes_read() - before, std::memory_order_relaxed);
  if (blocks.at_end()) finish();
}

// A device that cannot read a block has lost it as surely as one that reads it wrong.
void Scrubber::pass_damage(const Error& error) {
  BlockReader& blocks = *current_->blocks;
  if (is_shortage(error)) return current_.reset();  // once more, later
  const FilePosition from = blocks.position();
  const FilePosition end(current_->place.place.file_bytes - limits::kSectorBytes);
  Result<std::optional<BlockHeader>> next = blocks.resync();
  const bool resumes = next && *next;
  const FilePosition to = resumes ? (*next)->position : end;
  const Offset up_to = resumes ? (*next)->base_offset : current_->place.end_offset;
  found(from, to, {.first = current_->expected, .end = std::max(up_to, current_->expected)},
        error.message);
  if (!resumes) blocks.seek(end);
}

void Scrubber::found(FilePosition from, FilePosition end, OffsetRange offsets,
                     const std::string& why) {
  const SegmentIdentity& segment = current_->place.place.segment;
  current_->damaged.insert(from);
  const MutexLock lock(mutex_);
  const auto [at, is_new] = findings_.try_emplace({key_of(segment), from});
  if (!is_new) return;
  at->second = {.segment = segment,
                .from = from,
                .end = end,
                .offsets = offsets,
                .found_at = parts_.clock.now(),
                .why = why};
  counters_.findings.fetch_add(1, std::memory_order_relaxed);
  unwritten_ = write_at_once_ = true;
}

void Scrubber::finish() {
  const Key key = key_of(current_->place.place.segment);
  verified_[key] = parts_.clock.now();
  {
    const MutexLock lock(mutex_);  // what is readable again was put right
    std::erase_if(findings_, [&](const auto& one) {
      return one.first.first == key && !current_->damaged.contains(one.first.second);
    });
  }
  counters_.segments.fetch_add(1, std::memory_order_relaxed);
  current_.reset();
  next_choice_ = {};
  unwritten_ = true;
}

// Without room for it the next process reads more than it need.
void Scrubber::write_state() {
  ScrubState state;
  for (const auto& [key, verified_at] : verified_) {
    const auto& [topic, partition, epoch] = key;
    state.segments.push_back(
        {.segment = {.store = parts_.store, .topic = topic, .partition = partition, .epoch = epoch},
         .verified_at = verified_at});
  }
  state.findings = findings();
  (void)replace_file(parts_.device, parts_.state_file, encode_scrub_state(parts_.store, state));
  written_down_at_ = parts_.clock.monotonic();
  unwritten_ = write_at_once_ = false;
}

std::vector<ScrubFinding> Scrubber::findings() const {
  const MutexLock lock(mutex_);
  std::vector<ScrubFinding> found;
  for (const auto& [place, finding] : findings_) found.push_back(finding);
  std::ranges::sort(found, {}, &ScrubFinding::found_at);
  return found;
}

}  // namespace bimip::engine
