#include "frontend/session/subscriber.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/hash.h"
#include "frontend/services/replies/reply_hub.h"
#include "frontend/session/group_seat.h"
#include "frontend/session/session.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/subscriber_requests.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

namespace {

std::string range_text(OffsetRange range) {
  return "[" + std::to_string(range.first.value()) + ", " + std::to_string(range.end.value()) + ")";
}

// The partitions that were asked for, each once.
engine::Result<std::set<std::uint32_t>> partitions_of(const v1::Subscribe& subscribe,
                                                      std::uint32_t partitions) {
  std::set<std::uint32_t> chosen(subscribe.partitions().begin(), subscribe.partitions().end());
  if (subscribe.has_cursors()) {
    if (!chosen.empty() || subscribe.cursors().cursors().empty())
      return engine::fail(ErrorCode::kInvalidArgument,
                          "cursors say which partitions: at least one, and none beside them");
    for (const v1::Cursor& cursor : subscribe.cursors().cursors())
      chosen.insert(cursor.partition());
  }
  if (chosen.empty()) {
    for (std::uint32_t i = 0; i < partitions; ++i) chosen.insert(i);
  }
  if (*chosen.rbegin() >= partitions) {
    return engine::fail(ErrorCode::kNotFound,
                        "topic '" + subscribe.topic() + "' has " + std::to_string(partitions) +
                            " partitions, no partition " + std::to_string(*chosen.rbegin()));
  }
  return chosen;
}

std::optional<Presented> cursor_for(const v1::Subscribe& subscribe, engine::PartitionId partition) {
  for (const v1::Cursor& cursor : subscribe.cursors().cursors()) {
    if (cursor.partition() == partition.value())
      return Presented{.next = Offset(cursor.next_offset()), .epoch = cursor.epoch()};
  }
  return std::nullopt;
}

std::unexpected<engine::Error> beyond_end(const Cursor& cursor, const engine::LogBounds& bounds) {
  return engine::fail(ErrorCode::kOutOfRange,
                      "offset " + std::to_string(cursor.next.value()) + " of partition " +
                          std::to_string(cursor.partition.value()) + ": there is only " +
                          range_text({.first = bounds.start, .end = bounds.visible_end}));
}

// A topic that is made anew has another id; one of another store was made at another time.
std::uint64_t epoch_of(const engine::TopicInfo& topic) {
  std::array<std::byte, 2 * sizeof(std::uint64_t)> bytes{};
  engine::store(bytes.data(), std::uint64_t{topic.id.value()});
  engine::store(bytes.data() + sizeof(std::uint64_t), micros(topic.created_at));
  return std::max<std::uint64_t>(1, engine::xxh3_64(bytes));
}

StartRule start_of(const v1::Subscribe& subscribe) {
  using Kind = StartRule::Kind;
  switch (subscribe.from_case()) {
    case v1::Subscribe::kEarliest:
      return {.kind = Kind::kEarliest};
    case v1::Subscribe::kOffset:
      return {.kind = Kind::kOffset, .offset = Offset(subscribe.offset())};
    case v1::Subscribe::kTimeUs:
      return {.kind = Kind::kTime,
              .time = engine::Timestamp(std::chrono::microseconds(subscribe.time_us()))};
    case v1::Subscribe::kLast:
      return {.kind = Kind::kLast, .last = subscribe.last()};
    case v1::Subscribe::kCursors:
      return {.kind = Kind::kCursors};
    case v1::Subscribe::kLatest:
    case v1::Subscribe::FROM_NOT_SET:
      return {.kind = Kind::kLatest};
  }
  return {};
}

}  // namespace

