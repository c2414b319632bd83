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
// refuses is counted, and a state tried again. On the service's thread.
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

  using Done = std::move_only_function<void(const engine::Status&)>;

  void write(TapedAwareness& core);
  // Once the entity's state, as it was written last, survives power loss, or is refused. At once
  // when nothing of it is on its way.
  void when_stored(const std::string& eid, Done done);
  // Tries again what the log refused.
  void try_again();
  // The server is alive.
  void mark_alive(engine::Timestamp at);
  void forget(const std::string& eid);
  [[nodiscard]] const engine::Counter& refused() const { return refused_; }

 private:
  // An entity's newest state.
  struct Way {
    std::string value{};
    bool is_newer = false;          // than the one that is on its way
    bool is_refused = false;        // none is: it waits to be tried again
    std::vector<Done> for_this{};   // the one that is on its way
    std::vector<Done> for_newer{};  // the newer one
  };
  void write_state(const std::string& eid, std::string value);
  void append_state(const std::string& eid, Way& way);
  void on_state(const std::string& eid, const engine::Status& status);

  const Parts parts_;
  std::unordered_map<std::string, Way> on_their_way_;
  engine::Counter refused_;
};

}  // namespace bimip::frontend
