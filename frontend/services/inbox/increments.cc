#include "frontend/services/inbox/increments.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace bimip::frontend {

using engine::IncrementId;

namespace {

std::uint64_t size_of(const IncrementRange& range) {
  return range.last.value() - range.first.value() + 1;
}

void put(std::string& bytes, IncrementId increment) {
  std::array<std::byte, sizeof(std::uint64_t)> raw{};
  engine::store(raw.data(), increment.value());
  bytes += engine::as_text(raw);
}

}  // namespace

IncrementId Increments::prefix() const {
  return holes_.empty() ? up_to_ : holes_.front().first - 1;
}

bool Increments::contains(IncrementId increment) const {
  return increment > IncrementId(0) && missing({.first = increment, .last = increment}).empty();
}

Increments::Ranges Increments::parts() const {
  Ranges found;
  IncrementId next{1};
  const auto add_until = [&](IncrementId last) {
    if (next <= last) found.push_back({.first = next, .last = last});
  };
  for (const IncrementRange& hole : holes_) {
    add_until(hole.first - 1);
    next = hole.last + 1;
  }
  add_until(up_to_);
  return found;
}

Increments::Ranges Increments::missing(const IncrementRange& range) const {
  Ranges found;
  const auto add_common = [&](const IncrementRange& hole) {
    const IncrementRange common{.first = std::max(hole.first, range.first),
                                .last = std::min(hole.last, range.last)};
    if (common.is_empty()) return;
    if (!found.empty() && found.back().last + 1 == common.first) {
      found.back().last = common.last;
    } else {
      found.push_back(common);
    }
  };
  for (const IncrementRange& hole : holes_) add_common(hole);
  if (range.last > up_to_) add_common({.first = up_to_ + 1, .last = range.last});
  return found;
}

void Increments::add(const IncrementRange& range) {
  if (range.is_empty()) return;
  pass(range.last);
  if (holes_.empty()) return;
  Ranges left;
  for (const IncrementRange& hole : holes_) {
    if (hole.last < range.first || hole.first > range.last) {
      left.push_back(hole);
      continue;
    }
    if (hole.first < range.first) left.push_back({.first = hole.first, .last = range.first - 1});
    if (hole.last > range.last) left.push_back({.first = range.last + 1, .last = hole.last});
  }
  holes_ = std::move(left);
}

void Increments::pass(IncrementId to) {
  if (to <= up_to_) return;
  if (!holes_.empty() && holes_.back().last == up_to_) {
    holes_.back().last = to;
  } else {
    holes_.push_back({.first = up_to_ + 1, .last = to});
  }
  up_to_ = to;
}

void Increments::take_out(const IncrementRange& range) {
  IncrementRange hole{.first = range.first, .last = std::min(range.last, up_to_)};
  if (hole.is_empty()) return;
  Ranges all;
  for (const IncrementRange& one : holes_) {
    if (one.last + 1 < hole.first || one.first > hole.last + 1) {
      all.push_back(one);
      continue;
    }
    hole = {.first = std::min(one.first, hole.first), .last = std::max(one.last, hole.last)};
  }
  const auto at =
      std::ranges::find_if(all, [&](const IncrementRange& one) { return one.first > hole.first; });
  all.insert(at, hole);
  holes_ = std::move(all);
}

void Increments::set_back(IncrementId to) {
  if (to >= up_to_) return;
  up_to_ = to;
  std::erase_if(holes_, [&](const IncrementRange& hole) { return hole.first > to; });
  if (!holes_.empty()) holes_.back().last = std::min(holes_.back().last, to);
}

IncrementRange Increments::smallest_hole() const {
  return *std::ranges::min_element(holes_, {}, size_of);
}

// What lies between the two counts as not in it.
void Increments::join_closest_holes() {
  std::size_t closest = 1;
  const auto distance = [&](std::size_t i) { return holes_[i].first - holes_[i - 1].last; };
  for (std::size_t i = 2; i < holes_.size(); ++i) {
    if (distance(i) < distance(closest)) closest = i;
  }
  holes_[closest - 1].last = holes_[closest].last;
  holes_.erase(holes_.begin() + static_cast<std::ptrdiff_t>(closest));
}

std::string Increments::encode() const {
  std::string bytes;
  put(bytes, up_to_);
  for (const IncrementRange& hole : holes_) {
    put(bytes, hole.first);
    put(bytes, hole.last);
  }
  return bytes;
}

engine::Result<Increments> Increments::decode(engine::Bytes bytes) {
  engine::ByteReader reader(bytes);
  Increments decoded{IncrementId(reader.read<std::uint64_t>())};
  IncrementId next{1};
  bool is_sound = true;
  while (reader.ok() && reader.remaining() > 0 && is_sound) {
    const IncrementId first(reader.read<std::uint64_t>());
    const IncrementRange hole{.first = first, .last = IncrementId(reader.read<std::uint64_t>())};
    is_sound = hole.first >= next && !hole.is_empty() && hole.last <= decoded.up_to_;
    // One number at least between two of them.
    next = hole.last + 2;
    decoded.holes_.push_back(hole);
  }
  if (!reader.ok() || !is_sound)
    return engine::fail(engine::ErrorCode::kDamaged, "a mark's record is none");
  return decoded;
}

}  // namespace bimip::frontend
