#include "engine/device/mapped_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <vector>

#include "engine/base/assert.h"
#include "engine/base/thread_annotations.h"

namespace bimip::engine {
namespace {

struct Watched {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> failed{false};
};
// Read by the signal's handler, which may not wait for a lock.
std::array<Watched, MappedPages::kMappingsMax> watched;
std::atomic<std::size_t> used{0};  // of them, from the first one on
struct sigaction before_us{};
std::uintptr_t page_bytes = 4096;

Mutex mutex;
std::vector<std::size_t> free_slots GUARDED_BY(mutex);

Watched* watched_at(std::uintptr_t address) {
  const std::size_t count = used.load(std::memory_order_acquire);
  for (std::size_t slot = 0; slot < count; ++slot) {
    Watched& one = watched[slot];
    if (address >= one.begin.load(std::memory_order_acquire) &&
        address < one.end.load(std::memory_order_acquire))
      return &one;
  }
  return nullptr;
}

// The read that failed is done again by the processor, over zeros.
bool put_zeros_at(std::uintptr_t address) {
  Watched* const mapping = watched_at(address);
  if (mapping == nullptr) return false;
  void* const page = reinterpret_cast<void*>(address / page_bytes * page_bytes);  // NOLINT
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  // First: another thread may read the zeros as soon as they are there.
  mapping->failed.store(true, std::memory_order_release);
  return ::mmap(page, page_bytes, PROT_READ, flags, -1, 0) != MAP_FAILED;
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int kept = errno;
  const bool is_ours = put_zeros_at(reinterpret_cast<std::uintptr_t>(info->si_addr));  // NOLINT
  errno = kept;
  if (is_ours) return;
  if ((before_us.sa_flags & SA_SIGINFO) != 0) return before_us.sa_sigaction(signal, info, context);
  // To whoever had it before, once this has returned.
  ::sigaction(SIGBUS, &before_us, nullptr);
  ::raise(signal);
}

void take_signal() {
  page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction ours{};
  ours.sa_sigaction = on_bus_error;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&ours.sa_mask);
  BIMIP_ASSERT(::sigaction(SIGBUS, &ours, &before_us) == 0);
}

}  // namespace

std::size_t MappedPages::watch(Bytes mapping) {
  static std::once_flag taken;
  std::call_once(taken, take_signal);
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping.data());  // NOLINT
  const std::uintptr_t pages = (mapping.size() + page_bytes - 1) / page_bytes;
  const MutexLock lock(mutex);
  std::size_t slot = used.load(std::memory_order_relaxed);
  if (!free_slots.empty()) {
    slot = free_slots.back();
    free_slots.pop_back();
  }
  BIMIP_ASSERT(slot < watched.size());
  watched[slot].failed.store(false, std::memory_order_relaxed);
  watched[slot].begin.store(begin, std::memory_order_release);
  watched[slot].end.store(begin + pages * page_bytes, std::memory_order_release);
  if (slot == used.load(std::memory_order_relaxed)) used.store(slot + 1, std::memory_order_release);
  return slot;
}

void MappedPages::forget(std::size_t place) {
  const MutexLock lock(mutex);
  watched[place].end.store(0, std::memory_order_release);
  watched[place].begin.store(0, std::memory_order_release);
  free_slots.push_back(place);
}

bool MappedPages::have_failed(std::size_t place) {
  return watched[place].failed.load(std::memory_order_acquire);
}

}  // namespace bimip::engine
