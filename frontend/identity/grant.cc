#include "frontend/identity/grant.h"

namespace bimip::frontend {
namespace {

std::uint8_t bit_of(Action action) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(action));
}

}  // namespace

bool Access::may(Action action, std::string_view topic) {
  if (last_ == known_.end() || last_->first != topic) last_ = known_.find(topic);
  if (last_ == known_.end()) {
    if (known_.size() >= kTopicsMax) known_.clear();
    std::uint8_t bits = 0;
    for (const Action each : {Action::kPublish, Action::kSubscribe, Action::kAdmin}) {
      if (permissions_->allow(each, topic)) bits |= bit_of(each);
    }
    last_ = known_.emplace(topic, bits).first;
  }
  return (last_->second & bit_of(action)) != 0;
}

}  // namespace bimip::frontend
