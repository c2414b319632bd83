#include "frontend/session/group_seat.h"

#include "frontend/session/session.h"

namespace bimip::frontend {

void GroupNotice::deliver(Moment now) {
  session()->subscriber().on_reassigned(session(), subscription_, std::move(change_), now);
}

engine::Status GroupSeat::join(engine::Timestamp now) {
  auto member = host_.broker().join(
      {.key = place_.group, .partitions = place_.partitions, .member = *this, .now = now});
  if (!member) return std::unexpected(std::move(member.error()));
  member_ = *member;
  return {};
}

void GroupSeat::leave(std::vector<HandedBack> handed_back, engine::Timestamp now) {
  if (!member_) return;
  host_.broker().leave(place_.group, *member_, std::move(handed_back), now);
  member_.reset();
}

void GroupSeat::let_go(HandedBack handed_back, engine::Timestamp now) {
  host_.broker().let_go(place_.group, *member_, std::move(handed_back), now);
}

void GroupSeat::commit(engine::PartitionId partition, engine::Offset offset,
                       engine::Timestamp now) {
  host_.broker().commit(place_.group, partition, offset, now);
}

void GroupSeat::on_reassigned(GroupChange change) {
  // A session that is going away leaves the group itself.
  if (std::shared_ptr<Session> session = session_.lock()) {
    host_.came_back(
        *std::make_unique<GroupNotice>(std::move(session), place_.subscription, std::move(change))
             .release());
  }
}

}  // namespace bimip::frontend
