// How far devices have come, by the model: cursors, what they have, what they are told of an inbox.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/frontend/session/inbox_model.h"

namespace bimip::testing {

using Fate = Letter::Fate;

void InboxModel::acknowledge(const SeatOf& seat, const Acknowledgement& range) {
  cursors_[seat].asked = std::max(cursors_[seat].asked, range.up_to);
  for (std::uint64_t i = range.first; i <= range.up_to; ++i) {
    having_[seat].asked.insert(i);
    delivered_[seat.first].asked.insert(i);
  }
}

void InboxModel::acknowledged(const SeatOf& seat, const Acknowledgement& range) {
  cursors_[seat].answered = std::max(cursors_[seat].answered, range.up_to);
  for (std::uint64_t i = range.first; i <= range.up_to; ++i) having_[seat].answered.insert(i);
}

// Behind what it acknowledged for sure, and not further than it ever acknowledged. What a crash
// left untold of is told of now.
void InboxModel::looked(const SeatOf& seat, std::uint64_t cursor) {
  Reach& mine = cursors_[seat];
  const std::uint64_t at_most = std::max({mine.surely, mine.asked, mine.at_most});
  EXPECT_GE(cursor, mine.surely) << seat.first.first << " " << seat.second;
  EXPECT_LE(cursor, at_most) << seat.first.first << " " << seat.second;
  mine.at_most = 0;
  remember(seat, cursor, mine.surely);
  if (cursor > std::max(mine.surely, mine.asked)) mine.surely = cursor;
}

// What was acknowledged before a crash, and the cursor is behind it: it has that, and the authors
// of what was for this device were told before. In front of where the cursor was for sure, it may
// have it or not.
void InboxModel::remember(const SeatOf& seat, std::uint64_t cursor, std::uint64_t surely) {
  Having& had = having_[seat];
  Having& delivered = delivered_[seat.first];
  for (const std::uint64_t one : std::exchange(had.perhaps, {})) {
    if (one > cursor) continue;
    if (one > surely) {
      tell_delivered(seat.first, seat.second, one, 1, 0);
      had.surely.insert(one);
      continue;
    }
    had.perhaps.insert(one);
    if (!delivered.surely.contains(one)) tell_delivered(seat.first, {}, one, 0, 1);
  }
  delivered.asked.insert(had.surely.begin(), had.surely.end());
}

void InboxModel::tell_delivered(const InboxOf& inbox, const std::string& device,
                                std::uint64_t increment, int at_least, int at_most) {
  const std::int64_t wall = at_most == 0 ? wall_max_ : wall_;
  tellings_.push_back({inbox, "delivered", increment, increment, wall, at_least, at_most, device});
}

bool InboxModel::is_acknowledged(const SeatOf& seat, std::uint64_t increment) const {
  const auto cursor = cursors_.find(seat);
  return cursor != cursors_.end() &&
         increment <= std::max(cursor->second.surely, cursor->second.asked);
}

// All that was there when nothing was on its way, and not more than can be there.
void InboxModel::check_state(const InboxOf& inbox, const v1::InboxState& state) const {
  const std::string what = inbox.first + " " + inbox.second + ": " + state.ShortDebugString();
  EXPECT_EQ(state.unread(),
            state.last_increment() - std::min(state.last_increment(), state.read_up_to()))
      << what;
  const auto read = read_.find(inbox);
  if (read != read_.end()) {
    EXPECT_GE(state.read_up_to(), read->second.surely) << what;
  }
  if (inbox.second == "receipt") return;
  std::uint64_t surely = 0;
  std::uint64_t at_most = 0;
  for (const auto& [key, letter] : letters_) {
    const bool is_copies = inbox.second == "sent";
    const bool is_in = is_copies ? letter.author.first == inbox.first && !letter.send.no_copy()
                                 : letter.inbox() == inbox;
    if (!is_in) continue;
    const bool is_stored =
        letter.fate == Fate::kStored || (is_copies && letter.fate != Fate::kUnsure);
    if (is_stored && letter.stored_before < round_) ++surely;
    if (is_stored || letter.fate == Fate::kUnsure) ++at_most;
  }
  EXPECT_GE(state.last_increment(), surely) << what;
  EXPECT_LE(state.last_increment(), at_most) << what;
}

}  // namespace bimip::testing
