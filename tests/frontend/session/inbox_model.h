// What inboxes are to hold and to say, in a form too plain to be wrong. It is told what devices
// asked for and what came of it, and fails the test when that cannot be.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bimip/v1/stanza.pb.h"

namespace bimip::testing {

// Whose, and its category.
using InboxOf = std::pair<std::string, std::string>;
// An inbox and a device of its owner.
using SeatOf = std::pair<InboxOf, std::string>;

// An entity and the device of it that sends.
using Author = std::pair<std::string, std::string>;

// What was sent. Rounds count the moments at which nothing was on its way.
struct Letter {
  v1::Send send{};
  Author author{};
  enum class Fate : std::uint8_t { kUnsure, kHeld, kStored, kGivenUp };
  Fate fate = Fate::kUnsure;
  bool was_held = false;
  int stored_after = 0;   // rounds
  int stored_before = 0;  // of kStored
  std::optional<std::uint64_t> offset{};
  std::uint64_t increment = 0;  // 0: nobody was given it yet
  std::uint64_t copy = 0;
  struct Told {
    int at_least = 0;
    int at_most = 0;
    int heard = 0;
    bool is_excused = false;  // it may have been passed over when it had expired
  };
  std::map<std::string, Told> told{};  // its author, by the receipt's name

  [[nodiscard]] bool expired_at(std::int64_t wall) const {
    return send.has_expires_at_us() && send.expires_at_us() <= wall;
  }
  [[nodiscard]] InboxOf inbox() const { return {send.to(), send.category()}; }
};

// How far something has come.
struct Reach {
  std::uint64_t surely = 0;
  std::uint64_t answered = 0;  // in this round
  std::uint64_t asked = 0;     // in this round, answered or not
  std::uint64_t at_most = 0;   // before a crash it was asked for that
};

// Which messages a device has, or somebody was told of.
struct Having {
  std::set<std::uint64_t> surely{};
  std::set<std::uint64_t> asked{};     // in this round, answered or not
  std::set<std::uint64_t> answered{};  // in this round
  std::set<std::uint64_t> perhaps{};   // before a crash it was asked for that
};

// A device has these, when it acknowledges up to the last; they may be none.
struct Acknowledgement {
  std::uint64_t first = 0;
  std::uint64_t up_to = 0;
};

class InboxModel {
 public:
  // The wall clock of the server, whenever it has moved.
  void set_wall(std::int64_t us);

  // Asked for.
  // The letter as it was first sent: once more under its id, it is the same.
  const Letter& send(const Author& author, const v1::Send& send);
  void acknowledge(const SeatOf& seat, const Acknowledgement& range);
  void mark_read(const InboxOf& inbox, std::uint64_t up_to);
  void tell(const SeatOf& seat, const v1::SendReceipt& receipt);

  // Answered, or given.
  void sent(const Author& author, const v1::Send& send, std::uint64_t offset);
  void acknowledged(const SeatOf& seat, const Acknowledgement& range);
  void marked_read(const InboxOf& inbox, std::uint64_t up_to);
  void told(const SeatOf& seat, const v1::SendReceipt& receipt);
  // A device looks at its cursor again.
  void looked(const SeatOf& seat, std::uint64_t cursor);
  void read_up_to(const InboxOf& inbox, std::uint64_t increment);
  void given(const SeatOf& seat, const v1::InboxItem& item);
  // Shown to who only looks.
  void shown(const InboxOf& inbox, const v1::InboxItem& item);
  // Whatever a device is told of its entity's inbox, when it is told.
  void check_state(const InboxOf& inbox, const v1::InboxState& state) const;
  void passed(const InboxOf& inbox, const v1::EntityGap& gap);
  // Between two that were given there was this one, which neither was given nor is a gap.
  void left_out(const SeatOf& seat, std::uint64_t increment);
  // Given to a device that has acknowledged it?
  [[nodiscard]] bool is_acknowledged(const SeatOf& seat, std::uint64_t increment) const;

