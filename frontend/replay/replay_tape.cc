#include "frontend/replay/replay_tape.h"

#include <memory>

#include "engine/base/hash.h"
#include "frontend/session/session.h"

namespace bimip::frontend {

std::optional<RecordedEvent> ReplayTape::next() {
  if (difference_) return std::nullopt;
  const std::optional<RecordedEvent> event = reader_.next();
  if (event) ++events_;
  return event;
}

void ReplayTape::differ(std::string what) {
  if (!difference_) difference_ = {.event = events_, .what = std::move(what)};
}

bool ReplayTape::comes(TapeEvent event) {
  if (difference_) return false;
  const std::optional<RecordedEvent> there = reader_.peek();
  ended_ = !there || there->event == TapeEvent::kFull;
  if (ended_) return false;
  if (there->event == event) return true;
  differ("the session asks for something of kind " + std::to_string(static_cast<int>(event)) +
         ", where then came one of kind " + std::to_string(static_cast<int>(there->event)));
  return false;
}

std::string ReplayTape::next_learnt() {
  if (!comes(TapeEvent::kLearnt)) return {};
  return std::string(next()->words);
}

std::uint64_t ReplayTape::next_generation() {
  const std::optional<RecordedEvent> there = difference_ ? std::nullopt : reader_.peek();
  if (there && there->event == TapeEvent::kGeneration)
    generation_ = TapeReader(next()->words, memory()).number();
  return generation_;
}

bool ReplayTape::next_takeover() {
  const std::optional<RecordedEvent> there = difference_ ? std::nullopt : reader_.peek();
  if (!there || there->event != TapeEvent::kTakenOver) return false;
  (void)next();
  return true;
}

void ReplayTape::on_asked(std::string_view words) {
  if (!comes(TapeEvent::kAsked)) return;
  const std::uint64_t then = TapeReader(next()->words, memory()).fixed();
  if (then != engine::xxh3_64(engine::as_bytes(words)))
    differ("the session asks the world for something else than then");
}

std::uint64_t ReplayTape::on_request(SessionRequest& request) {
  pending_.emplace(++last_request_, &request);
  return last_request_;
}

SessionRequest* ReplayTape::pending(std::uint64_t number) const {
  const auto at = pending_.find(number);
  return at == pending_.end() ? nullptr : at->second;
}

void ReplayTape::forget_pending() {
  while (!pending_.empty()) delete pending_.begin()->second;
}

}  // namespace bimip::frontend
