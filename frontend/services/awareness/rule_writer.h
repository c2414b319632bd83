// Consents, restrictions and audiences: decided, recorded, and only then in force.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/store/log.h"
#include "frontend/services/awareness/records.h"
#include "frontend/services/awareness/taped_awareness.h"
#include "frontend/services/blocks.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

// Changes of one pair of entities, and of one entity's audiences, wait for each other, so that each
// is decided by what is in force. On the service's thread.
class RuleWriter {
 public:
  using Post = std::function<void(std::move_only_function<void(TapedAwareness&, Moment)>)>;
  using Done = std::move_only_function<void(engine::Status)>;
  struct Parts {
    engine::Log& log;
    engine::TopicId rules{};
    InFlight& in_flight;
    Post post;
    Blocks* blocks = nullptr;  // where blocks in force are written; null: nowhere
  };
  explicit RuleWriter(Parts parts) : parts_(std::move(parts)) {}

  // `done` once it is in force and survives power loss, or is refused: kNotFound (nothing was asked
  // or given), kBusy (no room), or what the log says.
  void act(TapedAwareness& core, ConsentAct act, const std::string& actor, const std::string& other,
           Moment now, Done done);
  // kUnspecified: as it was.
  void set_privacy(TapedAwareness& core, const std::string& eid, const Privacy& change, Moment now,
                   Done done);

 private:
  using Step = std::move_only_function<void(TapedAwareness&, Moment)>;
  void queue(TapedAwareness& core, const std::string& about, Moment now, Step step);
  void append(const std::string& about, std::vector<RuleRecord> rules, Done done);
  void next(TapedAwareness& core, const std::string& about, Moment now);

  const Parts parts_;
  // Those behind one that has begun.
  std::map<std::string, std::deque<Step>> waiting_;
};

}  // namespace bimip::frontend
