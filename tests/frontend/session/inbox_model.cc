#include "tests/frontend/session/inbox_model.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace bimip::testing {

using Fate = Letter::Fate;

InboxModel::LetterKey InboxModel::key_of(const Author& author, const v1::Send& send) {
  return {author.first, author.second, send.to(), send.category(), send.message_id()};
}

// Those whose time has come are there, unless they have expired meanwhile.
void InboxModel::set_wall(std::int64_t us) {
  wall_ = us;
  wall_max_ = std::max(wall_max_, us);
  for (auto& [key, letter] : letters_) {
    if (letter.fate != Fate::kHeld || letter.send.deliver_at_us() > wall_) continue;
    letter.fate = letter.expired_at(wall_) ? Fate::kGivenUp : Fate::kStored;
    letter.stored_after = letter.stored_before = round_;
  }
}

const Letter& InboxModel::send(const Author& author, const v1::Send& send) {
  const auto [found, is_new] = letters_.try_emplace(key_of(author, send));
  Letter& letter = found->second;
  if (!is_new) return letter;
  letter.send = send;
  letter.author = author;
  letter.stored_after = round_;
  return letter;
}

void InboxModel::mark_read(const InboxOf& inbox, std::uint64_t up_to) {
  read_[inbox].asked = std::max(read_[inbox].asked, up_to);
}

void InboxModel::tell(const SeatOf& seat, const v1::SendReceipt& receipt) {
  tellings_asked_.push_back({.seat = seat, .receipt = receipt});
}

void InboxModel::sent(const Author& author, const v1::Send& send, std::uint64_t offset) {
  Letter& letter = letters_.at(key_of(author, send));
  EXPECT_EQ(letter.offset.value_or(offset), offset) << "stored twice: " << send.message_id();
  letter.offset = offset;
}

void InboxModel::marked_read(const InboxOf& inbox, std::uint64_t up_to) {
  read_[inbox].answered = std::max(read_[inbox].answered, up_to);
}

void InboxModel::told(const SeatOf& seat, const v1::SendReceipt& receipt) {
  const auto asked = std::ranges::find_if(tellings_asked_, [&](const Asked& one) {
    return !one.is_answered && one.seat == seat &&
           one.receipt.SerializeAsString() == receipt.SerializeAsString();
  });
  ASSERT_NE(asked, tellings_asked_.end());
  asked->is_answered = true;
}

void InboxModel::read_up_to(const InboxOf& inbox, std::uint64_t increment) {
  (void)read_[inbox];
  std::uint64_t& observed = observed_read_[inbox];
  observed = std::max(observed, increment);
}

void InboxModel::given(const SeatOf& seat, const v1::InboxItem& item) {
  const auto& [inbox, device] = seat;
  learn(inbox, item.increment(), item.message());
  EXPECT_FALSE(left_out_.contains({seat, item.increment()})) << item.ShortDebugString();
  const Letter* letter = at(inbox, item.increment());
  if (letter == nullptr) return;
  EXPECT_FALSE(letter->expired_at(wall_)) << "expired: " << item.ShortDebugString();
  if (inbox.second == "sent") return;
  EXPECT_TRUE(letter->send.to_device().empty() || letter->send.to_device() == device);
  EXPECT_NE(letter->fate, Fate::kHeld) << "too early: " << item.ShortDebugString();
  EXPECT_NE(letter->fate, Fate::kGivenUp) << item.ShortDebugString();
  if (letter->fate == Fate::kUnsure) {
    EXPECT_LE(letter->send.deliver_at_us(), wall_) << "too early: " << item.ShortDebugString();
  }
}

void InboxModel::shown(const InboxOf& inbox, const v1::InboxItem& item) {
  learn(inbox, item.increment(), item.message());
}

void InboxModel::passed(const InboxOf& inbox, const v1::EntityGap& gap) {
  for (std::uint64_t i = gap.first_increment(); i <= gap.last_increment(); ++i)
    expired_.push_back({{inbox, i}, wall_});
}

