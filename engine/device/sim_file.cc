#include "engine/device/sim_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/assert.h"

namespace bimip::engine {
namespace {

constexpr std::uint64_t sector_start(std::uint64_t position) {
  return position / kSimSectorBytes * kSimSectorBytes;
}
constexpr std::uint64_t sector_end(std::uint64_t position) {
  return sector_start(position + kSimSectorBytes - 1);
}

}  // namespace

void SimFileState::write(std::uint64_t step, std::uint64_t position, Bytes bytes) {
  if (bytes.empty()) return;
  expect_no_flight_over(position, bytes.size());
  const std::uint64_t size_before = seen_.size();
  seen_.write(position, bytes);
  const std::uint64_t start = sector_start(position);
  std::vector<std::byte> sectors(sector_end(position + bytes.size()) - start);
  seen_.read(start, sectors);
  add_write(step, step, start, sectors);
  changes_.back().size = position + bytes.size();
  changes_.back().size_before = size_before;
}

void SimFileState::add_write(std::uint64_t step, std::uint64_t finished_at, std::uint64_t position,
                             Bytes bytes) {
  changes_.push_back(Change{.kind = Change::Kind::kWrite,
                            .step = step,
                            .finished_at = finished_at,
                            .size = position + bytes.size(),
                            .size_before = seen_.size(),
                            .position = position,
                            .bytes = {bytes.begin(), bytes.end()},
                            .settled = std::vector<bool>(bytes.size() / kSimSectorBytes)});
}

void SimFileState::grow(std::uint64_t step, std::uint64_t size) {
  if (size <= seen_.size()) return;
  changes_.push_back(Change{.kind = Change::Kind::kGrow,
                            .step = step,
                            .finished_at = step,
                            .size = size,
                            .size_before = seen_.size()});
  seen_.resize(size);
}

void SimFileState::cut(std::uint64_t step, std::uint64_t size) {
  if (size >= seen_.size()) return grow(step, size);
  changes_.push_back(Change{.kind = Change::Kind::kCut,
                            .step = step,
                            .finished_at = step,
                            .size = size,
                            .size_before = seen_.size()});
  seen_.resize(size);
}

// Which of two writes in flight over the same bytes lands last is nobody's promise: a bug of the
// caller.
void SimFileState::expect_no_flight_over(std::uint64_t position, std::uint64_t bytes) const {
  for (const Change& other : changes_) {
    BIMIP_ASSERT(!other.in_flight() || position + bytes <= other.position ||
                 position >= other.position + other.bytes.size());
  }
}

void SimFileState::start(std::uint64_t step, std::uint64_t position, Bytes bytes) {
  expect_no_flight_over(position, bytes.size());
  add_write(step, kInFlight, position, bytes);
}

SimFileState::Changes::iterator SimFileState::find_write(std::uint64_t step) {
  const auto found = std::find_if(changes_.begin(), changes_.end(), [&](const Change& change) {
    return change.step == step && change.in_flight();
  });
  BIMIP_ASSERT(found != changes_.end());
  return found;
}

Bytes SimFileState::on_its_way(std::uint64_t step) { return find_write(step)->bytes; }

void SimFileState::finish(std::uint64_t step, std::uint64_t now, WriteDurability durability) {
  const auto change = find_write(step);
  change->finished_at = now;
  seen_.write(change->position, change->bytes);
  if (durability == WriteDurability::kDurable) settle(change);
}

void SimFileState::finish_short(std::uint64_t step, std::uint64_t now, std::size_t sectors) {
  const auto change = find_write(step);
  if (sectors == 0) {
    changes_.erase(change);
    return;
  }
  change->finished_at = now;
  change->bytes.resize(sectors * kSimSectorBytes);
  change->settled.resize(sectors);
  change->size = change->position + change->bytes.size();
  seen_.write(change->position, change->bytes);
}

bool SimFileState::can_settle(const Change& change, std::uint64_t step) const {
  return !change.given_up && !change.in_flight() && change.finished_at <= step;
}

void SimFileState::sync(std::uint64_t step) {
  // Settling a cut also settles changes before it, hence the search from the front each time.
  for (;;) {
    const auto next = std::find_if(changes_.begin(), changes_.end(),
                                   [&](const Change& change) { return can_settle(change, step); });
    if (next == changes_.end()) return;
    settle(next);
  }
}

void SimFileState::fail_sync(std::uint64_t step, Random& random) {
  for (Change& change : changes_) {
    if (can_settle(change, step) && random.one_in(2)) change.given_up = true;
  }
  sync(step);
}

void SimFileState::settle(Changes::iterator change) {
  switch (change->kind) {
    case Change::Kind::kWrite:
      settle_write(*change);
      break;
    case Change::Kind::kGrow:
      settle_cuts(change->step, change->size);
      medium_.resize(std::max(medium_.size(), change->size));
      break;
    case Change::Kind::kCut:
      // Settles itself among the cuts, and leaves the list with them.
      settle_cuts(change->step + 1, ~std::uint64_t{0});
      return;
  }
  changes_.erase(change);
}

void SimFileState::settle_write(const Change& write) {
  settle_cuts(write.step, write.size);
  const std::uint64_t size = std::max(medium_.size(), write.size);
  for (std::size_t i = 0; i < write.settled.size(); ++i) {
    if (!write.settled[i]) put_sector(medium_, write, i);
  }
  medium_.resize(size);
  // What an older write left in these sectors can no longer come back.
  const std::uint64_t end = write.position + write.bytes.size();
  for (Change& older : changes_) {
    if (older.step >= write.step || older.kind != Change::Kind::kWrite) continue;
    for (std::size_t i = 0; i < older.settled.size(); ++i) {
      const std::uint64_t at = older.position + i * kSimSectorBytes;
      if (at >= write.position && at < end) older.settled[i] = true;
    }
  }
}

// Makes durable the last cut before `before_step` that is below `below_size`, and with it every
// earlier change of the size: one inode holds them all.
void SimFileState::settle_cuts(std::uint64_t before_step, std::uint64_t below_size) {
  const auto last = std::find_if(changes_.rbegin(), changes_.rend(), [&](const Change& change) {
    return change.kind == Change::Kind::kCut && change.step < before_step &&
           change.size < below_size;
  });
  if (last == changes_.rend()) return;
  const Change cut = *last;
  medium_.resize(cut.size);
  for (auto change = changes_.begin(); change != changes_.end() && change->step <= cut.step;) {
    if (change->kind != Change::Kind::kWrite) {
      change = changes_.erase(change);
    } else {
      if (!change->in_flight()) forget_from(*change, cut.size);
      ++change;
    }
  }
}

void SimFileState::put_sector(SparseBytes& into, const Change& write, std::size_t sector) {
  into.write(write.position + sector * kSimSectorBytes,
             Bytes(write.bytes).subspan(sector * kSimSectorBytes, kSimSectorBytes));
}

void SimFileState::forget_from(Change& write, std::uint64_t size) {
  write.size = std::min(write.size, size);
  write.size_before = std::max(write.size_before, write.size);
  const std::uint64_t kept = size <= write.position ? 0 : size - write.position;
  if (kept >= write.bytes.size()) return;
  std::fill(write.bytes.begin() + static_cast<std::ptrdiff_t>(kept), write.bytes.end(),
            std::byte{0});
  for (std::uint64_t i = sector_end(kept) / kSimSectorBytes; i < write.settled.size(); ++i) {
    write.settled[i] = true;
  }
}

void SimFileState::damage(std::uint64_t position, Bytes bytes) {
  seen_.write(position, bytes);
  medium_.write(position, bytes);
  for (Change& write : changes_) {
    if (write.kind != Change::Kind::kWrite || write.in_flight()) continue;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint64_t at = position + i;
      if (at >= write.position && at < write.position + write.bytes.size()) {
        write.bytes[at - write.position] = bytes[i];
      }
    }
  }
}

