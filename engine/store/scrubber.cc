#include "engine/store/scrubber.h"

#include <algorithm>
#include <ranges>

#include "engine/format/file_names.h"
#include "engine/format/segment_header.h"

namespace bimip::engine {
namespace {

constexpr std::uint64_t kStateBytesMax = 256 * 1024 * 1024;
// Written by the store since the last tick: with more than this it is busy.
constexpr std::uint64_t kBusyBytes = 256 * 1024;
constexpr auto kStepBytes = static_cast<double>(limits::kScrubStepBytes);

}  // namespace

Scrubber::Scrubber(Parts parts)
    : parts_(std::move(parts)),
      next_choice_at_(parts_.clock.monotonic()),
      last_tick_(parts_.clock.monotonic()),
      written_down_at_(parts_.clock.monotonic()) {}

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
  if (parts_.options.bytes_per_second_max == 0) return;
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  const double seconds = std::chrono::duration<double>(now - last_tick_).count();
  last_tick_ = now;
  if (is_resting() || stopped_.load()) return;
  const auto rate = static_cast<double>(rate_.load(std::memory_order_relaxed));
  allowance_ = std::min(allowance_ + seconds * rate, std::max(kStepBytes, rate / 2));
  if (running_.load()) return;
  allowance_ -= static_cast<double>(std::exchange(spent_, 0));
  const bool may_read = rate == 0 || allowance_ >= kStepBytes;
  if (!may_read || !has_work()) return;
  running_.store(true);
  parts_.background.post([this, bytes = allowance_] { run(bytes); });
}

bool Scrubber::has_work() const {
  return reading_.load() || parts_.clock.monotonic() >= next_choice_at_.load();
}

bool Scrubber::is_resting() {
  const std::uint64_t written =
      parts_.device.counters().bytes_written.load(std::memory_order_relaxed);
  const bool busy = written - written_before_ > kBusyBytes;
  written_before_ = written;
  return busy && counters_.bytes_behind.load(std::memory_order_relaxed) == 0;
}

// One step, then others have their turn before the next.
void Scrubber::run(double bytes) {
  if (!stopped_.load()) step();
  if (!stopped_.load() && has_work() && static_cast<double>(spent_) < bytes) {
    parts_.background.post([this, bytes] { run(bytes); });
  } else {
    running_.store(false);
  }
}

void Scrubber::step() {
  if (!current_) choose();
  if (current_ && current_->blocks) read_some();
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
    // What came since it was last looked was written, or written anew and compared, since then.
    const auto known =
        verified_.try_emplace(key, std::min(now, std::max(looked_at_, segment.last_timestamp)))
            .first;
    const Timestamp at = known->second;
    bytes += segment.place.file_bytes;
    if (now - at > parts_.options.age_goal) behind += segment.place.file_bytes;
    if (oldest == nullptr || at < oldest_at) {
      oldest = &segment;
      oldest_at = at;
    }
  }
  looked_at_ = now;
  forget_all_but(there);
  const auto goal =
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, parts_.options.age_goal.count() / 2));
  const std::uint64_t most = parts_.options.bytes_per_second_max;
  rate_ = behind > 0
              ? most
              : std::clamp(bytes / goal, std::min(limits::kScrubBytesPerSecondMin, most), most);
  counters_.bytes_behind = behind;
  counters_.oldest_age_s =
      std::chrono::duration_cast<std::chrono::seconds>(now - oldest_at).count();
  next_choice_at_ = parts_.clock.monotonic() + limits::kScrubLookEvery;
  // Read not long ago: once more would tell nothing new.
  if (oldest == nullptr || now - oldest_at < parts_.options.age_goal / 4) return;
  begin(*oldest);
}

// What was removed or written anew takes its damage with it.
void Scrubber::forget_all_but(const std::set<Key>& there) {
  std::erase_if(verified_, [&](const auto& one) { return !there.contains(one.first); });
  const MutexLock lock(mutex_);
  std::erase_if(findings_, [&](const auto& one) { return !there.contains(one.first.first); });
}

void Scrubber::begin(const SealedPlace& place) {
  const SealedSegment::Place& segment = place.place;
  Result<std::shared_ptr<File>> file = parts_.device.open(
      segment.folder / file_names::segment(segment.segment.epoch), OpenMode::kRead);
  Result<std::uint64_t> size =
      file ? (*file)->size() : Result<std::uint64_t>(std::unexpected(file.error()));
  if (!size && is_shortage(size.error())) return;
  current_.emplace(Current{.place = place, .blocks = nullptr, .expected = segment.base_offset});
  reading_.store(true);
  const FilePosition end(segment.file_bytes);
  if (!size || *size != segment.file_bytes) {
    found({.from = FilePosition(0),
           .end = end,
           .offsets = {.first = segment.base_offset, .end = segment.end_offset}},
          size ? "has another length than it was sealed with" : size.error().message);
    return finish();
  }
  check_ends(**file);
  current_->blocks =
      std::make_unique<BlockReader>(BlockReader::Place{.file = std::move(*file),
                                                       .segment = segment.segment,
                                                       .from = FilePosition(limits::kSectorBytes),
                                                       .end = end - limits::kSectorBytes,
                                                       .through = ReadThrough::kDevice},
                                    parts_.pool);
}

