// How far consumer groups have come: a view of the topic of cursors.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/broker/group_key.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

// Every record of the topic "$cursors" is one cursor; the newest of a key counts. A cursor is known
// here at once and durable soon: of what is committed while a record is on its way only the newest
// follows it, so that the log sees a fraction of the acknowledgements. What a crash takes back is
// delivered again; who has to know what it does not take waits for `stored`. Thread-safe. Outlives
// its log's answers: the log is closed before it goes.
class GroupCursors {
 public:
  static constexpr std::string_view kTopic = "$cursors";

  // Makes the topic when it is missing, and reads all of it; blocks.
  [[nodiscard]] static engine::Result<std::unique_ptr<GroupCursors>> open(engine::Log& log);

  // Everything below it was acknowledged; none: nothing was ever committed.
  [[nodiscard]] std::optional<engine::Offset> find(const GroupCursorKey& key) const;
  // Makes room for a group's cursors, so that every commit() finds it. kBusy: there are as many as
  // there may be, and none of them has stood still for as long as a group may be away.
  [[nodiscard]] engine::Status reserve(const GroupKey& group, std::uint32_t partitions,
                                       engine::Timestamp now);
  // Called once, on any thread, perhaps before commit() returns: what was committed survives power
  // loss, or the log has refused it. It may be committed again then.
  using Stored = std::move_only_function<void(engine::Status)>;
  // Of a reserved cursor. Moves it on; one that is further already stays.
  void commit(const GroupCursorKey& key, engine::Offset offset, engine::Timestamp now,
              Stored stored = nullptr);
  // Of one that is beyond the log's end, which began anew: what comes there now was never read.
  struct Step {
    engine::Offset from{};  // done only when it still is there
    engine::Offset to{};
  };
  void set_back(const GroupCursorKey& key, const Step& step, engine::Timestamp now);
  // Nobody has anything left to read in the partition: a cursor at its end is not idle.
  void touch(const GroupCursorKey& key, engine::Offset end, engine::Timestamp now);
  // Of each partition the lowest cursor of a group that moved it, or was new, not longer ago than
  // limits::kGroupHoldsFor. A group that has committed nothing yet holds all.
  using Floors = std::map<std::pair<engine::TopicId, engine::PartitionId>, engine::Offset>;
  [[nodiscard]] Floors floors(engine::Timestamp now) const;
  // Of all groups, committed or reserved.
  [[nodiscard]] std::size_t size() const;
  // Waits until the log has answered for everything that was committed: before it is closed.
  void settle() { in_flight_.wait(); }

 private:
  class Append;
  struct Cursor {
    std::optional<engine::Offset> committed{};
    std::optional<engine::Offset> stored{};      // in the log
    std::optional<engine::Offset> on_its_way{};  // there
    engine::Timestamp moved_at{};
  };
  GroupCursors(engine::Log& log, engine::TopicId topic) : log_(log), topic_(topic) {}
  [[nodiscard]] engine::Status load();
  void apply(const engine::Record& record);
  [[nodiscard]] std::unique_ptr<Append> next_append(const GroupCursorKey& key, Cursor& cursor)
      REQUIRES(mutex_);
  void on_appended(const GroupCursorKey& key, const engine::Status& status);
  using Waiting = std::vector<std::pair<engine::Offset, Stored>>;
  // Those that wait for no more than what is stored; all of them when it was refused.
  [[nodiscard]] Waiting take_waiting(const GroupCursorKey& key, const Cursor& cursor,
                                     const engine::Status& status) REQUIRES(mutex_);
  void forget_idle(engine::Timestamp now, std::vector<std::unique_ptr<Append>>& tombstones)
      REQUIRES(mutex_);

  engine::Log& log_;
  const engine::TopicId topic_;
  mutable engine::Mutex mutex_;
  std::map<GroupCursorKey, Cursor> cursors_ GUARDED_BY(mutex_);
  std::set<GroupCursorKey> refused_ GUARDED_BY(mutex_);  // to be tried again with the next commit
  // For a cursor that is on its way.
  std::map<GroupCursorKey, Waiting> waiting_ GUARDED_BY(mutex_);
  InFlight in_flight_;
};

}  // namespace bimip::frontend