void InboxModel::left_out(const SeatOf& seat, std::uint64_t increment) {
  left_out_.insert({seat, increment});
}

void InboxModel::learn(const InboxOf& inbox, std::uint64_t increment,
                       const v1::InboxMessage& message) {
  const std::string bytes = message.SerializeAsString();
  const auto [known, is_new] = known_[inbox].try_emplace(increment, bytes);
  EXPECT_EQ(known->second, bytes) << inbox.first << " " << inbox.second << " " << increment;
  if (!is_new) return;
  if (inbox.second == "receipt") return learn_receipt(inbox, message);
  const bool is_copy = inbox.second == "sent";
  const std::string& device = message.from_device();
  const auto found = letters_.find(
      is_copy
          ? LetterKey{inbox.first, device, message.to(), message.category(), message.message_id()}
          : LetterKey{message.from(), device, inbox.first, inbox.second, message.message_id()});
  ASSERT_NE(found, letters_.end()) << message.ShortDebugString();
  Letter& letter = found->second;
  EXPECT_EQ(message.kind(), is_copy ? v1::INBOX_MESSAGE_KIND_COPY : v1::INBOX_MESSAGE_KIND_MESSAGE);
  EXPECT_EQ(message.body(), letter.send.body());
  EXPECT_EQ(message.to_device(), letter.send.to_device());
  EXPECT_FALSE(is_copy && letter.send.no_copy());
  std::uint64_t& place = is_copy ? letter.copy : letter.increment;
  EXPECT_EQ(place, 0U) << "is there twice: " << message.ShortDebugString();
  place = increment;
  letters_at_[inbox][increment] = &letter;
}

void InboxModel::learn_receipt(const InboxOf& inbox, const v1::InboxMessage& message) {
  EXPECT_EQ(message.kind(), v1::INBOX_MESSAGE_KIND_RECEIPT);
  const v1::Receipt& receipt = message.receipt();
  for (const std::string& id : receipt.message_ids()) {
    const auto found = letters_.find(
        {inbox.first, receipt.author_device(), message.from(), receipt.category(), id});
    ASSERT_NE(found, letters_.end()) << message.ShortDebugString();
    Letter& letter = found->second;
    ++letter.told[receipt.name()].heard;
  }
}

const Letter* InboxModel::at(const InboxOf& inbox, std::uint64_t increment) const {
  const auto all = letters_at_.find(inbox);
  if (all == letters_at_.end()) return nullptr;
  const auto found = all->second.find(increment);
  return found == all->second.end() ? nullptr : found->second;
}

void InboxModel::settle(Letter& letter) {
  if (letter.fate != Fate::kUnsure) return;
  letter.was_held = letter.send.has_deliver_at_us() && letter.send.deliver_at_us() > wall_;
  letter.fate = letter.was_held ? Fate::kHeld : Fate::kStored;
  letter.stored_before = round_;
}

// Of what is `surely` so the authors are told once, of the rest perhaps.
void InboxModel::tell_later(Telling telling, const Reach& reach, std::uint64_t surely) {
  telling.wall = wall_;
  telling.at_most = 1;
  telling.first = std::max(reach.surely, surely) + 1;
  telling.last = reach.asked;
  tellings_.push_back(telling);
  telling.first = reach.surely + 1;
  telling.last = surely;
  telling.at_least = 1;
  tellings_.push_back(telling);
}

void InboxModel::tell_later(const Asked& asked, bool surely) {
  const v1::SendReceipt& receipt = asked.receipt;
  const std::pair said(asked.seat, receipt.SerializeAsString());
  const bool is_new = !told_already_.contains(said);
  tellings_.push_back({asked.seat.first, receipt.name(), receipt.first_increment(),
                       receipt.last_increment(), wall_, surely && is_new ? 1 : 0, 1});
  if (surely) told_already_.insert(said);
}