  // Nothing is on its way: all that was asked for was done.
  void settled();
  // The server is gone. What had settled was done; of what was asked for since, anything.
  void crashed();
  // The letters of which nobody knows what became.
  [[nodiscard]] std::vector<const Letter*> unsure() const;

  // What every one of them is to be, once everything was looked at.
  void finish();
  [[nodiscard]] std::uint64_t last(const InboxOf& inbox) const;
  // Whether this may be how far the inbox is read, now that it was looked at.
  void check_read(const InboxOf& inbox, std::uint64_t read_up_to) const;
  // What a device may be shown now, by increment.
  [[nodiscard]] std::map<std::uint64_t, std::string> visible(const SeatOf& seat) const;
  // Whether a letter that expired while it was held would be one that has not, were this the time:
  // a server that is started then gives it or does not, by whether it had written down that it is
  // given up.
  [[nodiscard]] bool has_given_up(std::int64_t wall) const;
  // Some letter, for a second try; null: there is none.
  [[nodiscard]] const Letter* letter(std::uint64_t random) const;

 private:
  // Authors of the messages from `first` to `last` are told.
  struct Telling {
    InboxOf inbox{};
    std::string name{};
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::int64_t wall = 0;
    int at_least = 0;
    int at_most = 0;
    std::string device{};  // "delivered" of what is for that device; empty: of what is for all
  };
  using LetterKey = std::vector<std::string>;
  [[nodiscard]] static LetterKey key_of(const Author& author, const v1::Send& send);
  void learn(const InboxOf& inbox, std::uint64_t increment, const v1::InboxMessage& message);
  void learn_message(const InboxOf& inbox, std::uint64_t increment,
                     const v1::InboxMessage& message);
  void learn_copy(const InboxOf& inbox, std::uint64_t increment, const v1::InboxMessage& message);
  void learn_receipt(const InboxOf& inbox, const v1::InboxMessage& message);
  [[nodiscard]] const Letter* at(const InboxOf& inbox, std::uint64_t increment) const;
  void release();
  void settle(Letter& letter);
  void settle_read(const InboxOf& inbox, Reach& read);
  void tell_later(Telling telling, const Reach& reach, std::uint64_t surely);
  // Of one message.
  void tell_delivered(const InboxOf& inbox, const std::string& device, std::uint64_t increment,
                      int at_least, int at_most);
  void remember(const SeatOf& seat, std::uint64_t cursor, std::uint64_t surely);
  void apply(const Telling& telling);
  [[nodiscard]] static bool is_about(const Telling& telling, const Letter& letter);
  void check(const Letter& letter) const;
  void check_order(const InboxOf& inbox) const;
  void check_passed() const;

  std::int64_t wall_ = 0;
  std::int64_t wall_max_ = 0;
  int round_ = 0;
  std::map<LetterKey, Letter> letters_{};
  // What stands where, byte for byte the same for everybody and for ever.
  std::map<InboxOf, std::map<std::uint64_t, std::string>> known_{};
  std::map<InboxOf, std::map<std::uint64_t, Letter*>> letters_at_{};  // copies, too
  std::map<SeatOf, Reach> cursors_{};
  std::map<SeatOf, Having> having_{};
  std::map<InboxOf, Having> delivered_{};
  std::map<InboxOf, Reach> read_{};
  std::map<InboxOf, std::uint64_t> observed_read_{};  // in this round
  struct Asked {
    SeatOf seat{};
    v1::SendReceipt receipt{};
    bool is_answered = false;
  };
  void tell_later(const Asked& asked, bool surely);
  // Receipts that were told for sure: said again by the same device they need not be once more.
  std::set<std::pair<SeatOf, std::string>> told_already_{};
  std::vector<Asked> tellings_asked_{};  // in this round
  std::vector<Telling> tellings_{};
  // Positions that only what had expired can have, with the latest wall clock until then.
  std::vector<std::pair<std::pair<InboxOf, std::uint64_t>, std::int64_t>> expired_{};
  std::set<std::pair<SeatOf, std::uint64_t>> left_out_{};
};

}  // namespace bimip::testing