void Subscriber::subscribe(const std::shared_ptr<Session>& session, std::uint64_t id,
                           const v1::Subscribe& subscribe) {
  const auto refuse = [&](const engine::Error& error) { outbox_.send_error(id, error); };
  if (subscriptions_.size() >= host_.limits().subscriptions) {
    host_.metrics().hit(Limit::kSubscriptions);
    return outbox_.send_error(id, Code::kResourceExhausted, "subscriptions_max is reached");
  }
  if (subscribe.credit() > host_.limits().credit) return refuse_credit(id);
  if (subscribe.from_case() == v1::Subscribe::FROM_NOT_SET)
    return outbox_.send_error(id, Code::kInvalidArgument, "Subscribe does not say from where");
  if (!session->bearer().check(Action::kSubscribe, subscribe.topic(), id)) return;
  if (subscribe.deliveries_max() > 0 &&
      !session->bearer().check(Action::kPublish, subscribe.dead_letter_topic(), id))
    return;
  const engine::Result<engine::TopicInfo> topic = host_.log().find_topic(subscribe.topic());
  if (!topic) return refuse(topic.error());

  host_.metrics().subscriptions_begun.add();
  tell(host_, [&] { host_.replies().came(topic->id); }, topic->id);
  const std::uint64_t number = ++last_id_;
  const auto at = subscriptions_.emplace(number, Subscription{}).first;
  Subscription& subscription = at->second;
  subscription.id = number;
  subscription.topic = topic->id;
  subscription.topic_name = topic->name;
  subscription.epoch = epoch_of(*topic);
  subscription.credit = subscribe.credit();
  subscription.request = id;
  engine::Status ready = set_up(subscription, subscribe);
  const bool in_group = !subscribe.group().empty();
  if (ready && !in_group)
    ready = add_cursors(session, subscription, subscribe, topic->config.partitions);
  if (!ready) {
    refuse(ready.error());
    return drop(*session, at);
  }
  if (in_group) return join(session, subscription, subscribe, *topic);
  if (subscription.placing == 0) begin(session, subscription);
}

engine::Status Subscriber::set_up(Subscription& subscription, const v1::Subscribe& subscribe) {
  subscription.start = start_of(subscribe);
  subscription.acknowledges_itself = subscribe.acknowledges_itself();
  subscription.tells_end = subscribe.tell_end();
  if (subscribe.has_filter()) {
    auto filter = RecordFilter::from(subscribe.filter());
    if (!filter) return std::unexpected(std::move(filter.error()));
    subscription.filter = std::move(*filter);
  }
  if (!subscribe.group().empty()) {
    if (subscribe.group().size() > limits::kGroupBytesMax)
      return engine::fail(ErrorCode::kInvalidArgument, "a group's name has at most 128 bytes");
    if (!subscribe.partitions().empty() || subscribe.has_cursors())
      return engine::fail(ErrorCode::kInvalidArgument,
                          "a group shares all partitions, and knows its own cursors");
  }
  return set_redelivery(subscription, subscribe);
}

engine::Status Subscriber::set_redelivery(Subscription& subscription,
                                          const v1::Subscribe& subscribe) {
  const bool any = subscribe.redeliver_after_ms() > 0 || subscribe.deliveries_max() > 0 ||
                   !subscribe.dead_letter_topic().empty();
  if (!any) return {};
  if (subscription.acknowledges_itself)
    return engine::fail(ErrorCode::kInvalidArgument,
                        "what acknowledges itself is never delivered again");
  if ((subscribe.deliveries_max() > 0) != !subscribe.dead_letter_topic().empty())
    return engine::fail(
        ErrorCode::kInvalidArgument,
        "deliveries_max and dead_letter_topic come together: nothing is thrown away");
  subscription.redelivery.after = std::chrono::milliseconds(subscribe.redeliver_after_ms());
  if (subscription.redelivery.after > limits::kRedeliverAfterMax)
    return engine::fail(ErrorCode::kInvalidArgument, "redeliver_after_ms is above a day");
  if (subscribe.deliveries_max() == 0) return {};
  subscription.redelivery.deliveries_max = subscribe.deliveries_max();
  auto dead_letters = host_.log().find_topic(subscribe.dead_letter_topic());
  if (!dead_letters) return std::unexpected(std::move(dead_letters.error()));
  subscription.redelivery.dead_letters = std::move(*dead_letters);
  return {};
}

engine::Status Subscriber::add_cursors(const std::shared_ptr<Session>& session,
                                       Subscription& subscription, const v1::Subscribe& subscribe,
                                       std::uint32_t partitions) {
  const auto chosen = partitions_of(subscribe, partitions);
  if (!chosen) return std::unexpected(chosen.error());
  for (const std::uint32_t number : *chosen) {
    const engine::PartitionId partition(number);
    engine::Status added =
        add_cursor(session, subscription, partition, cursor_for(subscribe, partition));
    if (!added) return added;
  }
  return {};
}