void InboxModel::settled() {
  for (auto& [key, letter] : letters_) settle(letter);
  for (auto& [seat, cursor] : cursors_) {
    cursor.surely = std::max(cursor.surely, cursor.asked);
    cursor.asked = cursor.answered = 0;
  }
  const auto settle_all = [&](const InboxOf& inbox, const std::string& device, Having& having) {
    for (const std::uint64_t one : having.asked) {
      if (having.surely.insert(one).second) tell_delivered(inbox, device, one, 1, 1);
    }
    having.asked.clear();
    having.answered.clear();
  };
  for (auto& [seat, had] : having_) settle_all(seat.first, seat.second, had);
  for (auto& [inbox, delivered] : delivered_) settle_all(inbox, {}, delivered);
  for (auto& [inbox, read] : read_) settle_read(inbox, read);
  observed_read_.clear();
  for (const Asked& asked : tellings_asked_) tell_later(asked, true);
  tellings_asked_.clear();
  ++round_;
}

// What lies behind all that was asked for, and is read all the same, has expired.
void InboxModel::settle_read(const InboxOf& inbox, Reach& read) {
  tell_later({.inbox = inbox, .name = "read"}, read, read.asked);
  read.surely = std::max(read.surely, read.asked);
  read.asked = read.answered = 0;
  const auto observed = observed_read_.find(inbox);
  if (observed == observed_read_.end() || observed->second <= read.surely) return;
  // Marked before a crash: then the authors were told before it.
  const std::uint64_t marked = std::min(read.at_most, observed->second);
  tellings_.push_back({inbox, "read", read.surely + 1, marked, wall_max_, 1, 0});
  for (std::uint64_t i = std::max(read.surely, marked) + 1; i <= observed->second; ++i)
    expired_.push_back({{inbox, i}, wall_max_});
  read.surely = observed->second;
}

// Nothing of this round is sure but what was answered. Who has no answer asks again.
void InboxModel::crashed() {
  for (auto& [key, letter] : letters_) {
    if (letter.offset) settle(letter);
  }
  for (auto& [seat, cursor] : cursors_) {
    cursor.at_most = std::max(cursor.at_most, cursor.asked);
    cursor.surely = std::max(cursor.surely, cursor.answered);
    cursor.asked = cursor.answered = 0;
  }
  for (auto& [seat, had] : having_) {
    for (const std::uint64_t one : had.asked) {
      if (had.surely.contains(one)) continue;
      const bool is_answered = had.answered.contains(one);
      tell_delivered(seat.first, seat.second, one, is_answered ? 1 : 0, 1);
      (is_answered ? had.surely : had.perhaps).insert(one);
    }
    had.asked.clear();
    had.answered.clear();
  }
  for (auto& [inbox, delivered] : delivered_) {
    for (const std::uint64_t one : delivered.asked) {
      if (!delivered.surely.contains(one)) tell_delivered(inbox, {}, one, 0, 1);
    }
    delivered.asked.clear();
  }
  for (auto& [inbox, read] : read_) {
    tell_later({.inbox = inbox, .name = "read"}, read, read.answered);
    read.at_most = std::max(read.at_most, read.asked);
    read.surely = std::max(read.surely, read.answered);
    read.asked = read.answered = 0;
  }
  for (const Asked& asked : tellings_asked_) tell_later(asked, asked.is_answered);
  tellings_asked_.clear();
  observed_read_.clear();
  ++round_;
}

std::vector<const Letter*> InboxModel::unsure() const {
  std::vector<const Letter*> found;
  for (const auto& [key, letter] : letters_) {
    if (letter.fate == Fate::kUnsure) found.push_back(&letter);
  }
  return found;
}

bool InboxModel::has_given_up(std::int64_t wall) const {
  return std::ranges::any_of(letters_, [&](const auto& one) {
    return one.second.fate == Fate::kGivenUp && !one.second.expired_at(wall);
  });
}

const Letter* InboxModel::letter(std::uint64_t random) const {
  if (letters_.empty()) return nullptr;
  const auto at = static_cast<std::ptrdiff_t>(random % letters_.size());
  return &std::next(letters_.begin(), at)->second;
}

}  // namespace bimip::testing
