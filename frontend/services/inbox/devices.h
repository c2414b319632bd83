// Which devices an entity has had its inboxes open on.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

// The newest record of an entity's key in the topic of the marks, of a kind of its own: the names
// of its devices, the latest first, at most limits::kDevicesRememberedMax. Nothing but telling what
// became of a message depends on it. Notes of an entity follow one another, those that came
// meanwhile together: none is lost. Thread-safe. Outlives its log's answers.
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
  void write_notes(const std::string& eid);
  // Those that wait to be written.
  [[nodiscard]] std::vector<std::string> take_notes(const std::string& eid);
  void written(const std::string& eid);

  engine::Log& log_;
  const engine::TopicId topic_;
  const std::uint32_t partitions_;
  InFlight in_flight_;
  engine::Mutex mutex_;
  // Of whom something is being written; and what came since.
  std::map<std::string, std::vector<std::string>> noting_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
