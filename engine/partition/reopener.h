// Brings partitions back whose writer gave up, or that never had one: waits until nothing of the
// old writer is under way, recovers on a job thread, hands over to a new writer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "engine/partition/partition.h"

namespace bimip::engine {

// On its writer loop's thread only. A partition has at most one attempt at a time; requests that
// come meanwhile share its answer. Reads are served throughout.
class Reopener {
 public:
  struct Parts {
    Device& device;
    JobRunner& jobs;
    BufferPool& pool;
    const Clock& clock;
    TroubleCounters& counters;
    std::function<void(Job)> post;  // runs a job on the loop's thread, soon; thread-safe
    std::function<void(Partition&, RecoveredPartition)> adopt;
  };
  explicit Reopener(Parts parts) : parts_(std::move(parts)) {}

  void reopen(Partition& partition, ReopenRequest& request);
  // Its trouble may pass by itself: tried from time to time, after growing pauses, until it is
  // open.
  void heal(Partition& partition, std::chrono::nanoseconds now);
  void tick(std::chrono::nanoseconds now);
  // Goes on with attempts whose old writer has become idle.
  void advance();
  // Begins nothing any more; what has not begun is answered kClosed.
  void close();
  [[nodiscard]] bool idle() const { return attempts_.empty(); }

 private:
  struct Attempt {
    std::vector<ReopenRequest*> requests{};
    bool recovering = false;
  };
  struct Pause {
    std::chrono::nanoseconds next{};
    std::chrono::nanoseconds length{};
  };
  void recover(Partition& partition);
  void finish(Partition& partition, Result<RecoveredPartition> recovered);
  void answer(Partition& partition, const Status& result);

  const Parts parts_;
  std::map<Partition*, Attempt> attempts_;
  std::map<Partition*, Pause> pauses_;  // of those that heal by themselves
  bool closing_ = false;
};

}  // namespace bimip::engine
