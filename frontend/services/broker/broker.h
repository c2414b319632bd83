// Consumer groups of the whole node: who is a member, who reads what, how far they have come.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/broker/group.h"
#include "frontend/services/broker/group_cursors.h"
#include "frontend/services/broker/group_key.h"
#include "frontend/services/broker/ledger.h"

namespace bimip::frontend {

// A partition that is a member's from now on.
struct GivenPartition {
  engine::PartitionId partition{};
  std::optional<engine::Offset> committed{};  // where it goes on; none: as the member asked for
  // Records behind it that members before had and did not acknowledge, and how often.
  std::vector<DeliveredRange> attempts{};
};

struct GroupChange {
  std::uint64_t generation = 0;
  std::vector<engine::PartitionId> taken{};
  std::vector<GivenPartition> given{};
};

// What the broker tells a member.
class GroupMember {
 public:
  virtual ~GroupMember() = default;
  // On any thread, one call at a time, with the broker's lock held: must not call the broker.
  virtual void on_reassigned(GroupChange change) = 0;
};

// What a member that lets go of a partition leaves behind.
struct HandedBack {
  engine::PartitionId partition{};
  std::optional<engine::Offset> committed{};
  std::vector<DeliveredRange> unacknowledged{};
};

// Thread-safe. Cursors are records of the log, and survive it all; who is a member is known here
// only, and how often a record was delivered as well: after a restart counting begins anew.
class Broker {
 public:
  // Reads the cursors; blocks.
  [[nodiscard]] static engine::Result<std::unique_ptr<Broker>> open(engine::Log& log);

  struct Joining {
    GroupKey key{};
    std::uint32_t partitions = 0;  // of the topic
    GroupMember& member;
    engine::Timestamp now{};
  };
  // The member is told of its partitions, perhaps before this returns. kBusy: as many groups or
  // cursors as there may be.
  [[nodiscard]] engine::Result<MemberId> join(const Joining& joining);
  // After it has returned the member is told nothing any more.
  void leave(const GroupKey& key, MemberId member, std::vector<HandedBack> handed_back,
             engine::Timestamp now);
  // Of a partition that was taken.
  void let_go(const GroupKey& key, MemberId member, HandedBack handed_back, engine::Timestamp now);
  // Everything below was acknowledged.
  void commit(const GroupKey& key, engine::PartitionId partition, engine::Offset offset,
              engine::Timestamp now, GroupCursors::Stored stored = nullptr);
  // The cursor is beyond the log's end.
  void set_back(const GroupKey& key, engine::PartitionId partition, const GroupCursors::Step& step,
                engine::Timestamp now);
  // Tells the log below which offsets nothing may go, of topics whose retention waits for cursors.
  void hold_back_retention(engine::Log& log, engine::Timestamp now);
  struct Numbers {
    std::uint64_t groups = 0;  // with members
    std::uint64_t members = 0;
    std::uint64_t cursors = 0;
    std::uint64_t rebalances = 0;  // ever
  };
  [[nodiscard]] Numbers numbers() const;
  // Waits until what was committed is in the log, or was refused by it: before the log is closed.
  void settle() { cursors_->settle(); }

 private:
  struct LiveGroup {
    Group group;
    std::map<MemberId, GroupMember*> members{};
    std::map<engine::PartitionId, std::vector<DeliveredRange>> attempts{};
  };
  explicit Broker(std::unique_ptr<GroupCursors> cursors) : cursors_(std::move(cursors)) {}
  void take_back(const GroupKey& key, LiveGroup& live, HandedBack handed_back,
                 engine::Timestamp now) REQUIRES(mutex_);
  void tell(const GroupKey& key, LiveGroup& live, const std::vector<Reassignment>& told)
      REQUIRES(mutex_);

  const std::unique_ptr<GroupCursors> cursors_;
  mutable engine::Mutex mutex_;  // held while members are told; before that of the cursors
  std::map<GroupKey, LiveGroup> groups_ GUARDED_BY(mutex_);
  std::uint64_t last_member_ GUARDED_BY(mutex_) = 0;
  std::uint64_t rebalances_ GUARDED_BY(mutex_) = 0;
};

}  // namespace bimip::frontend
