// Which partitions of a writer loop have their files open: few at a time, whatever the number of
// partitions.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

namespace bimip::engine {

class Partition;

// Bounds the descriptors that writing takes. A writer that needs its files asks and is served in
// turn; when all places are taken, one that has nothing to do gives its own back, and when there is
// none, those that have had their places longest finish what is under way and queue again. On the
// writer loop's thread only.
class OpenPartitions {
 public:
  explicit OpenPartitions(std::size_t partitions_max) : partitions_max_(partitions_max) {}

  // True: it has a place from now on, and its files are open already.
  [[nodiscard]] bool take(Partition& partition);
  void want(Partition& partition) { waiting_.push_back(&partition); }
  // It has no files open, and wants none.
  void gave_back(Partition& partition);
  // Opens what there is room for.
  void serve();
  // Takes the files of those that were not written to for a while.
  void take_from_idle(std::chrono::nanoseconds now);
  [[nodiscard]] const std::vector<Partition*>& open() const { return open_; }

 private:
  void take_from_yielding();
  bool make_room();

  const std::size_t partitions_max_;
  std::deque<Partition*> waiting_;
  std::vector<Partition*> open_;  // by when they got their place, the first before the others
  std::size_t yielding_ = 0;      // of open_, were asked to give theirs back
};

}  // namespace bimip::engine