void SimFileState::replace(Bytes bytes) {
  changes_.clear();
  seen_ = SparseBytes();
  seen_.write(0, bytes);
  medium_ = seen_;
}

void SimFileState::collect_steps(std::vector<std::uint64_t>& steps) const {
  for (const Change& change : changes_) {
    if (change.kind == Change::Kind::kWrite) steps.push_back(change.step);
  }
}

SparseBytes SimFileState::image(SimCrash& crash) const {
  SparseBytes image = medium_.clone();
  std::uint64_t size = medium_.size();
  // Bytes written past a cut that is lost went to space the file does not have.
  std::uint64_t lost_from = ~std::uint64_t{0};
  const auto resizes = static_cast<std::size_t>(
      std::count_if(changes_.begin(), changes_.end(),
                    [](const Change& change) { return change.changes_size(); }));
  const std::size_t resizes_kept = crash.sizes_that_survive(resizes);
  std::size_t resizes_seen = 0;
  for (const Change& change : changes_) {
    const bool resize_kept = change.changes_size() && resizes_seen++ < resizes_kept;
    if (change.kind == Change::Kind::kCut) {
      if (resize_kept) {
        image.resize(std::min(image.size(), change.size));
        size = change.size;
      } else {
        lost_from = std::min(lost_from, change.size);
      }
      continue;
    }
    if (resize_kept) size = std::max(size, change.size);
    if (change.kind == Change::Kind::kWrite) image_write(change, lost_from, crash, image);
  }
  image.resize(size);
  return image;
}

void SimFileState::image_write(const Change& write, std::uint64_t lost_from, SimCrash& crash,
                               SparseBytes& image) const {
  const auto survives = crash.sectors_that_survive(write.step, write.position / kSimSectorBytes,
                                                   write.settled.size());
  for (std::size_t i = 0; i < survives.size(); ++i) {
    const std::uint64_t at = write.position + i * kSimSectorBytes;
    if (write.settled[i] || at + kSimSectorBytes > lost_from) continue;
    if (survives[i]) {
      put_sector(image, write, i);
    } else if (at >= sector_end(write.size_before) && crash.shows_garbage()) {
      std::array<std::byte, kSimSectorBytes> garbage;
      for (std::byte& byte : garbage) byte = crash.garbage();
      image.write(at, garbage);
    }
  }
}

}  // namespace bimip::engine
