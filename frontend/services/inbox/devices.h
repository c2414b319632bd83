// Which devices an entity has had its inboxes open on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/store/log.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

// The newest record of an entity's key in the topic of the marks, of a kind of its own: the names
// of its devices, the latest first, at most limits::kDevicesRememberedMax. Nothing but telling what
// became of a message depends on it. Two devices that are new at the same moment may lose one of
// them until it opens an inbox again. Thread-safe. Outlives its log's answers.
class Devices {
 public:
  Devices(engine::Log& log, const engine::TopicInfo& marks)
      : log_(log), topic_(marks.id), partitions_(marks.config.partitions) {}

  using Known = std::move_only_function<void(engine::Result<std::vector<std::string>>)>;
  // Called once, on any thread. An entity that nothing is known of has none.
  void of(const std::string& eid, Known known);
  // Remembers it, soon, when it is not known yet.
  void note(const std::string& eid, const std::string& device);
  // Waits until the log has answered for everything: before it is closed.
  void settle() { in_flight_.wait(); }

 private:
  class Look;
  class Append;

  engine::Log& log_;
  const engine::TopicId topic_;
  const std::uint32_t partitions_;
  InFlight in_flight_;
};

}  // namespace bimip::frontend