// Header and footer: without them no record is lost, but whoever rescues the file misses them.
void Scrubber::check_ends(const File& file) {
  const SealedSegment::Place& place = current_->place.place;
  Buffer sector = parts_.pool.take(limits::kSectorBytes);
  const auto read = [&](FilePosition position) -> Result<Bytes> {
    const MutableBytes into = sector.bytes().first(limits::kSectorBytes);
    Result<std::size_t> got = file.read_aligned_at(position, into);
    if (!got) return std::unexpected(std::move(got.error()));
    count_bytes(*got);
    return Bytes(into).first(*got);
  };
  const auto check = [&](FilePosition position, std::string_view what, auto decode) {
    Result<Bytes> bytes = read(position);
    const auto decoded =
        bytes ? decode(*bytes) : decltype(decode(*bytes))(std::unexpected(bytes.error()));
    if (!decoded && is_shortage(decoded.error())) return;
    if (decoded && decoded->identity == place.segment) return;
    found({.from = position, .end = position + limits::kSectorBytes, .offsets = {}},
          std::string(what) + (decoded ? ": of another segment" : ": " + decoded.error().message));
  };
  check(FilePosition(0), "its header", [](Bytes bytes) { return decode_segment_header(bytes); });
  check(FilePosition(place.file_bytes) - limits::kSectorBytes, "its footer",
        [](Bytes bytes) { return decode_segment_footer(bytes); });
}

void Scrubber::count_bytes(std::uint64_t bytes) {
  spent_ += bytes;
  counters_.bytes.fetch_add(bytes, std::memory_order_relaxed);
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
    current_->expected = (*block)->header.end_offset();
  }
  if (!current_) return;
  count_bytes(blocks.bytes_read() - before);
  if (blocks.at_end()) finish();
}

// A device that cannot read a block has lost it as surely as one that reads it wrong.
void Scrubber::pass_damage(const Error& error) {
  BlockReader& blocks = *current_->blocks;
  if (is_shortage(error)) {  // once more, later
    reading_.store(false);
    return current_.reset();
  }
  const SealedSegment::Place& place = current_->place.place;
  const FilePosition from = blocks.position();
  const FilePosition end(place.file_bytes - limits::kSectorBytes);
  const std::optional<BlockHeader> next = next_good();
  const Offset up_to = next ? next->base_offset : place.end_offset;
  found({.from = from,
         .end = next ? next->position : end,
         .offsets = {.first = current_->expected, .end = std::max(up_to, current_->expected)}},
        error.message);
  if (!next) blocks.seek(end);
}

// Sector by sector over what the device does not give.
std::optional<BlockHeader> Scrubber::next_good() {
  BlockReader& blocks = *current_->blocks;
  const FilePosition from = blocks.position();
  while (true) {
    Result<std::optional<BlockHeader>> next = blocks.resync();
    if (next) return *next;
    const FilePosition beyond = blocks.position() + limits::kSectorBytes;
    blocks.seek(beyond);
    if (blocks.at_end() || beyond - from > limits::kScrubUnreadableMax) return std::nullopt;
    const Result<BlockRef> block = blocks.next();
    if (!block) continue;
    blocks.seek((*block)->header.position);
    return (*block)->header;
  }
}

void Scrubber::found(const Damage& damage, const std::string& why) {
  const SealedSegment::Place& place = current_->place.place;
  current_->damaged.insert(damage.from);
  const Path path = place.folder / file_names::segment(place.segment.epoch);
  const ScrubFinding finding{.segment = place.segment,
                             .from = damage.from,
                             .end = damage.end,
                             .offsets = damage.offsets,
                             .found_at = parts_.clock.now(),
                             .why = path.string() + ": " + why};
  {
    const MutexLock lock(mutex_);
    if (!findings_.try_emplace({key_of(place.segment), damage.from}, finding).second) return;
  }
  unwritten_ = write_at_once_ = true;
  parts_.options.on_finding(finding);
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
  reading_.store(false);
  next_choice_at_ = parts_.clock.monotonic();
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
  for (const ScrubFinding& finding : findings_ | std::views::values) found.push_back(finding);
  std::ranges::sort(found, {}, &ScrubFinding::found_at);
  return found;
}

std::size_t Scrubber::finding_count() const {
  const MutexLock lock(mutex_);
  return findings_.size();
}

}  // namespace bimip::engine