// `known`: where it begins, whatever the subscription's rule is.
engine::Status Subscriber::add_cursor(const std::shared_ptr<Session>& session,
                                      Subscription& subscription, engine::PartitionId partition,
                                      std::optional<Presented> known) {
  // Watched before it is looked at, so that no advance falls in between.
  const engine::Status watched =
      learn(host_, [&] { return host_.watch(*session, subscription.topic, partition); });
  if (!watched) return watched;
  Cursor& cursor = subscription.cursors.emplace_back();
  cursor.partition = partition;
  cursor.life = ++subscription.last_life;
  const engine::Result<engine::LogBounds> bounds =
      host_.log().bounds(subscription.topic, partition);
  if (!bounds) return std::unexpected(bounds.error());
  cursor.visible_end = bounds->visible_end;
  if (known) return take_up(subscription, cursor, *known, *bounds);
  if (subscription.start.kind == StartRule::Kind::kTime) {
    cursor.next = bounds->visible_end;
    find_time(session, subscription, cursor);
    return {};
  }
  return place(subscription, cursor, *bounds);
}

engine::Status Subscriber::take_up(const Subscription& subscription, Cursor& cursor,
                                   const Presented& known, const engine::LogBounds& bounds) {
  cursor.next = known.next;
  if (known.epoch != 0 && known.epoch != subscription.epoch) {
    cursor.resume = Resume::kEpochChanged;
    cursor.next = bounds.start;
    return {};
  }
  if (known.next > bounds.visible_end) return beyond_end(cursor, bounds);
  cursor.resume = known.next < bounds.start ? Resume::kFromRetention : Resume::kExact;
  if (cursor.resume == Resume::kExact) return {};
  cursor.lost = {.first = known.next, .end = bounds.start};
  cursor.next = bounds.start;
  return {};
}

engine::Status Subscriber::place(const Subscription& subscription, Cursor& cursor,
                                 const engine::LogBounds& bounds) const {
  const StartRule& rule = subscription.start;
  switch (rule.kind) {
    case StartRule::Kind::kEarliest:
      cursor.next = bounds.start;
      return {};
    case StartRule::Kind::kOffset:
      cursor.next = rule.offset;
      if (cursor.next <= bounds.visible_end) return {};
      return beyond_end(cursor, bounds);
    case StartRule::Kind::kLast:
      cursor.next = bounds.visible_end -
                    std::min<std::uint64_t>(rule.last, bounds.visible_end - bounds.start);
      return {};
    case StartRule::Kind::kLatest:
    case StartRule::Kind::kTime:
    case StartRule::Kind::kCursors:
      cursor.next = bounds.visible_end;
      return {};
  }
  return {};
}

void Subscriber::find_time(const std::shared_ptr<Session>& session, Subscription& subscription,
                           Cursor& cursor) {
  cursor.placing = true;
  ++subscription.placing;
  auto search = std::make_unique<TimeSearch>(session, subscription.id, cursor.life);
  search->topic = subscription.topic;
  search->partition = cursor.partition;
  search->time = subscription.start.time;
  host_.log().find_time(*search.release());
}

void Subscriber::on_placed(const std::shared_ptr<Session>& session, TimeSearch& search) {
  const auto at = subscriptions_.find(search.subscription());
  if (at == subscriptions_.end()) return;
  Subscription& subscription = at->second;
  Cursor* cursor = subscription.find(search.partition);
  if (cursor == nullptr || cursor->life != search.life()) return;
  if (!search.result()) {
    outbox_.send_error(subscription.request, search.result().error());
    return drop(*session, at);
  }
  cursor->next = *search.result();
  cursor->placing = false;
  if (--subscription.placing > 0) return;
  if (subscription.seat) {
    tell_assignment(subscription);
    pump(session, subscription);
  } else {
    begin(session, subscription);
  }
}

void Subscriber::begin(const std::shared_ptr<Session>& session, Subscription& subscription) {
  v1::Stanza stanza;
  stanza.set_id(subscription.request);
  v1::Subscribed& subscribed = *stanza.mutable_subscribed();
  subscribed.set_subscription_id(subscription.id);
  subscribed.set_epoch(subscription.epoch);
  for (Cursor& cursor : subscription.cursors)
    tell_start(subscription, cursor, *subscribed.add_partitions());
  subscription.request = 0;
  outbox_.send(stanza);
  pump(session, subscription);
}

