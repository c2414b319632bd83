#include "tools/client/publisher.h"

#include <algorithm>
#include <utility>

#include "engine/base/assert.h"

namespace bimip::client {
namespace {

// A slot gives back the memory of a larger message.
constexpr std::size_t kSlotBytesKept = 4096;

}  // namespace

Publisher::Publisher(Window window, Backoff backoff)
    : window_(window), backoff_(backoff), slots_(window.messages) {
  BIMIP_ASSERT(window.messages > 0);
}

bool Publisher::has_room() const {
  return !failure_ && next_number_ - oldest_ < window_.messages &&
         (bytes_ < window_.bytes || next_number_ == oldest_);
}

void Publisher::add(std::string_view frame) {
  BIMIP_ASSERT(has_room());
  Slot& added = slot(next_number_);
  added.frame.assign(frame);
  added.state = State::kWaiting;
  added.was_sent = false;
  bytes_ += frame.size();
  ++next_number_;
}

void Publisher::on_connected(std::size_t in_flight_max) {
  in_flight_max_ = std::max<std::size_t>(in_flight_max, 1);
  refusal_.reset();
  go_back();
}

void Publisher::on_disconnected() {
  in_flight_max_ = 0;
  in_flight_ = 0;
  for (std::uint64_t number = oldest_; number < next_to_send_; ++number) {
    if (slot(number).state == State::kSent) slot(number).state = State::kWaiting;
  }
}

void Publisher::go_back() { next_to_send_ = oldest_; }

std::string_view Publisher::take(SteadyTime now) {
  if (in_flight_ >= in_flight_max_) return {};
  if (refusal_) {
    if (in_flight_ > 0 || now < retry_at_) return {};
    refusal_.reset();
    go_back();
  }
  while (next_to_send_ < end() && slot(next_to_send_).state != State::kWaiting) ++next_to_send_;
  if (next_to_send_ >= end()) return {};
  Slot& sent = slot(next_to_send_);
  ++next_to_send_;
  if (sent.was_sent) ++resent_;
  sent.was_sent = true;
  sent.state = State::kSent;
  ++in_flight_;
  return sent.frame;
}

std::optional<SteadyTime> Publisher::resumes_at() const {
  if (!refusal_ || in_flight_ > 0 || in_flight_max_ == 0) return std::nullopt;
  return retry_at_;
}

bool Publisher::is_in_flight(std::uint64_t number) {
  return number >= oldest_ && number < next_to_send_ && slot(number).state == State::kSent;
}

bool Publisher::on_stored(std::uint64_t number) {
  if (!is_in_flight(number)) return false;
  ++stored_;
  backoff_.reset();
  settle(number, State::kStored);
  return true;
}

void Publisher::on_refused(std::uint64_t number, const Refusal& refusal, SteadyTime now) {
  if (!is_in_flight(number)) return;
  slot(number).state = State::kWaiting;
  --in_flight_;
  if (refusal_) return;  // one of those that follow it
  refusal_ = refusal;
  retry_at_ = now + std::max(backoff_.next(), refusal.retry_after);
}

void Publisher::on_failed(std::uint64_t number, std::string message) {
  if (!is_in_flight(number)) return;
  if (!failure_ || number < failure_->number) {
    failure_ = Failure{.number = number, .message = std::move(message)};
  }
  settle(number, State::kFailed);
}

void Publisher::settle(std::uint64_t number, State state) {
  --in_flight_;
  slot(number).state = state;
  while (oldest_ < next_to_send_) {
    Slot& done = slot(oldest_);
    if (done.state != State::kStored && done.state != State::kFailed) break;
    bytes_ -= done.frame.size();
    done.frame.clear();
    if (done.frame.capacity() > kSlotBytesKept) std::string().swap(done.frame);
    ++oldest_;
  }
}

}  // namespace bimip::client
