// How a subscriber gets records to its peer: for the first time, again, or to the dead letters.
#include <algorithm>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/group_seat.h"
#include "frontend/session/session.h"
#include "frontend/session/subscriber.h"
#include "frontend/session/subscriber_requests.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

namespace {

// Adds what tells where a dead letter came from. A record whose headers leave no room for it keeps
// just its own.
std::vector<std::byte> headers_of_letter(
    const engine::Record& record, const std::vector<std::pair<std::string, std::string>>& tell) {
  std::vector<engine::Header> headers;
  if (!record.headers.empty()) {
    if (auto decoded = engine::decode_headers(record.headers)) headers = std::move(*decoded);
  }
  for (const auto& [name, value] : tell)
    headers.push_back({.name = name, .value = engine::as_bytes(value)});
  if (auto encoded = engine::encode_headers(headers)) return std::move(*encoded);
  return {record.headers.begin(), record.headers.end()};
}

}  // namespace

void Burial::fill(const engine::Record& record, std::string once, std::vector<std::byte> headers) {
  key_ = engine::as_text(record.key);
  value_ = engine::as_text(record.value);
  once_ = std::move(once);
  headers_ = std::move(headers);
  fields_.kind = record.kind;
  fields_.key = engine::as_bytes(key_);
  fields_.value = engine::as_bytes(value_);
  fields_.idempotency_key = engine::as_bytes(once_);
  fields_.headers = headers_;
  records = {&fields_, 1};
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

void Subscriber::on_tick(const std::shared_ptr<Session>& session) {
  for (auto& [id, subscription] : subscriptions_) {
    if (subscription.seat) keep_up_with_group(session, subscription);
    pump(session, subscription);
  }
}

void Subscriber::pump(const std::shared_ptr<Session>& session) {
  for (auto& [id, subscription] : subscriptions_) pump(session, subscription);
}

// One fetch a partition at a time; the partitions take turns.
void Subscriber::pump(const std::shared_ptr<Session>& session, Subscription& subscription) {
  if (subscription.request != 0) return;
  const std::size_t count = subscription.cursors.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (!outbox_.has_room()) return;
    Cursor& cursor = subscription.cursors[subscription.turn];
    subscription.turn = (subscription.turn + 1) % count;
    if (pump_due(session, subscription, cursor)) continue;
    if (!subscription.may_deliver() || !cursor.has_more()) continue;
    cursor.fetching = true;
    auto fetch = std::make_unique<Fetch>(
        session, Fetch::Wanted{.subscription = subscription.id, .life = cursor.life});
    fetch->topic = subscription.topic;
    fetch->partition = cursor.partition;
    fetch->from = cursor.next;
    fetch->bytes_max = 2 * limits::kDeliveryBytes;
    host_.log().read(*fetch.release());
  }
}

// Whether something that is due again is being fetched.
bool Subscriber::pump_due(const std::shared_ptr<Session>& session, Subscription& subscription,
                          Cursor& cursor) {
  if (cursor.fetching || cursor.placing || cursor.let_go_at) return false;
  const std::optional<DeliveredRange> due = cursor.ledger.next_due(now_.monotonic);
  if (!due) return false;
  const std::uint32_t max = subscription.redelivery.deliveries_max;
  cursor.fetching = true;
  auto fetch = std::make_unique<Fetch>(
      session, Fetch::Wanted{.subscription = subscription.id,
                             .life = cursor.life,
                             .why = max > 0 && due->deliveries >= max ? Fetch::Why::kBury
                                                                      : Fetch::Why::kAgain,
                             .range = due->offsets});
  fetch->topic = subscription.topic;
  fetch->partition = cursor.partition;
  fetch->from = due->offsets.first;
  fetch->bytes_max = 2 * limits::kDeliveryBytes;
  host_.log().read(*fetch.release());
  return true;
}

void Subscriber::on_fetched(const std::shared_ptr<Session>& session, Fetch& fetch) {
  const Fetch::Wanted& wanted = fetch.wanted();
  const auto at = subscriptions_.find(wanted.subscription);
  if (at == subscriptions_.end()) return;
  Subscription& subscription = at->second;
  Cursor* cursor = subscription.find(fetch.partition);
  if (cursor == nullptr || cursor->life != wanted.life) return;
  cursor->fetching = false;
  if (wanted.why == Fetch::Why::kNext) {
    // What was taken meanwhile is its next owner's.
    if (cursor->let_go_at) return;
    if (fetch.result()) {
      deliver(subscription, *cursor, *fetch.result());
    } else {
      pass_gap(subscription, *cursor, fetch.result().error());
    }
    tell_end(subscription, *cursor);
  } else if (!fetch.result()) {
    const engine::Error& error = fetch.result().error();
    const bool gone = error.code == ErrorCode::kOutOfRange || error.code == ErrorCode::kDamaged;
    const Offset end = error.code == ErrorCode::kOutOfRange ? error.range.first : error.range.end;
    if (gone && end > wanted.range.first) {
      const OffsetRange lost{.first = wanted.range.first, .end = std::min(end, wanted.range.end)};
      tell_gap(subscription, *cursor, lost, error);
      give_up(subscription, *cursor, lost);
    } else {
      (void)cursor->ledger.reject(wanted.range, now_.monotonic + limits::kRetryAfter);
    }
  } else if (wanted.why == Fetch::Why::kAgain) {
    deliver_again(subscription, *cursor, wanted.range, *fetch.result());
  } else {
    bury(session, subscription, *cursor, wanted.range, *fetch.result());
  }
  pump(session, subscription);
}

