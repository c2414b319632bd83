// What an entity was, as somebody may know it. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "frontend/services/awareness/awareness_core.h"

namespace bimip::frontend {

// Whose eyes it is seen with.
struct Reader {
  bool is_own = false;
  Relation relation{};  // what the entity lets it know
};

struct PastRange {
  engine::Timestamp from{};
  engine::Timestamp until{};
  std::size_t most = 0;  // transitions
};

// In order: the one in force at `from`, if it is known, and those in the range; only the newest if
// there are more.
struct HistoryAnswer {
  std::vector<Transition> transitions{};
  // There are more: they are in the range that ends here.
  std::optional<engine::Timestamp> rest_until{};
  // When the first one began is too far back to look for: it is told as of `from`.
  bool is_begin_known = true;
};

// Is given an entity's records from the newest back. What the reader may not know looks offline,
// and what looks the same to it is one: nothing in the answer depends on what it may not know.
// Where the times of records go back, because a connection was found to have ended before, a record
// hides the later times of those before it. Thread-compatible.
class Past {
 public:
  Past(const PastRange& range, Reader reader)
      : range_(range), reader_(std::move(reader)), begin_(range.until) {}

  // The record before the last one. True: no older one matters.
  [[nodiscard]] bool add(Transition older);
  // There is no older one, or none that matters.
  [[nodiscard]] HistoryAnswer end();
  // There are older ones, and nobody is going to look at them. Only if can_break_off(): the rest
  // must be a smaller range.
  [[nodiscard]] HistoryAnswer break_off();
  [[nodiscard]] bool can_break_off() const;

 private:
  void look(engine::Timestamp begin, const Transition& what);
  [[nodiscard]] engine::Timestamp rest_until() const;
  [[nodiscard]] HistoryAnswer answer() const;

  const PastRange range_;
  const Reader reader_;
  engine::Timestamp begin_;           // of the oldest record so far
  std::optional<Transition> open_{};  // the oldest look so far; it may have begun earlier
  std::vector<Transition> found_{};   // those whose begins are known, newest first
};

}  // namespace bimip::frontend
