// What the model says in the end, when everything was done and looked at.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "tests/frontend/session/inbox_model.h"

namespace bimip::testing {

using Fate = Letter::Fate;

bool InboxModel::is_about(const Telling& telling, const Letter& letter) {
  if (letter.author.first == telling.inbox.first) return false;
  return telling.name != "delivered" || letter.send.to_device() == telling.device;
}

void InboxModel::apply(const Telling& telling) {
  const auto all = letters_at_.find(telling.inbox);
  if (all == letters_at_.end()) return;
  for (auto& [increment, letter] : all->second) {
    if (increment < telling.first || increment > telling.last) continue;
    if (!is_about(telling, *letter)) continue;
    Letter::Told& told = letter->told[telling.name];
    if (letter->expired_at(telling.wall)) {
      told.is_excused = told.is_excused || telling.at_least == 0;
      continue;
    }
    told.at_least += telling.at_least;
    told.at_most += telling.at_most;
  }
}

void InboxModel::check(const Letter& letter) const {
  const std::string what = letter.author.first + ": " + letter.send.ShortDebugString();
  EXPECT_NE(letter.fate, Fate::kUnsure) << what;
  if (letter.fate != Fate::kStored) {
    EXPECT_EQ(letter.increment, 0U) << what;
  } else if (!letter.expired_at(wall_)) {
    EXPECT_NE(letter.increment, 0U) << "lost: " << what;
  }
  if (!letter.send.no_copy() && !letter.expired_at(wall_)) {
    EXPECT_NE(letter.copy, 0U) << "no copy: " << what;
  }
  // Of what nobody was given, because it expired first, the place is not known.
  if (letter.increment == 0) return;
  for (const auto& [name, told] : letter.told) {
    EXPECT_GE(told.heard, told.is_excused ? 0 : told.at_least) << name << " of " << what;
    EXPECT_LE(told.heard, told.at_most) << name << " of " << what;
  }
}

// As they were stored: what was stored for sure before another was begun is in front of it, what
// the log answered for is in the order of its offsets, what was held in that of its times.
void InboxModel::check_order(const InboxOf& inbox) const {
  int begun = 0;
  std::uint64_t offset = 0;
  std::tuple<int, std::int64_t, std::uint64_t> released{};
  for (const auto& [increment, letter] : letters_at_.at(inbox)) {
    const std::string what = letter->author.first + ": " + letter->send.ShortDebugString();
    EXPECT_LE(begun, letter->stored_before) << what;
    begun = std::max(begun, letter->stored_after);
    if (letter->was_held) {
      const std::tuple now{letter->stored_after, letter->send.deliver_at_us(), *letter->offset};
      EXPECT_LT(released, now) << what;
      released = now;
    } else if (letter->offset) {
      EXPECT_LE(offset, *letter->offset) << what;
      offset = *letter->offset + 1;
    }
  }
}

void InboxModel::check_passed() const {
  for (const auto& [place, wall] : expired_) {
    const auto& [inbox, increment] = place;
    EXPECT_NE(inbox.second, "receipt") << "receipts do not expire";
    EXPECT_LE(increment, last(inbox));
    const Letter* letter = at(inbox, increment);
    if (letter == nullptr) continue;  // given to nobody: check() says whether it may be so
    EXPECT_TRUE(letter->expired_at(wall)) << inbox.first << " " << increment;
  }
  for (const auto& [seat, increment] : left_out_) {
    const Letter* letter = at(seat.first, increment);
    if (letter == nullptr) continue;
    EXPECT_FALSE(letter->send.to_device().empty() || letter->send.to_device() == seat.second)
        << seat.first.first << " " << seat.second << " " << increment;
  }
}

std::uint64_t InboxModel::last(const InboxOf& inbox) const {
  if (inbox.second == "receipt") {
    const auto known = known_.find(inbox);
    return known == known_.end() ? 0 : known->second.rbegin()->first;
  }
  const bool is_copies = inbox.second == "sent";
  std::uint64_t count = 0;
  for (const auto& [key, letter] : letters_) {
    const bool is_there = is_copies ? letter.author.first == inbox.first && !letter.send.no_copy()
                                    : letter.inbox() == inbox && letter.fate == Fate::kStored;
    if (is_there) ++count;
  }
  return count;
}

void InboxModel::check_read(const InboxOf& inbox, std::uint64_t read_up_to) const {
  const auto found = read_.find(inbox);
  const Reach read = found == read_.end() ? Reach() : found->second;
  EXPECT_GE(read_up_to, read.surely) << inbox.first << " " << inbox.second;
  EXPECT_LE(read_up_to, last(inbox));
  const Letter* next = at(inbox, read_up_to + 1);
  if (next != nullptr) {
    EXPECT_FALSE(next->expired_at(wall_)) << "what has expired right behind is passed over";
  }
}

std::map<std::uint64_t, std::string> InboxModel::visible(const SeatOf& seat) const {
  const auto known = known_.find(seat.first);
  if (known == known_.end()) return {};
  std::map<std::uint64_t, std::string> found = known->second;
  std::erase_if(found, [&](const auto& one) {
    const Letter* letter = at(seat.first, one.first);
    if (letter == nullptr) return false;
    if (letter->expired_at(wall_)) return true;
    const std::string& device = letter->send.to_device();
    return seat.first.second != "sent" && !device.empty() && device != seat.second;
  });
  return found;
}

void InboxModel::finish() {
  for (const Telling& telling : tellings_) apply(telling);
  tellings_.clear();
  for (const auto& [key, letter] : letters_) check(letter);
  for (const auto& [inbox, all] : letters_at_) {
    if (inbox.second != "sent") check_order(inbox);
  }
  check_passed();
}

}  // namespace bimip::testing
