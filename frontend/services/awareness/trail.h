// What awareness leaves in the log of what happened: the history, and the newest states.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/counters.h"
#include "engine/store/log.h"
#include "frontend/services/awareness/taped_awareness.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

// Of an entity's state at most one record is on its way; then the newest follows. What the log
// refuses is counted, and follows with the entity's next change. On the service's thread.
class Trail {
 public:
  using Post = std::function<void(std::move_only_function<void()>)>;  // to the service's thread
  struct Parts {
    engine::Log& log;
    engine::TopicId history{};
    engine::TopicId states{};
    InFlight& in_flight;
    Post post;
  };
  explicit Trail(Parts parts) : parts_(std::move(parts)) {}

  void write(TapedAwareness& core);
  // The server is alive.
  void mark_alive(engine::Timestamp at);
  void forget(const std::string& eid);
  [[nodiscard]] const engine::Counter& refused() const { return refused_; }

 private:
  void write_state(const std::string& eid, const KeptState& state);
  void append_state(const std::string& eid, std::string value);
  void on_state(const std::string& eid, bool is_stored);

  const Parts parts_;
  // On their way, with what is to follow; empty: nothing.
  std::unordered_map<std::string, std::string> on_their_way_;
  engine::Counter refused_;
};

}  // namespace bimip::frontend
