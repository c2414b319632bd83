#include "tools/client/publish_window.h"

#include <algorithm>

namespace bimip::client {

std::uint64_t PublishWindow::add(std::string value) {
  bytes_ += value.size();
  entries_.push_back({.entry = {.number = ++last_number_, .value = std::move(value)}});
  return last_number_;
}

const PublishWindow::Entry* PublishWindow::next_to_send(Time now) {
  if (!sends_) return nullptr;
  if (held_until_) {
    if (on_their_way_ > 0 || now < *held_until_) return nullptr;
    held_until_.reset();
  }
  while (next_ < entries_.size() && entries_[next_].state != State::kWaiting) ++next_;
  if (next_ == entries_.size()) return nullptr;
  return take(entries_[next_++]);
}

const PublishWindow::Entry* PublishWindow::next_behind(const Entry& entry, std::size_t bytes_max) {
  if (next_ == entries_.size()) return nullptr;
  Slot& slot = entries_[next_];
  if (slot.state != State::kWaiting || slot.entry.number != entry.number + 1 ||
      slot.entry.value.size() > bytes_max)
    return nullptr;
  ++next_;
  return take(slot);
}

const PublishWindow::Entry* PublishWindow::take(Slot& slot) {
  slot.state = State::kOnItsWay;
  ++on_their_way_;
  if (slot.was_sent) ++sent_again_;
  slot.was_sent = true;
  return &slot.entry;
}

std::optional<PublishWindow::Time> PublishWindow::wakes_at() const {
  return on_their_way_ == 0 ? held_until_ : std::nullopt;
}

PublishWindow::Slot* PublishWindow::find(std::uint64_t number) {
  if (entries_.empty() || number < entries_.front().entry.number) return nullptr;
  const std::uint64_t index = number - entries_.front().entry.number;
  if (index >= entries_.size() || entries_[index].state != State::kOnItsWay) return nullptr;
  return &entries_[index];
}

void PublishWindow::on_stored(std::uint64_t number) {
  Slot* slot = find(number);
  if (slot == nullptr) return;
  slot->state = State::kDone;
  --on_their_way_;
  ++stored_;
  let_go();
}

void PublishWindow::on_dropped(std::uint64_t number) {
  Slot* slot = find(number);
  if (slot == nullptr) return;
  slot->state = State::kDone;
  --on_their_way_;
  let_go();
}

std::uint64_t PublishWindow::unanswered() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      entries_, [](const Slot& slot) { return slot.was_sent && slot.state != State::kDone; }));
}

void PublishWindow::let_go() {
  while (!entries_.empty() && entries_.front().state == State::kDone) {
    bytes_ -= entries_.front().entry.value.size();
    entries_.pop_front();
    if (next_ > 0) --next_;
  }
}

void PublishWindow::on_refused(std::uint64_t number, Time try_again_at) {
  Slot* slot = find(number);
  if (slot == nullptr) return;
  slot->state = State::kWaiting;
  --on_their_way_;
  next_ = 0;
  held_until_ = std::max(held_until_.value_or(try_again_at), try_again_at);
}

void PublishWindow::on_disconnected() {
  for (Slot& slot : entries_) {
    if (slot.state == State::kOnItsWay) slot.state = State::kWaiting;
  }
  on_their_way_ = 0;
  next_ = 0;
  held_until_.reset();
}

}  // namespace bimip::client
