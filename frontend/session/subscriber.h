// A session's subscriptions: each a reader of the log that goes as far as its credit and the socket
// let it, and holds nothing but cursors meanwhile.
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
class Subscribe;
class Unsubscribe;
}  // namespace bimip::v1

namespace bimip::frontend {

class Fetch;
class TimeSearch;

// Owner-thread only. Every record of a partition is delivered in offset order, once, or a Gap
// stands in its place.
class Subscriber {
 public:
  Subscriber(SessionHost& host, Outbox& outbox) : host_(host), outbox_(outbox) {}

  void subscribe(const std::shared_ptr<Session>& session, std::uint64_t id,
                 const v1::Subscribe& subscribe);
  void unsubscribe(Session& session, std::uint64_t id, const v1::Unsubscribe& unsubscribe);
  void acknowledge(std::uint64_t id, const v1::Acknowledge& acknowledge);
  void add_credit(std::uint64_t id, const v1::Credit& credit);
  void on_advanced(const std::shared_ptr<Session>& session, engine::TopicId topic,
                   engine::PartitionId partition, Offset end);
  // Delivers what can be.
  void pump(const std::shared_ptr<Session>& session);
  // Ends the subscriptions that the session's fresh token does not permit.
  void drop_forbidden(Session& session);
  void close(Session& session);

  // Answers of the log.
  void on_fetched(const std::shared_ptr<Session>& session, Fetch& fetch, Moment now);
  void on_placed(const std::shared_ptr<Session>& session, TimeSearch& search);

 private:
  // What one batch brought.
  struct DeliveryCount {
    std::uint64_t lag = 0;  // records there were to be had before it
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    engine::Timestamp newest{};
  };
  using Subscriptions = std::map<std::uint64_t, Subscription>;
  [[nodiscard]] engine::Status place(Subscription& subscription, Cursor& cursor,
                                     const v1::Subscribe& subscribe);
  [[nodiscard]] engine::Status add_cursors(Session& session, Subscription& subscription,
                                           const v1::Subscribe& subscribe,
                                           std::uint32_t partitions);
  void find_time(const std::shared_ptr<Session>& session, Subscription& subscription,
                 engine::Timestamp time);
  void begin(const std::shared_ptr<Session>& session, Subscription& subscription);
  void pump(const std::shared_ptr<Session>& session, Subscription& subscription);
  void fetch(const std::shared_ptr<Session>& session, Subscription& subscription, Cursor& cursor);
  void deliver(Subscription& subscription, Cursor& cursor, const engine::RecordBatch& batch,
               Moment now);
  void refuse_credit(std::uint64_t id);
  void count_delivery(Cursor& cursor, const DeliveryCount& count, Moment now);
  void pass_gap(const Subscription& subscription, Cursor& cursor, const engine::Error& error);
  void drop(Session& session, Subscriptions::iterator at);
  [[nodiscard]] Subscription* find(std::uint64_t id, std::uint64_t subscription);

  SessionHost& host_;
  Outbox& outbox_;
  Subscriptions subscriptions_;
  std::uint64_t last_id_ = 0;
};

}  // namespace bimip::frontend
