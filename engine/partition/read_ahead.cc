#include "engine/partition/read_ahead.h"

#include <algorithm>

namespace bimip::engine {
namespace {

Offset base_of(const BlockRef& block) { return block->header.base_offset; }

}  // namespace

// The newest one: a later piece may have the same blocks once more.
const ReadAhead::Piece* ReadAhead::piece_at(const SegmentIdentity& segment, Offset offset) const {
  const auto piece = std::find_if(pieces_.rbegin(), pieces_.rend(), [&](const Piece& one) {
    return one.segment == segment && offset >= base_of(one.blocks.front()) &&
           offset < one.blocks.back()->header.end_offset();
  });
  return piece == pieces_.rend() ? nullptr : &*piece;
}

std::vector<BlockRef> ReadAhead::find(const SegmentIdentity& segment, OffsetRange wanted,
                                      std::size_t bytes_max) {
  std::vector<BlockRef> found;
  const MutexLock lock(mutex_);
  const Begun begins(segment, wanted.first);
  while (std::ranges::find(on_their_way_, begins) != on_their_way_.end()) one_came_.wait(mutex_);
  const Piece* const piece = piece_at(segment, wanted.first);
  if (piece == nullptr) return found;
  auto block = std::prev(std::ranges::upper_bound(piece->blocks, wanted.first, {}, base_of));
  std::size_t bytes = 0;
  for (; block != piece->blocks.end() && base_of(*block) < wanted.end; ++block) {
    const std::size_t payload = (*block)->header.payload_bytes;
    if (bytes > 0 && bytes + payload > bytes_max) break;
    bytes += payload;
    found.push_back(*block);
  }
  return found;
}

std::optional<Offset> ReadAhead::piece_end(TopicId topic, PartitionId partition, Offset offset) {
  if (offset == Offset(0)) return std::nullopt;
  const MutexLock lock(mutex_);
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    const SegmentIdentity& segment = piece->segment;
    const Offset end = piece->blocks.back()->header.end_offset();
    if (segment.topic != topic || segment.partition != partition ||
        offset - 1 < base_of(piece->blocks.front()) || offset - 1 >= end)
      continue;
    if (piece_at(segment, end) != nullptr) return std::nullopt;
    return end;
  }
  return std::nullopt;
}

ReadAhead::Trace& ReadAhead::trace_of(const SegmentIdentity& segment) {
  const auto known = std::ranges::find(traces_, segment, &Trace::segment);
  if (known != traces_.end()) return *known;
  if (traces_.size() >= kTracesMax) traces_.pop_front();
  return traces_.emplace_back(Trace{.segment = segment});
}

bool ReadAhead::is_worth(const Place& place) {
  const std::size_t part = place.position.value() * kPlaces /
                           std::max(place.segment_end.value(), place.position.value() + 1);
  Trace& trace = trace_of(place.segment);
  if (trace.read[part] || (!place.goes_on && trace.next != place.from)) return false;
  trace.read.set(part);
  return true;
}

bool ReadAhead::is_worth_it(const Place& place) {
  const MutexLock lock(mutex_);
  return is_worth(place);
}

bool ReadAhead::begin_piece(const Place& place) {
  const MutexLock lock(mutex_);
  if (!is_worth(place)) return false;
  on_their_way_.emplace_back(place.segment, place.from);
  return true;
}

void ReadAhead::end_piece(const Place& place) {
  const MutexLock lock(mutex_);
  std::erase(on_their_way_, Begun(place.segment, place.from));
  one_came_.notify_all();
}

void ReadAhead::ended(const SegmentIdentity& segment, Offset end) {
  const MutexLock lock(mutex_);
  trace_of(segment).next = end;
}

void ReadAhead::add(const SegmentIdentity& segment, std::vector<BlockRef> blocks) {
  if (blocks.empty()) return;
  Piece oldest;  // freed after the lock is gone
  const MutexLock lock(mutex_);
  pieces_.push_back({.segment = segment, .blocks = std::move(blocks)});
  if (pieces_.size() <= pieces_max_) return;
  oldest = std::move(pieces_.front());
  pieces_.pop_front();
}

template <typename IsGone>
void ReadAhead::forget_if(const IsGone& is_gone) {
  std::deque<Piece> kept;  // those that are not are freed after the lock is gone
  const MutexLock lock(mutex_);
  for (Piece& piece : pieces_) {
    if (!is_gone(piece.segment)) kept.push_back(std::move(piece));
  }
  pieces_.swap(kept);
  std::erase_if(traces_, [&](const Trace& trace) { return is_gone(trace.segment); });
}

void ReadAhead::forget(const SegmentIdentity& segment) {
  forget_if([&](const SegmentIdentity& other) { return other == segment; });
}

void ReadAhead::drop(TopicId topic, PartitionId partition) {
  forget_if([&](const SegmentIdentity& other) {
    return other.topic == topic && other.partition == partition;
  });
}

}  // namespace bimip::engine
