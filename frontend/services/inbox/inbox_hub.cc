#include "frontend/services/inbox/inbox_hub.h"

namespace bimip::frontend {

void InboxHub::listen(const InboxKey& key, InboxListener& listener) {
  const engine::MutexLock lock(mutex_);
  listeners_.emplace(key, &listener);
}

void InboxHub::unlisten(const InboxKey& key, InboxListener& listener) {
  const engine::MutexLock lock(mutex_);
  const auto [first, last] = listeners_.equal_range(key);
  for (auto at = first; at != last; ++at) {
    if (at->second != &listener) continue;
    listeners_.erase(at);
    return;
  }
}

void InboxHub::tell(const InboxKey& key) const {
  const engine::MutexLock lock(mutex_);
  const auto [first, last] = listeners_.equal_range(key);
  for (auto at = first; at != last; ++at) at->second->on_news();
}

std::size_t InboxHub::open() const {
  const engine::MutexLock lock(mutex_);
  return listeners_.size();
}

}  // namespace bimip::frontend
