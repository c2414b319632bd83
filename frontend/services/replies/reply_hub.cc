#include "frontend/services/replies/reply_hub.h"

namespace bimip::frontend {

void ReplyHub::listen(const std::string& address, ReplyListener& listener) {
  const engine::MutexLock lock(mutex_);
  listeners_[address] = &listener;
}

void ReplyHub::unlisten(const std::string& address) {
  const engine::MutexLock lock(mutex_);
  listeners_.erase(address);
}

ReplyOutcome ReplyHub::send(const std::string& address, ReplyLetter letter) {
  const engine::MutexLock lock(mutex_);
  const auto at = listeners_.find(address);
  if (at == listeners_.end()) return ReplyOutcome::kNobody;
  return at->second->on_reply(std::move(letter)) ? ReplyOutcome::kHandedOver
                                                 : ReplyOutcome::kRequestOver;
}

void ReplyHub::came(engine::TopicId topic) {
  const engine::MutexLock lock(mutex_);
  ++audiences_[topic];
}

void ReplyHub::went(engine::TopicId topic) {
  const engine::MutexLock lock(mutex_);
  const auto at = audiences_.find(topic);
  if (--at->second == 0) audiences_.erase(at);
}

bool ReplyHub::has_audience(engine::TopicId topic) const {
  const engine::MutexLock lock(mutex_);
  return audiences_.contains(topic);
}

}  // namespace bimip::frontend
