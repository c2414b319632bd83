#include "tools/log/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace bimip::log_tools {
namespace {

constexpr std::chrono::milliseconds kMeanwhileEvery{200};

}  // namespace

void run_parallel(const ParallelWork& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable done;
  std::size_t running = std::min<std::size_t>(std::max(work.jobs, 1U), work.count);
  std::vector<std::jthread> threads;
  for (std::size_t i = running; i > 0; --i) {
    threads.emplace_back([&] {
      for (std::size_t mine = next++; mine < work.count; mine = next++) work.work(mine);
      const std::scoped_lock lock(mutex);
      --running;
      done.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  while (!done.wait_for(lock, kMeanwhileEvery, [&] { return running == 0; })) {
    lock.unlock();
    if (work.meanwhile) work.meanwhile();
    lock.lock();
  }
}

}  // namespace bimip::log_tools
