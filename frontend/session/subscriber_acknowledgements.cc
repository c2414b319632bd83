// What a subscriber's peer says of what it was given.
#include <algorithm>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/group_seat.h"
#include "frontend/session/session.h"
#include "frontend/session/subscriber.h"
#include "frontend/session/subscriber_requests.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

namespace {

Offset end_of(const v1::Acknowledge& acknowledge) {
  Offset end(acknowledge.end_offset());
  for (const v1::OffsetRange& range : acknowledge.ranges())
    end = std::max(end, Offset(range.end_offset()));
  return end;
}

}  // namespace

bool Subscriber::was_delivered(std::uint64_t id, const Cursor& cursor, std::uint64_t first,
                               std::uint64_t end) {
  if (first <= end && Offset(end) <= cursor.next) return true;
  outbox_.send_error(id, Code::kOutOfRange, "an offset that was not delivered");
  return false;
}

bool Subscriber::was_delivered(std::uint64_t id, const Cursor& cursor,
                               const v1::Acknowledge& acknowledge) {
  return was_delivered(id, cursor, 0, acknowledge.end_offset()) &&
         std::ranges::all_of(acknowledge.ranges(), [&](const v1::OffsetRange& range) {
           return was_delivered(id, cursor, range.first_offset(), range.end_offset());
         });
}

// What is refused here moves nothing.
bool Subscriber::can_be_answered(std::uint64_t id, const Subscription& subscription) {
  if (id == 0) return true;
  if (!subscription.seat) {
    outbox_.send_error(id, Code::kInvalidArgument,
                       "only a group's acknowledgements are kept, and answered: say it without id");
    return false;
  }
  if (acknowledgements_ < limits::kAcknowledgementsMax) return true;
  outbox_.send_error(id, Code::kResourceExhausted,
                     "at most " + std::to_string(limits::kAcknowledgementsMax) +
                         " acknowledgements wait for their answers at a time");
  return false;
}

void Subscriber::acknowledge(const std::shared_ptr<Session>& session, std::uint64_t id,
                             const v1::Acknowledge& acknowledge) {
  Subscription* subscription = find(id, acknowledge.subscription_id());
  if (subscription == nullptr) return;
  Cursor* cursor = find(id, *subscription, acknowledge.partition());
  if (cursor == nullptr || !was_delivered(id, *cursor, acknowledge) ||
      !can_be_answered(id, *subscription))
    return;
  std::uint64_t freed =
      cursor->ledger.acknowledge({.first = Offset(0), .end = Offset(acknowledge.end_offset())});
  for (const v1::OffsetRange& range : acknowledge.ranges()) {
    freed += cursor->ledger.acknowledge(
        {.first = Offset(range.first_offset()), .end = Offset(range.end_offset())});
  }
  host_.metrics().acknowledged_records.add(freed);
  free_credit(*subscription, freed);
  if (id != 0) {
    cursor->waiting.push_back({.id = id, .end = end_of(acknowledge)});
    ++acknowledgements_;
  }
  if (subscription->seat) keep_up_with_group(session, *subscription);
}

// Those whose records the group's cursor has passed wait for the log; the others for what is in
// front of them.
void Subscriber::answer_what_is_passed(const std::shared_ptr<Session>& session,
                                       const Subscription& subscription, Cursor& cursor) {
  const Offset position = cursor.position();
  std::vector<Cursor::Waiting> behind;
  for (const Cursor::Waiting& one : std::exchange(cursor.waiting, {})) {
    if (one.end > position) {
      behind.push_back(one);
      continue;
    }
    Acknowledged* const acknowledged =
        std::make_unique<Acknowledged>(session, Acknowledged::What{.id = one.id,
                                                                   .subscription = subscription.id,
                                                                   .partition = cursor.partition,
                                                                   .end = position})
            .release();
    subscription.seat->commit(
        cursor.partition, position, now_.wall,
        [acknowledged](engine::Status stored) { acknowledged->end(std::move(stored)); });
  }
  cursor.waiting = std::move(behind);
}

void Subscriber::on_acknowledged(const Acknowledged& acknowledged) {
  --acknowledgements_;
  const Acknowledged::What& what = acknowledged.what();
  if (!acknowledged.status()) return outbox_.send_error(what.id, acknowledged.status().error());
  v1::Stanza stanza;
  stanza.set_id(what.id);
  v1::Acknowledged& told = *stanza.mutable_acknowledged();
  told.set_subscription_id(what.subscription);
  told.set_partition(what.partition.value());
  told.set_end_offset(what.end.value());
  outbox_.send(stanza);
}

// The partition is this member's no more, and something in front of theirs never was acknowledged.
void Subscriber::refuse_waiting(Cursor& cursor) {
  for (const Cursor::Waiting& one : std::exchange(cursor.waiting, {})) {
    --acknowledgements_;
    outbox_.send_error(one.id, Code::kNotFound,
                       "partition " + std::to_string(cursor.partition.value()) +
                           " is not this member's any more; its group goes on at offset " +
                           std::to_string(cursor.position().value()));
  }
}

void Subscriber::reject(std::uint64_t id, const v1::Reject& reject) {
  Subscription* subscription = find(id, reject.subscription_id());
  if (subscription == nullptr) return;
  Cursor* cursor = find(id, *subscription, reject.partition());
  if (cursor == nullptr) return;
  const std::chrono::nanoseconds after = std::chrono::milliseconds(reject.redeliver_after_ms());
  if (after > limits::kRedeliverAfterMax)
    return outbox_.send_error(id, Code::kInvalidArgument, "redeliver_after_ms is above a day");
  for (const v1::OffsetRange& range : reject.ranges()) {
    if (!was_delivered(id, *cursor, range.first_offset(), range.end_offset())) return;
  }
  for (const v1::OffsetRange& range : reject.ranges()) {
    host_.metrics().rejected_records.add(cursor->ledger.reject(
        {.first = Offset(range.first_offset()), .end = Offset(range.end_offset())},
        now_.monotonic + after));
  }
}

void Subscriber::add_credit(std::uint64_t id, const v1::Credit& credit) {
  Subscription* subscription = find(id, credit.subscription_id());
  if (subscription == nullptr) return;
  const std::uint64_t held = subscription->credit + subscription->unacknowledged;
  if (credit.records() > host_.limits().credit - held) return refuse_credit(id);
  subscription->credit += credit.records();
}

void Subscriber::refuse_credit(std::uint64_t id) {
  host_.metrics().hit(Limit::kCredit);
  outbox_.send_error(id, Code::kInvalidArgument, "a credit above credit_max");
}

}  // namespace bimip::frontend
