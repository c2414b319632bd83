// Blocking work that must not hold up a writer thread: preparing, extending, sealing, checkpoints,
// cold reads.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "engine/base/thread_annotations.h"

namespace bimip::engine {

using Job = std::move_only_function<void()>;

// Runs each job once, on some thread. Thread-safe.
class JobRunner {
 public:
  virtual ~JobRunner() = default;
  virtual void post(Job job) = 0;
};

// On threads of its own, first come first served. Destroying it runs what is queued, then joins.
class ThreadJobRunner final : public JobRunner {
 public:
  explicit ThreadJobRunner(std::size_t threads);
  ~ThreadJobRunner() override;
  void post(Job job) override;

 private:
  void run();

  Mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

// On the caller's thread, when it says so: for deterministic tests. Owner-thread only.
class ManualJobRunner final : public JobRunner {
 public:
  void post(Job job) override { jobs_.push_back(std::move(job)); }
  // Runs the oldest job; false when there was none.
  bool run_one();

 private:
  std::deque<Job> jobs_;
};

}  // namespace bimip::engine