void Subscriber::tell_start(const Subscription& subscription, Cursor& cursor,
                            v1::PartitionStart& start) {
  const Offset end = std::max(cursor.visible_end, cursor.next);
  start.set_partition(cursor.partition.value());
  start.set_start_offset(cursor.next.value());
  start.set_end_offset(end.value());
  start.set_resume(static_cast<v1::Resume>(cursor.resume));
  start.set_lost_first_offset(cursor.lost.first.value());
  start.set_lost_end_offset(cursor.lost.end.value());
  if (std::exchange(cursor.started, true)) return;
  if (cursor.resume == Resume::kFromRetention)
    host_.metrics().gap_records.add(cursor.lost.end - cursor.lost.first);
  if (subscription.tells_end && cursor.next < end) cursor.tells_end_at = end;
}

Subscription* Subscriber::find(std::uint64_t id, std::uint64_t subscription) {
  const auto at = subscriptions_.find(subscription);
  if (at != subscriptions_.end() && at->second.request == 0) return &at->second;
  outbox_.send_error(id, Code::kNotFound, "no subscription " + std::to_string(subscription));
  return nullptr;
}

Cursor* Subscriber::find(std::uint64_t id, Subscription& subscription, std::uint32_t partition) {
  Cursor* cursor = subscription.find(engine::PartitionId(partition));
  if (cursor == nullptr)
    outbox_.send_error(id, Code::kNotFound, "no such partition in the subscription");
  return cursor;
}

void Subscriber::unsubscribe(Session& session, std::uint64_t id,
                             const v1::Unsubscribe& unsubscribe) {
  const Subscription* subscription = find(id, unsubscribe.subscription_id());
  if (subscription == nullptr) return;
  drop(session, subscriptions_.find(subscription->id));
  v1::Stanza stanza;
  stanza.set_id(id);
  stanza.mutable_unsubscribed()->set_subscription_id(unsubscribe.subscription_id());
  outbox_.send(stanza);
}

void Subscriber::drop(Session& session, Subscriptions::iterator at) {
  Subscription& subscription = at->second;
  std::vector<HandedBack> handed_back;
  for (Cursor& cursor : subscription.cursors) {
    unwatch(session, subscription, cursor);
    refuse_waiting(cursor);
    if (cursor.behind) host_.metrics().catch_ups_ended.add();
    if (subscription.seat) handed_back.push_back(hand_back(cursor));
  }
  if (subscription.seat) subscription.seat->leave(std::move(handed_back), now_.wall);
  tell(host_, [&] { host_.replies().went(subscription.topic); }, subscription.topic);
  subscriptions_.erase(at);
  host_.metrics().subscriptions_ended.add();
}

void Subscriber::unwatch(Session& session, const Subscription& subscription, const Cursor& cursor) {
  tell(
      host_, [&] { host_.unwatch(session, subscription.topic, cursor.partition); },
      subscription.topic, cursor.partition);
}

void Subscriber::drop_forbidden(Session& session) {
  for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
    const auto next = std::next(at);
    if (!session.bearer().may(Action::kSubscribe, at->second.topic_name)) {
      outbox_.send_error(0, Code::kPermissionDenied,
                         "subscription " + std::to_string(at->first) + " to '" +
                             at->second.topic_name + "' has ended: no permission any more");
      drop(session, at);
    }
    at = next;
  }
}

void Subscriber::mix_into(StateHash& hash) const {
  hash.add(now_.monotonic).add(last_id_).add(acknowledgements_).add(subscriptions_.size());
  for (const auto& [id, subscription] : subscriptions_) subscription.mix_into(hash);
}

// Who is told that the session is over needs no more words.
void Subscriber::close(Session& session) {
  for (auto& [id, subscription] : subscriptions_) {
    for (Cursor& cursor : subscription.cursors)
      acknowledgements_ -= std::exchange(cursor.waiting, {}).size();
  }
  while (!subscriptions_.empty()) drop(session, subscriptions_.begin());
}

}  // namespace bimip::frontend
