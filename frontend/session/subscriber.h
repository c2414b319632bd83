// A session's subscriptions: each a reader of the log that goes as far as its credit and the socket
// let it, and holds nothing but cursors and what is not acknowledged meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "frontend/session/host.h"
#include "frontend/session/outbox.h"
#include "frontend/session/subscription.h"

namespace bimip::v1 {
class Acknowledge;
class Credit;
class OffsetRange;
class PartitionStart;
class Reject;
class Subscribe;
class Unsubscribe;
}  // namespace bimip::v1

namespace bimip::frontend {

class Acknowledged;
class Burial;
class Fetch;
class StateHash;
class TimeSearch;

// Owner-thread only. Every record of a partition that passes the filter is delivered in offset
// order, once, or a Gap stands in its place; again only when it was rejected or not acknowledged in
// time. In a group, only what the broker gave is delivered, and nothing of it once it was let go.
class Subscriber {
 public:
  Subscriber(SessionHost& host, Outbox& outbox) : host_(host), outbox_(outbox) {}

  // The time of the input that follows.
  void at(Moment now) { now_ = now; }

  void subscribe(const std::shared_ptr<Session>& session, std::uint64_t id,
                 const v1::Subscribe& subscribe);
  void unsubscribe(Session& session, std::uint64_t id, const v1::Unsubscribe& unsubscribe);
  void acknowledge(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::Acknowledge& acknowledge);
  void reject(std::uint64_t id, const v1::Reject& reject);
  void add_credit(std::uint64_t id, const v1::Credit& credit);
  void on_advanced(const std::shared_ptr<Session>& session, engine::TopicId topic,
                   engine::PartitionId partition, Offset end);
  // What has become due, and what groups wait for.
  void on_tick(const std::shared_ptr<Session>& session);
  // Delivers what can be.
  void pump(const std::shared_ptr<Session>& session);
  // Ends the subscriptions that the session's fresh token does not permit.
  void drop_forbidden(Session& session);
  void close(Session& session);

  // Answers of the log and of the broker.
  void on_fetched(const std::shared_ptr<Session>& session, Fetch& fetch);
  void on_placed(const std::shared_ptr<Session>& session, TimeSearch& search);
  void on_buried(const std::shared_ptr<Session>& session, Burial& burial);
  void on_reassigned(const std::shared_ptr<Session>& session, std::uint64_t subscription,
                     GroupChange change, Moment now);
  void on_acknowledged(const Acknowledged& acknowledged);
  [[nodiscard]] std::size_t count() const { return subscriptions_.size(); }
  // That wait for their answers.
  [[nodiscard]] std::size_t acknowledgements() const { return acknowledgements_; }
  void mix_into(StateHash& hash) const;

 private:
  using Subscriptions = std::map<std::uint64_t, Subscription>;

  // Beginning and ending (subscriber.cc).
  [[nodiscard]] engine::Status set_up(Subscription& subscription, const v1::Subscribe& subscribe);
  [[nodiscard]] engine::Status set_redelivery(Subscription& subscription,
                                              const v1::Subscribe& subscribe);
  [[nodiscard]] engine::Status add_cursors(const std::shared_ptr<Session>& session,
                                           Subscription& subscription,
                                           const v1::Subscribe& subscribe,
                                           std::uint32_t partitions);
  [[nodiscard]] engine::Status add_cursor(const std::shared_ptr<Session>& session,
                                          Subscription& subscription, engine::PartitionId partition,
                                          std::optional<Presented> known);
  [[nodiscard]] static engine::Status take_up(const Subscription& subscription, Cursor& cursor,
                                              const Presented& known,
                                              const engine::LogBounds& bounds);
  [[nodiscard]] engine::Status place(const Subscription& subscription, Cursor& cursor,
                                     const engine::LogBounds& bounds) const;
  void find_time(const std::shared_ptr<Session>& session, Subscription& subscription,
                 Cursor& cursor);
  void begin(const std::shared_ptr<Session>& session, Subscription& subscription);
  void tell_start(const Subscription& subscription, Cursor& cursor, v1::PartitionStart& start);
  void drop(Session& session, Subscriptions::iterator at);
  void unwatch(Session& session, const Subscription& subscription, const Cursor& cursor);
  [[nodiscard]] Subscription* find(std::uint64_t id, std::uint64_t subscription);
  [[nodiscard]] Cursor* find(std::uint64_t id, Subscription& subscription, std::uint32_t partition);

  // What the peer says of what it was given (subscriber_acknowledgements.cc). Those that answer
  // whether it is so say so to the peer if it is not.
  void refuse_credit(std::uint64_t id);
  // Whether all of it was.
  [[nodiscard]] bool was_delivered(std::uint64_t id, const Cursor& cursor, std::uint64_t first,
                                   std::uint64_t end);
  [[nodiscard]] bool was_delivered(std::uint64_t id, const Cursor& cursor,
                                   const v1::Acknowledge& acknowledge);
  [[nodiscard]] bool can_be_answered(std::uint64_t id, const Subscription& subscription);
  void answer_what_is_passed(const std::shared_ptr<Session>& session,
                             const Subscription& subscription, Cursor& cursor);
  void refuse_waiting(Cursor& cursor);

  // Groups (subscriber_groups.cc).
  void join(const std::shared_ptr<Session>& session, Subscription& subscription,
            const v1::Subscribe& subscribe, const engine::TopicInfo& topic);
  // False: it cannot be read, and the subscription is over.
  [[nodiscard]] bool give(const std::shared_ptr<Session>& session, Subscriptions::iterator to,
                          GivenPartition given);
  void tell_assignment(Subscription& subscription);
  void keep_up_with_group(const std::shared_ptr<Session>& session, Subscription& subscription);
  void commit(const std::shared_ptr<Session>& session, Subscription& subscription, Cursor& cursor);
  [[nodiscard]] HandedBack hand_back(const Cursor& cursor) const;

  // Delivering (subscriber_delivery.cc).
  // What one batch brought.
  struct DeliveryCount {
    std::uint64_t lag = 0;  // records there were to be had before it
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    engine::Timestamp newest{};
  };
  void count_delivery(Cursor& cursor, const DeliveryCount& count);
  void pump(const std::shared_ptr<Session>& session, Subscription& subscription);
  [[nodiscard]] bool pump_due(const std::shared_ptr<Session>& session, Subscription& subscription,
                              Cursor& cursor);
  void deliver(Subscription& subscription, Cursor& cursor, const engine::RecordBatch& batch);
  void deliver_again(Subscription& subscription, Cursor& cursor, OffsetRange range,
                     const engine::RecordBatch& batch);
  void bury(const std::shared_ptr<Session>& session, Subscription& subscription, Cursor& cursor,
            OffsetRange range, const engine::RecordBatch& batch);
  void give_up(Subscription& subscription, Cursor& cursor, OffsetRange range);
  void pass_gap(const Subscription& subscription, Cursor& cursor, const engine::Error& error);
  void tell_gap(const Subscription& subscription, const Cursor& cursor, OffsetRange gap,
                const engine::Error& error);
  void tell_end(const Subscription& subscription, Cursor& cursor);
  [[nodiscard]] Ledger::Time due_after_delivery(const Subscription& subscription) const;
  void free_credit(Subscription& subscription, std::uint64_t records) const;

  SessionHost& host_;
  Outbox& outbox_;
  Moment now_{};
  Subscriptions subscriptions_;
  std::uint64_t last_id_ = 0;
  std::size_t acknowledgements_ = 0;  // that are to be answered
};

}  // namespace bimip::frontend
