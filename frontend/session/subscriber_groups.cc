// The subscriber as a member of consumer groups.
#include <algorithm>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/group_seat.h"
#include "frontend/session/session.h"
#include "frontend/session/subscriber.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

void Subscriber::join(const std::shared_ptr<Session>& session, Subscription& subscription,
                      const v1::Subscribe& subscribe, const engine::TopicInfo& topic) {
  subscription.seat = std::make_unique<GroupSeat>(
      session, host_,
      GroupSeat::Place{.group = {.topic = topic.id, .group = subscribe.group()},
                       .partitions = topic.config.partitions,
                       .subscription = subscription.id});
  if (const engine::Status joined = subscription.seat->join(now_.wall); !joined) {
    outbox_.send_error(subscription.request, joined.error());
    return drop(*session, subscriptions_.find(subscription.id));
  }
  begin(session, subscription);
}

// The broker's word comes in order: what it takes was given before, and what it gives is nobody's.
void Subscriber::on_reassigned(const std::shared_ptr<Session>& session, std::uint64_t number,
                               GroupChange change, Moment now) {
  at(now);
  const auto found = subscriptions_.find(number);
  if (found == subscriptions_.end()) return;
  Subscription& subscription = found->second;
  subscription.generation = change.generation;
  for (const engine::PartitionId partition : change.taken) {
    if (Cursor* cursor = subscription.find(partition)) {
      cursor->let_go_at = now.monotonic + limits::kLetGoWithin;
      subscription.told_taken.push_back(partition);
    }
  }
  // A partition that cannot be read ends the subscription.
  for (GivenPartition& given : change.given) {
    if (!give(session, found, std::move(given))) return;
  }
  if (subscription.placing == 0) tell_assignment(subscription);
  keep_up_with_group(session, subscription);
  pump(session, subscription);
}

bool Subscriber::give(const std::shared_ptr<Session>& session, Subscriptions::iterator to,
                      GivenPartition given) {
  Subscription& subscription = to->second;
  // The server's own cursor: nothing is told of how it was taken up, and a Gap stands for what is
  // gone.
  const std::optional<Presented> known =
      given.committed ? std::optional(Presented{.next = *given.committed}) : std::nullopt;
  engine::Status added = add_cursor(session, subscription, given.partition, known);
  // The group is further than the log: it began anew. So does the group.
  if (!added && added.error().code == engine::ErrorCode::kOutOfRange && given.committed) {
    outbox_.send_error(0, Code::kOutOfRange, added.error().message);
    Cursor& cursor = *subscription.find(given.partition);
    cursor.next = cursor.visible_end;
    subscription.seat->set_back(given.partition, {.from = *given.committed, .to = cursor.next},
                                now_.wall);
    given.committed = cursor.next;
    added = {};
  }
  if (!added) {
    outbox_.send_error(0, added.error());
    drop(*session, to);
    return false;
  }
  Cursor& cursor = *subscription.find(given.partition);
  if (cursor.resume == Resume::kFromRetention) cursor.next = cursor.lost.first;
  cursor.attempts = std::move(given.attempts);
  cursor.committed = given.committed;
  return true;
}

void Subscriber::tell_assignment(Subscription& subscription) {
  v1::Stanza stanza;
  v1::Assignment& assignment = *stanza.mutable_assignment();
  assignment.set_subscription_id(subscription.id);
  assignment.set_generation(subscription.generation);
  for (const engine::PartitionId partition : subscription.told_taken)
    assignment.add_taken(partition.value());
  subscription.told_taken.clear();
  for (Cursor& cursor : subscription.cursors) {
    if (!cursor.let_go_at) tell_start(subscription, cursor, *assignment.add_partitions());
  }
  outbox_.send(stanza);
}

// Commits what was acknowledged; lets go of what was taken once nothing of it is out, or it was
// waited for long enough.
void Subscriber::keep_up_with_group(const std::shared_ptr<Session>& session,
                                    Subscription& subscription) {
  for (std::size_t i = 0; i < subscription.cursors.size();) {
    Cursor& cursor = subscription.cursors[i];
    commit(session, subscription, cursor);
    const bool lets_go =
        cursor.let_go_at && (cursor.ledger.is_empty() || now_.monotonic >= *cursor.let_go_at);
    if (!lets_go) {
      ++i;
      continue;
    }
    HandedBack handed_back = hand_back(cursor);
    unwatch(*session, subscription, cursor);
    refuse_waiting(cursor);
    if (cursor.placing) --subscription.placing;
    if (cursor.behind) host_.metrics().catch_ups_ended.add();
    free_credit(subscription, cursor.ledger.records());
    subscription.cursors.erase(subscription.cursors.begin() + static_cast<std::ptrdiff_t>(i));
    subscription.turn = 0;
    subscription.seat->let_go(std::move(handed_back), now_.wall);
  }
}

void Subscriber::commit(const std::shared_ptr<Session>& session, Subscription& subscription,
                        Cursor& cursor) {
  if (cursor.placing) return;
  if (cursor.committed != cursor.position()) {
    cursor.committed = cursor.position();
    subscription.seat->commit(cursor.partition, *cursor.committed, now_.wall);
  }
  if (!cursor.waiting.empty()) answer_what_is_passed(session, subscription, cursor);
}

HandedBack Subscriber::hand_back(const Cursor& cursor) const {
  HandedBack handed_back{.partition = cursor.partition};
  if (cursor.placing) return handed_back;
  handed_back.committed = cursor.position();
  handed_back.unacknowledged = cursor.ledger.ranges();
  // What members before had and this one did not come to.
  for (const DeliveredRange& range : cursor.attempts) {
    if (range.offsets.first >= cursor.next) handed_back.unacknowledged.push_back(range);
  }
  return handed_back;
}

}  // namespace bimip::frontend
