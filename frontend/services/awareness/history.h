// Reads what an entity was from the log.
#pragma once

#include <functional>
#include <string>

#include "engine/store/log.h"
#include "frontend/services/awareness/past.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

struct HistoryQuery {
  std::string eid{};
  PastRange range{};
  Reader reader{};
  std::size_t records_max = 0;  // looked at, about
};

// Thread-safe. Finds the end of the range by halving, and reads from there back: it costs what is
// in the range, and what is to be passed over until the begin of what was in force there.
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
