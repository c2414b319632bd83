// What an entity was: its transitions, as somebody may know them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/store/log.h"
#include "frontend/services/awareness/awareness_core.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

// Whose eyes it is seen with.
struct Reader {
  bool is_own = false;
  Relation relation{};  // what the entity lets it know
};

// Of transitions in order, all before `until`, what the reader may know: spans that he may not see
// look offline, and what then looks the same is one. Pure.
[[nodiscard]] std::vector<Transition> visible_part(const std::vector<Transition>& transitions,
                                                   engine::Timestamp until, const Reader& reader);

struct HistoryQuery {
  std::string eid{};
  engine::Timestamp from{};
  engine::Timestamp until{};
  std::size_t most = 0;
  Reader reader{};
};
// In order: the one in force at `from`, if it is known, and those in the range; only the newest if
// there are more.
struct HistoryAnswer {
  std::vector<Transition> transitions{};
  bool has_more = false;
};

// Reads the log from the newest record back: it costs what has happened since. Thread-safe.
class History {
 public:
  History(engine::Log& log, engine::TopicId topic, InFlight& in_flight)
      : log_(log), topic_(topic), in_flight_(in_flight) {}
  // Called once, on any thread: must not block. Errors: kIo, kClosed. What is damaged or gone is
  // passed over.
  using Then = std::move_only_function<void(engine::Result<HistoryAnswer>)>;
  void read(HistoryQuery query, Then then);

 private:
  class Reading;
  engine::Log& log_;
  const engine::TopicId topic_;
  InFlight& in_flight_;
};

}  // namespace bimip::frontend
