#include "frontend/session/subscriber.h"

#include <algorithm>
#include <set>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/session.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

// Some records on their way from the log.
class Fetch final : public engine::ReadRequest, public SessionRequest {
 public:
  Fetch(std::shared_ptr<Session> session, std::uint64_t subscription)
      : SessionRequest(std::move(session)), subscription_(subscription) {}
  void on_read(engine::Result<engine::RecordBatch> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void deliver(Moment now) override { session()->subscriber().on_fetched(session(), *this, now); }

 private:
  friend class Subscriber;
  const std::uint64_t subscription_;
  engine::Result<engine::RecordBatch> result_{};
};

// A time on its way to becoming an offset.
class TimeSearch final : public engine::TimeRequest, public SessionRequest {
 public:
  TimeSearch(std::shared_ptr<Session> session, std::uint64_t subscription)
      : SessionRequest(std::move(session)), subscription_(subscription) {}
  void on_found(engine::Result<Offset> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void deliver(Moment) override { session()->subscriber().on_placed(session(), *this); }

 private:
  friend class Subscriber;
  const std::uint64_t subscription_;
  engine::Result<Offset> result_{};
};

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

Offset asked_offset(const v1::Subscribe& subscribe, engine::PartitionId partition) {
  if (subscribe.from_case() == v1::Subscribe::kOffset) return Offset(subscribe.offset());
  for (const v1::Cursor& cursor : subscribe.cursors().cursors()) {
    if (cursor.partition() == partition.value()) return Offset(cursor.next_offset());
  }
  return Offset(0);
}

}  // namespace

void Subscriber::subscribe(const std::shared_ptr<Session>& session, std::uint64_t id,
                           const v1::Subscribe& subscribe) {
  const auto refuse = [&](const engine::Error& error) {
    outbox_.send_error(id, code_of(error.code), error.message);
  };
  if (subscriptions_.size() >= host_.limits().subscriptions) {
    host_.metrics().hit(Limit::kSubscriptions);
    return outbox_.send_error(id, Code::kResourceExhausted, "subscriptions_max is reached");
  }
  if (subscribe.credit() > host_.limits().credit) return refuse_credit(id);
  if (subscribe.from_case() == v1::Subscribe::FROM_NOT_SET)
    return outbox_.send_error(id, Code::kInvalidArgument, "Subscribe does not say from where");
  if (!session->bearer().check(Action::kSubscribe, subscribe.topic(), id)) return;
  const engine::Result<engine::TopicInfo> topic = host_.log().find_topic(subscribe.topic());
  if (!topic) return refuse(topic.error());

  host_.metrics().subscriptions_begun.add();
  const std::uint64_t number = ++last_id_;
  const auto at = subscriptions_.emplace(number, Subscription{}).first;
  Subscription& subscription = at->second;
  subscription.id = number;
  subscription.topic = topic->id;
  subscription.topic_name = topic->name;
  subscription.credit = subscribe.credit();
  subscription.request = id;
  if (const engine::Status added =
          add_cursors(*session, subscription, subscribe, topic->config.partitions);
      !added) {
    refuse(added.error());
    return drop(*session, at);
  }
  if (subscribe.from_case() == v1::Subscribe::kTimeUs) {
    find_time(session, subscription,
              engine::Timestamp(std::chrono::microseconds(subscribe.time_us())));
  } else {
    begin(session, subscription);
  }
}

engine::Status Subscriber::add_cursors(Session& session, Subscription& subscription,
                                       const v1::Subscribe& subscribe, std::uint32_t partitions) {
  const auto chosen = partitions_of(subscribe, partitions);
  if (!chosen) return std::unexpected(chosen.error());
  for (const std::uint32_t number : *chosen) {
    const engine::PartitionId partition(number);
    // Watched before it is looked at, so that no advance falls in between.
    if (engine::Status watched = host_.watch(session, subscription.topic, partition); !watched)
      return watched;
    Cursor& cursor = subscription.cursors.emplace_back(Cursor{.partition = partition});
    if (engine::Status placed = place(subscription, cursor, subscribe); !placed) return placed;
  }
  return {};
}

engine::Status Subscriber::place(Subscription& subscription, Cursor& cursor,
                                 const v1::Subscribe& subscribe) {
  const engine::Result<engine::LogBounds> bounds =
      host_.log().bounds(subscription.topic, cursor.partition);
  if (!bounds) return std::unexpected(bounds.error());
  cursor.visible_end = bounds->visible_end;
  subscription.ends.push_back(bounds->visible_end);
  switch (subscribe.from_case()) {
    case v1::Subscribe::kEarliest:
      cursor.next = bounds->start;
      return {};
    case v1::Subscribe::kOffset:
    case v1::Subscribe::kCursors:
      cursor.next = asked_offset(subscribe, cursor.partition);
      if (cursor.next <= bounds->visible_end) return {};
      return engine::fail(ErrorCode::kOutOfRange,
                          "offset " + std::to_string(cursor.next.value()) + " of partition " +
                              std::to_string(cursor.partition.value()) + ": there is only " +
                              range_text({.first = bounds->start, .end = bounds->visible_end}));
    case v1::Subscribe::kLast: {
      const std::uint64_t there = bounds->visible_end - bounds->start;
      cursor.next = bounds->visible_end - std::min<std::uint64_t>(subscribe.last(), there);
      return {};
    }
    case v1::Subscribe::kLatest:
    case v1::Subscribe::kTimeUs:
    case v1::Subscribe::FROM_NOT_SET:
      cursor.next = bounds->visible_end;
      return {};
  }
  return {};
}

void Subscriber::find_time(const std::shared_ptr<Session>& session, Subscription& subscription,
                           engine::Timestamp time) {
  subscription.placing = subscription.cursors.size();
  for (const Cursor& cursor : subscription.cursors) {
    auto search = std::make_unique<TimeSearch>(session, subscription.id);
    search->topic = subscription.topic;
    search->partition = cursor.partition;
    search->time = time;
    host_.log().find_time(*search.release());
  }
}

void Subscriber::on_placed(const std::shared_ptr<Session>& session, TimeSearch& search) {
  const auto at = subscriptions_.find(search.subscription_);
  if (at == subscriptions_.end()) return;
  Subscription& subscription = at->second;
  if (!search.result_) {
    outbox_.send_error(subscription.request, code_of(search.result_.error().code),
                       search.result_.error().message);
    return drop(*session, at);
  }
  subscription.find(search.partition)->next = *search.result_;
  if (--subscription.placing == 0) begin(session, subscription);
}

void Subscriber::begin(const std::shared_ptr<Session>& session, Subscription& subscription) {
  v1::Stanza stanza;
  stanza.set_id(subscription.request);
  v1::Subscribed& subscribed = *stanza.mutable_subscribed();
  subscribed.set_subscription_id(subscription.id);
  for (std::size_t i = 0; i < subscription.cursors.size(); ++i) {
    v1::PartitionStart& start = *subscribed.add_partitions();
    start.set_partition(subscription.cursors[i].partition.value());
    start.set_start_offset(subscription.cursors[i].next.value());
    start.set_end_offset(std::max(subscription.ends[i], subscription.cursors[i].next).value());
  }
  subscription.ends = {};
  outbox_.send(stanza);
  pump(session, subscription);
}

Subscription* Subscriber::find(std::uint64_t id, std::uint64_t subscription) {
  const auto at = subscriptions_.find(subscription);
  if (at != subscriptions_.end() && at->second.placing == 0) return &at->second;
  outbox_.send_error(id, Code::kNotFound, "no subscription " + std::to_string(subscription));
  return nullptr;
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

void Subscriber::acknowledge(std::uint64_t id, const v1::Acknowledge& acknowledge) {
  Subscription* subscription = find(id, acknowledge.subscription_id());
  if (subscription == nullptr) return;
  Cursor* cursor = subscription->find(engine::PartitionId(acknowledge.partition()));
  if (cursor == nullptr)
    return outbox_.send_error(id, Code::kNotFound, "no such partition in the subscription");
  if (Offset(acknowledge.end_offset()) > cursor->next)
    return outbox_.send_error(id, Code::kOutOfRange, "an offset that was not delivered");
  const std::uint64_t freed = cursor->acknowledge(Offset(acknowledge.end_offset()));
  subscription->unacknowledged -= freed;
  subscription->credit += freed;
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

void Subscriber::on_advanced(const std::shared_ptr<Session>& session, engine::TopicId topic,
                             engine::PartitionId partition, Offset end) {
  for (auto& [id, subscription] : subscriptions_) {
    if (subscription.topic != topic) continue;
    Cursor* cursor = subscription.find(partition);
    if (cursor == nullptr) continue;
    cursor->visible_end = std::max(cursor->visible_end, end);
    cursor->stuck = false;
    pump(session, subscription);
  }
}

void Subscriber::pump(const std::shared_ptr<Session>& session) {
  for (auto& [id, subscription] : subscriptions_) pump(session, subscription);
}

// One fetch a partition at a time; the partitions take turns.
void Subscriber::pump(const std::shared_ptr<Session>& session, Subscription& subscription) {
  if (subscription.placing > 0) return;
  const std::size_t count = subscription.cursors.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (subscription.credit == 0 || !outbox_.has_room()) return;
    Cursor& cursor = subscription.cursors[subscription.turn];
    subscription.turn = (subscription.turn + 1) % count;
    if (cursor.has_more()) fetch(session, subscription, cursor);
  }
}

void Subscriber::fetch(const std::shared_ptr<Session>& session, Subscription& subscription,
                       Cursor& cursor) {
  cursor.fetching = true;
  auto fetch = std::make_unique<Fetch>(session, subscription.id);
  fetch->topic = subscription.topic;
  fetch->partition = cursor.partition;
  fetch->from = cursor.next;
  fetch->bytes_max = 2 * limits::kDeliveryBytes;
  host_.log().read(*fetch.release());
}

void Subscriber::on_fetched(const std::shared_ptr<Session>& session, Fetch& fetch, Moment now) {
  const auto at = subscriptions_.find(fetch.subscription_);
  if (at == subscriptions_.end()) return;
  Subscription& subscription = at->second;
  Cursor& cursor = *subscription.find(fetch.partition);
  cursor.fetching = false;
  if (fetch.result_) {
    deliver(subscription, cursor, *fetch.result_, now);
  } else {
    pass_gap(subscription, cursor, fetch.result_.error());
  }
  pump(session, subscription);
}

void Subscriber::deliver(Subscription& subscription, Cursor& cursor,
                         const engine::RecordBatch& batch, Moment now) {
  DeliveryCount count{.lag = cursor.visible_end - cursor.next};
  DeliveryWriter& writer = host_.delivery_writer();
  std::uint64_t records = 0;
  Offset delivered = cursor.next;
  engine::Status fit;
  const auto finish = [&] {
    if (records > 0) writer.finish(outbox_.bytes(), outbox_.framing());
    records = 0;
  };
  const engine::Status visited = batch.for_each([&](const engine::Record& record) {
    if (!fit || subscription.credit == 0 || record.offset < cursor.next) return;
    if (records > 0 && writer.bytes() + record.value.size() > limits::kDeliveryBytes) finish();
    if (records == 0) writer.begin(subscription.id, cursor.partition);
    fit = writer.add(record);
    if (!fit) return;
    ++records;
    ++count.records;
    count.bytes += record.key.size() + record.value.size();
    count.newest = record.timestamp;
    --subscription.credit;
    ++subscription.unacknowledged;
    cursor.delivered({.first = record.offset, .end = record.offset + 1});
    delivered = record.offset + 1;
  });
  finish();
  cursor.next = delivered;
  const engine::Status whole = visited ? fit : visited;
  if (!whole) {
    engine::Error error = whole.error();
    error.code = ErrorCode::kDamaged;
    error.range = {.first = delivered, .end = batch.range().end};
    pass_gap(subscription, cursor, error);
  } else if (subscription.credit > 0) {
    cursor.next = std::max(cursor.next, batch.range().end);
  }
  if (count.records > 0) count_delivery(cursor, count, now);
}

// A subscription catches up from the first delivery that leaves something behind it to one that
// does not.
void Subscriber::count_delivery(Cursor& cursor, const DeliveryCount& count, Moment now) {
  SessionMetrics& metrics = host_.metrics();
  metrics.delivered_records.add(count.records);
  metrics.delivered_bytes.add(count.bytes);
  metrics.lag.observe(count.lag);
  const bool behind = cursor.next < cursor.visible_end;
  if (behind && !cursor.behind) metrics.catch_ups_begun.add();
  if (!behind && cursor.behind) metrics.catch_ups_ended.add();
  if (!behind && !cursor.behind) {
    const auto age = std::chrono::nanoseconds(now.wall - count.newest).count();
    metrics.fanout.observe(static_cast<std::uint64_t>(std::max<std::int64_t>(age, 0)));
  }
  cursor.behind = behind;
}

// Says which records cannot be had, and goes on behind them.
void Subscriber::pass_gap(const Subscription& subscription, Cursor& cursor,
                          const engine::Error& error) {
  OffsetRange gap{.first = cursor.next, .end = cursor.next};
  if (error.code == ErrorCode::kOutOfRange) gap.end = error.range.first;
  if (error.code == ErrorCode::kDamaged) gap.end = error.range.end;
  if (gap.end <= gap.first) {
    cursor.stuck = true;
    if (error.code != ErrorCode::kClosed) outbox_.send_error(0, code_of(error.code), error.message);
    return;
  }
  v1::Stanza stanza;
  v1::Gap& told = *stanza.mutable_gap();
  told.set_subscription_id(subscription.id);
  told.set_partition(cursor.partition.value());
  told.set_first_offset(gap.first.value());
  told.set_end_offset(gap.end.value());
  told.set_code(static_cast<v1::Code>(code_of(error.code)));
  told.set_message(error.message.substr(0, limits::kErrorTextBytes));
  outbox_.send(stanza);
  host_.metrics().gap_records.add(gap.end - gap.first);
  cursor.next = gap.end;
}

void Subscriber::drop(Session& session, Subscriptions::iterator at) {
  for (const Cursor& cursor : at->second.cursors) {
    host_.unwatch(session, at->second.topic, cursor.partition);
    if (cursor.behind) host_.metrics().catch_ups_ended.add();
  }
  host_.metrics().subscriptions_ended.add();
  subscriptions_.erase(at);
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

void Subscriber::close(Session& session) {
  while (!subscriptions_.empty()) drop(session, subscriptions_.begin());
}

}  // namespace bimip::frontend
