#include "frontend/session/group_seat.h"

#include "frontend/session/notices.h"
#include "frontend/session/session.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"

namespace bimip::frontend {

void GroupNotice::deliver(Moment now) {
  session()->subscriber().on_reassigned(session(), subscription_, std::move(change_), now);
}

void GroupNotice::save(TapeWriter& to) const {
  put(to, NoticeKind::kGroup);
  put(to, subscription_);
  put(to, change_);
}

void GroupNotice::restore(TapeReader& from) {
  subscription_ = get<std::uint64_t>(from);
  change_ = get<GroupChange>(from);
}

engine::Status GroupSeat::join(engine::Timestamp now) {
  auto member = learn(host_, [&] {
    return host_.broker().join(
        {.key = place_.group, .partitions = place_.partitions, .member = *this, .now = now});
  });
  if (!member) return std::unexpected(std::move(member.error()));
  member_ = *member;
  return {};
}

void GroupSeat::leave(const std::vector<HandedBack>& handed_back, engine::Timestamp now) {
  if (!member_) return;
  tell(
      host_, [&] { host_.broker().leave(place_.group, *member_, handed_back, now); }, *member_,
      handed_back);
  member_.reset();
}

void GroupSeat::let_go(const HandedBack& handed_back, engine::Timestamp now) {
  tell(
      host_, [&] { host_.broker().let_go(place_.group, *member_, handed_back, now); }, *member_,
      handed_back);
}

void GroupSeat::commit(engine::PartitionId partition, engine::Offset offset, engine::Timestamp now,
                       GroupCursors::Stored stored) {
  tell(
      host_,
      [&] { host_.broker().commit(place_.group, partition, offset, now, std::move(stored)); },
      partition, offset);
}

void GroupSeat::set_back(engine::PartitionId partition, const GroupCursors::Step& step,
                         engine::Timestamp now) {
  tell(
      host_, [&] { host_.broker().set_back(place_.group, partition, step, now); }, partition,
      step.from, step.to);
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
