// Blocks of sealed segments that were read ahead of who reads on and on, a store.
#pragma once

#include <bitset>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/segment/block.h"

namespace bimip::engine {

// A reader that goes on where one ended is worth a large read around the page cache: nothing is
// copied, and what others have in the cache stays there. What comes along is kept here for its next
// reads, and for others that follow close behind. A place that is wanted again later is left to the
// page cache, for those who read the same again and again. Thread-safe.
class ReadAhead {
 public:
  // Keeps so much: whole pieces of limits::kBlockBytesMax.
  explicit ReadAhead(std::size_t bytes_max)
      : pool_(bytes_max), pieces_max_(bytes_max / limits::kBlockBytesMax) {}

  // Consecutive blocks from the one that holds the first offset, none beginning at or after the
  // end, up to `bytes_max` but at least one; empty when that one is not here. Waits for a piece
  // that is on its way and begins there.
  [[nodiscard]] std::vector<BlockRef> find(const SegmentIdentity& segment, OffsetRange wanted,
                                           std::size_t bytes_max);

  struct Place {
    SegmentIdentity segment{};
    bool goes_on = false;  // whoever it is for will go on, as from a segment's beginning
    Offset from{};
    FilePosition position{};
    FilePosition segment_end{};
  };
  // Whether a large read is worth it there. It counts as made.
  [[nodiscard]] bool is_worth_it(const Place& place);
  // Somebody read up to there.
  void ended(const SegmentIdentity& segment, Offset end);
  // Where the piece ends that somebody is reading who came to `offset`; nothing when there is none,
  // or what comes behind it is here.
  [[nodiscard]] std::optional<Offset> piece_end(TopicId topic, PartitionId partition,
                                                Offset offset);
  // As is_worth_it(); if so, the piece is on its way until end_piece().
  [[nodiscard]] bool begin_piece(const Place& place);
  void end_piece(const Place& place);
  // Consecutive blocks of one piece.
  void add(const SegmentIdentity& segment, std::vector<BlockRef> blocks);
  // Lets go of a segment that is no more.
  void forget(const SegmentIdentity& segment);
  // Lets go of all of a partition's.
  void drop(TopicId topic, PartitionId partition);

  // Of the pieces; outlives every block.
  [[nodiscard]] BufferPool& pool() { return pool_; }

 private:
  static constexpr std::size_t kTracesMax = 256;
  static constexpr std::size_t kPlaces = 512;
  struct Piece {
    SegmentIdentity segment{};
    std::vector<BlockRef> blocks{};
  };
  // Of one segment.
  struct Trace {
    SegmentIdentity segment{};
    Offset next{};  // where who was here last goes on
    // Of the equal parts of the segment those where a large read began.
    std::bitset<kPlaces> read{};
  };
  template <typename IsGone>
  void forget_if(const IsGone& is_gone);
  [[nodiscard]] Trace& trace_of(const SegmentIdentity& segment) REQUIRES(mutex_);
  [[nodiscard]] bool is_worth(const Place& place) REQUIRES(mutex_);
  [[nodiscard]] const Piece* piece_at(const SegmentIdentity& segment, Offset offset) const
      REQUIRES(mutex_);

  BufferPool pool_;
  const std::size_t pieces_max_;
  Mutex mutex_;
  std::deque<Piece> pieces_ GUARDED_BY(mutex_);  // oldest first
  std::deque<Trace> traces_ GUARDED_BY(mutex_);  // the same
  using Begun = std::pair<SegmentIdentity, Offset>;
  std::vector<Begun> on_their_way_ GUARDED_BY(mutex_);
  std::condition_variable_any one_came_;
};

}  // namespace bimip::engine