Ledger::Time Subscriber::due_after_delivery(const Subscription& subscription) const {
  return subscription.redelivery.after.count() == 0
             ? Ledger::kNever
             : now_.monotonic + subscription.redelivery.after;
}

void Subscriber::deliver(Subscription& subscription, Cursor& cursor,
                         const engine::RecordBatch& batch) {
  DeliveryWriter& writer = host_.delivery_writer();
  const Ledger::Time due = due_after_delivery(subscription);
  const std::uint32_t max = subscription.redelivery.deliveries_max;
  DeliveryCount count{.lag = cursor.visible_end - cursor.next};
  std::uint64_t records = 0;
  Offset delivered = cursor.next;
  engine::Status fit;
  const auto finish = [&] {
    if (records > 0) writer.finish(outbox_.bytes(), outbox_.framing());
    records = 0;
  };
  const engine::Status visited = batch.for_each([&](const engine::Record& record) {
    if (!fit || !subscription.may_deliver() || record.offset < cursor.next) return;
    if (subscription.filter && !subscription.filter->passes(record)) {
      delivered = record.offset + 1;
      return;
    }
    const std::uint32_t before = cursor.attempts.empty() ? 0 : cursor.attempts_of(record.offset);
    const bool is_dead = max > 0 && before >= max;
    if (!is_dead) {
      if (records > 0 && writer.bytes() + record.value.size() > limits::kDeliveryBytes) finish();
      if (records == 0) writer.begin(subscription.id, cursor.partition);
      fit = writer.add(record, before);
      if (!fit) return;
      ++records;
      ++count.records;
      count.bytes += record.key.size() + record.value.size();
      count.newest = record.timestamp;
    }
    if (!subscription.acknowledges_itself) {
      --subscription.credit;
      ++subscription.unacknowledged;
      // One that members before had often enough is due at once, to be put aside.
      cursor.ledger.deliver(record.offset, is_dead ? now_.monotonic : due,
                            is_dead ? before : before + 1);
    }
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
  } else if (subscription.may_deliver()) {
    cursor.next = std::max(cursor.next, batch.range().end);
  }
  if (count.records > 0) count_delivery(cursor, count);
}

// A subscription catches up from the first delivery that leaves something behind it to one that
// does not.
void Subscriber::count_delivery(Cursor& cursor, const DeliveryCount& count) {
  SessionMetrics& metrics = host_.metrics();
  metrics.delivered_records.add(count.records);
  metrics.delivered_bytes.add(count.bytes);
  metrics.lag.observe(count.lag);
  const bool behind = cursor.next < cursor.visible_end;
  if (behind && !cursor.behind) metrics.catch_ups_begun.add();
  if (!behind && cursor.behind) metrics.catch_ups_ended.add();
  if (!behind && !cursor.behind) {
    const auto age = std::chrono::nanoseconds(now_.wall - count.newest).count();
    metrics.fanout.observe(static_cast<std::uint64_t>(std::max<std::int64_t>(age, 0)));
  }
  cursor.behind = behind;
}

// Those of the range that the batch holds; the rest is due still.
void Subscriber::deliver_again(Subscription& subscription, Cursor& cursor, OffsetRange range,
                               const engine::RecordBatch& batch) {
  DeliveryWriter& writer = host_.delivery_writer();
  const std::optional<DeliveredRange> due = cursor.ledger.next_due(now_.monotonic);
  // Acknowledged meanwhile, or in part.
  if (!due || due->offsets.first >= range.end) return;
  range = {.first = std::max(range.first, due->offsets.first),
           .end = std::min({range.end, due->offsets.end, batch.range().end})};
  std::uint64_t records = 0;
  Offset next = range.first;
  engine::Status fit;
  const auto give_up_to = [&](Offset end) {
    if (next < end) give_up(subscription, cursor, {.first = next, .end = end});
  };
  const engine::Status visited = batch.for_each([&](const engine::Record& record) {
    if (!fit || record.offset < range.first || record.offset >= range.end) return;
    if (records > 0 && writer.bytes() + record.value.size() > limits::kDeliveryBytes) {
      writer.finish(outbox_.bytes(), outbox_.framing());
      records = 0;
    }
    if (records == 0) writer.begin(subscription.id, cursor.partition);
    fit = writer.add(record, due->deliveries);
    if (!fit) return;
    ++records;
    give_up_to(record.offset);  // compacted away meanwhile
    cursor.ledger.deliver_again({.first = record.offset, .end = record.offset + 1},
                                due_after_delivery(subscription));
    host_.metrics().redelivered_records.add();
    next = record.offset + 1;
  });
  if (records > 0) writer.finish(outbox_.bytes(), outbox_.framing());
  const engine::Status whole = visited ? fit : visited;
  if (!whole) tell_gap(subscription, cursor, {.first = next, .end = range.end}, whole.error());
  give_up_to(range.end);
}

// They cannot be had any more: nobody waits for their acknowledgement.
void Subscriber::give_up(Subscription& subscription, Cursor& cursor, OffsetRange range) {
  free_credit(subscription, cursor.ledger.acknowledge(range));
}

void Subscriber::free_credit(Subscription& subscription, std::uint64_t records) const {
  subscription.unacknowledged -= records;
  subscription.credit += records;
}

void Subscriber::bury(const std::shared_ptr<Session>& session, Subscription& subscription,
                      Cursor& cursor, OffsetRange range, const engine::RecordBatch& batch) {
  const std::optional<DeliveredRange> due = cursor.ledger.next_due(now_.monotonic);
  if (!due || due->offsets.first >= range.end) return;
  range = {.first = std::max(range.first, due->offsets.first),
           .end = std::min({range.end, due->offsets.end, batch.range().end})};
  // On its way: not due again before it is answered.
  (void)cursor.ledger.reject(range, Ledger::kNever);
  const engine::TopicInfo& topic = *subscription.redelivery.dead_letters;
  Offset next = range.first;
  (void)batch.for_each([&](const engine::Record& record) {
    if (record.offset < range.first || record.offset >= range.end) return;
    if (next < record.offset) give_up(subscription, cursor, {.first = next, .end = record.offset});
    next = record.offset + 1;
    const std::string offset = std::to_string(record.offset.value());
    const std::string partition = std::to_string(cursor.partition.value());
    auto burial = std::make_unique<Burial>(session, Burial::Letter{.subscription = subscription.id,
                                                                   .partition = cursor.partition,
                                                                   .life = cursor.life,
                                                                   .offset = record.offset});
    burial->fill(record,
                 "dead-letter " + std::to_string(subscription.topic.value()) + " " + partition +
                     " " + offset,
                 headers_of_letter(
                     record, {{"bimip-dead-letter-topic", subscription.topic_name},
                              {"bimip-dead-letter-partition", partition},
                              {"bimip-dead-letter-offset", offset},
                              {"bimip-dead-letter-deliveries", std::to_string(due->deliveries)}}));
    burial->topic = topic.id;
    burial->partition = record.key.empty()
                            ? engine::PartitionId(static_cast<std::uint32_t>(
                                  record.offset.value() % topic.config.partitions))
                            : engine::partition_of_key(record.key, topic.config.partitions);
    host_.log().append(*burial.release());
  });
  if (next < range.end) give_up(subscription, cursor, {.first = next, .end = range.end});
}

void Subscriber::on_buried(const std::shared_ptr<Session>& session, Burial& burial) {
  const Burial::Letter& letter = burial.letter();
  const auto at = subscriptions_.find(letter.subscription);
  if (at == subscriptions_.end()) return;
  Subscription& subscription = at->second;
  Cursor* cursor = subscription.find(letter.partition);
  if (cursor == nullptr || cursor->life != letter.life) return;
  const OffsetRange range{.first = letter.offset, .end = letter.offset + 1};
  if (burial.result()) {
    host_.metrics().dead_letters.add();
    give_up(subscription, *cursor, range);
    if (subscription.seat) keep_up_with_group(session, subscription);
    return pump(session, subscription);
  }
  (void)cursor->ledger.reject(range, now_.monotonic + limits::kRetryAfter);
  outbox_.send_error(0, code_of(burial.result().error().code),
                     "offset " + std::to_string(letter.offset.value()) +
                         " cannot be put to the dead letters: " + burial.result().error().message);
}

// Says which records cannot be had, and goes on behind them.
void Subscriber::pass_gap(const Subscription& subscription, Cursor& cursor,
                          const engine::Error& error) {
  OffsetRange gap{.first = cursor.next, .end = cursor.next};
  if (error.code == ErrorCode::kOutOfRange) gap.end = error.range.first;
  if (error.code == ErrorCode::kDamaged) gap.end = error.range.end;
  if (gap.end <= gap.first) {
    cursor.stuck = true;
    if (error.code != ErrorCode::kClosed) outbox_.send_error(0, error);
    return;
  }
  tell_gap(subscription, cursor, gap, error);
  cursor.next = gap.end;
}

// What is not delivered leaves no trace: who waits for the last record is told that it came by.
void Subscriber::tell_end(const Subscription& subscription, Cursor& cursor) {
  if (!cursor.tells_end_at || cursor.next < *cursor.tells_end_at) return;
  cursor.tells_end_at.reset();
  v1::Stanza stanza;
  v1::EndReached& reached = *stanza.mutable_end_reached();
  reached.set_subscription_id(subscription.id);
  reached.set_partition(cursor.partition.value());
  reached.set_end_offset(cursor.next.value());
  outbox_.send(stanza);
}

void Subscriber::tell_gap(const Subscription& subscription, const Cursor& cursor, OffsetRange gap,
                          const engine::Error& error) {
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
}

}  // namespace bimip::frontend
