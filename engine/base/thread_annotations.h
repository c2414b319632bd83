// A mutex whose guarded members clang checks (-Wthread-safety). After abseil's
// thread_annotations.h.
#pragma once

#include <mutex>

#if defined(__clang__)
#define BIMIP_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define BIMIP_THREAD_ATTRIBUTE(x)
#endif

#define CAPABILITY(x) BIMIP_THREAD_ATTRIBUTE(capability(x))
#define SCOPED_CAPABILITY BIMIP_THREAD_ATTRIBUTE(scoped_lockable)
#define GUARDED_BY(x) BIMIP_THREAD_ATTRIBUTE(guarded_by(x))
#define REQUIRES(...) BIMIP_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) BIMIP_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) BIMIP_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define EXCLUDES(...) BIMIP_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS BIMIP_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace bimip::engine {

class CAPABILITY("mutex") Mutex {
 public:
  void lock() ACQUIRE() { mutex_.lock(); }
  void unlock() RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace bimip::engine
