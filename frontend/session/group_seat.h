// A subscription's membership of a consumer group.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "frontend/services/broker/broker.h"
#include "frontend/session/host.h"

namespace bimip::frontend {

// What a group's broker has to say to a subscription, on its way to the session's thread.
class GroupNotice final : public SessionRequest {
 public:
  GroupNotice(std::shared_ptr<Session> session, std::uint64_t subscription, GroupChange change)
      : SessionRequest(std::move(session), Unasked{}),
        subscription_(subscription),
        change_(std::move(change)) {}
  void save(TapeWriter& to) const override;
  void restore(TapeReader& from) override;
  void deliver(Moment now) override;

 private:
  std::uint64_t subscription_;
  GroupChange change_;
};

// Owned by the subscription, on the session's thread; on_reassigned() comes on any. Leaves the
// group when it is destroyed; what it has not handed back by then begins anew at the group's
// cursor.
class GroupSeat final : public GroupMember {
 public:
  struct Place {
    GroupKey group{};
    std::uint32_t partitions = 0;
    std::uint64_t subscription = 0;
  };
  GroupSeat(const std::shared_ptr<Session>& session, SessionHost& host, Place place)
      : session_(session), host_(host), place_(std::move(place)) {}
  ~GroupSeat() override { leave({}, {}); }
  GroupSeat(const GroupSeat&) = delete;
  GroupSeat& operator=(const GroupSeat&) = delete;

  [[nodiscard]] engine::Status join(engine::Timestamp now);
  void leave(const std::vector<HandedBack>& handed_back, engine::Timestamp now);
  void let_go(const HandedBack& handed_back, engine::Timestamp now);
  void commit(engine::PartitionId partition, engine::Offset offset, engine::Timestamp now,
              GroupCursors::Stored stored = nullptr);
  void set_back(engine::PartitionId partition, const GroupCursors::Step& step,
                engine::Timestamp now);

  void on_reassigned(GroupChange change) override;

 private:
  const std::weak_ptr<Session> session_;
  SessionHost& host_;
  const Place place_;
  std::optional<MemberId> member_{};
};

}  // namespace bimip::frontend
