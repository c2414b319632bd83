// The last sessions that have ended, and why.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "frontend/session/session_facts.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

// Of all shards, limits::kClosedSessionsKept of them. Thread-safe. Gone with the process.
class ClosedSessions {
 public:
  explicit ClosedSessions(const engine::Clock& clock) : clock_(clock) {}

  void add(SessionFacts session) {
    session.closed_at = clock_.now();
    const engine::MutexLock lock(mutex_);
    if (sessions_.size() == limits::kClosedSessionsKept) sessions_.pop_front();
    sessions_.push_back(std::move(session));
  }

  // Calls `visit(const SessionFacts&)`, the newest first, until it answers false.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    const engine::MutexLock lock(mutex_);
    for (auto at = sessions_.rbegin(); at != sessions_.rend() && visit(*at); ++at) {
    }
  }

 private:
  const engine::Clock& clock_;
  mutable engine::Mutex mutex_;
  std::deque<SessionFacts> sessions_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
