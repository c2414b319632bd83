#include "tools/client/subscribe.h"

#include <algorithm>

#include "bimip/v1/stanza.pb.h"
#include "tools/client/read_positions.h"

namespace bimip::client {
namespace {

constexpr std::uint32_t kCredit = 200'000;
constexpr std::chrono::milliseconds kWait{200};
constexpr std::uint64_t kSubscribeId = 2;

class Subscribing {
 public:
  explicit Subscribing(const SubscribeJob& job)
      : job_(job),
        link_({.server = job.server,
               .connect_for = job.connect_for,
               .reconnect_for = job.reconnect_for,
               .stop = job.stop}) {
    link_.on_trouble = job.on_trouble;
  }

  SubscribeOutcome run() {
    if (job_.count == 0) return std::move(outcome_);
    while (!done_ && !outcome_.error) step();
    (void)job_.on_pause();
    outcome_.reconnects = link_.reconnects();
    return std::move(outcome_);
  }

 private:
  void step() {
    if (job_.stop.load()) return fail({engine::ErrorCode::kClosed, "interrupted"});
    if (!link_.is_up()) {
      if (Status up = link_.come_up(); !up) return fail(std::move(up.error()));
      ask();
    }
    heard_ = false;
    auto went = link_.connection().exchange(kWait, -1, [this](const v1::Stanza& stanza) {
      heard_ = true;
      if (!done_ && !outcome_.error) on(stanza);
    });
    if (done_ || outcome_.error) return;
    if (!went) {
      if (Status lost = link_.lost(std::move(went.error())); !lost) fail(std::move(lost.error()));
      return;
    }
    if (!heard_ && !job_.on_pause()) done_ = true;
  }

  // From where the last subscription was left; the first time from where the job says.
  void ask() {
    v1::Stanza stanza;
    stanza.set_id(kSubscribeId);
    v1::Subscribe& subscribe = *stanza.mutable_subscribe();
    subscribe.set_topic(job_.topic);
    subscribe.set_credit(std::min(kCredit, link_.connection().server().credit_max));
    if (positions_.is_known()) {
      for (const auto& [partition, position] : positions_.partitions()) {
        v1::Cursor& cursor = *subscribe.mutable_cursors()->add_cursors();
        cursor.set_partition(partition);
        cursor.set_next_offset(position.next);
      }
    } else {
      subscribe.mutable_partitions()->Add(job_.partitions.begin(), job_.partitions.end());
      set_from(subscribe);
    }
    link_.connection().send(stanza);
  }

  void set_from(v1::Subscribe& subscribe) const {
    switch (job_.from.kind) {
      case From::Kind::kEarliest:
        return subscribe.set_earliest(true);
      case From::Kind::kLatest:
        return subscribe.set_latest(true);
      case From::Kind::kOffset:
        return subscribe.set_offset(static_cast<std::uint64_t>(job_.from.value));
      case From::Kind::kTime:
        return subscribe.set_time_us(job_.from.value);
      case From::Kind::kLast:
        return subscribe.set_last(static_cast<std::uint64_t>(job_.from.value));
    }
  }

  void on(const v1::Stanza& stanza) {
    switch (stanza.body_case()) {
      case v1::Stanza::kSubscribed:
        link_.succeeded();
        for (const v1::PartitionStart& start : stanza.subscribed().partitions())
          positions_.on_start(start.partition(), start.start_offset(), start.end_offset());
        return check_end();
      case v1::Stanza::kDelivery:
        return on_delivery(stanza.delivery());
      case v1::Stanza::kGap:
        return on_gap(stanza.gap());
      case v1::Stanza::kError:
        return fail({error_code_of(static_cast<std::uint32_t>(stanza.error().code())),
                     stanza.error().message()});
      default:
        return;
    }
  }

  void on_delivery(const v1::Delivery& delivery) {
    link_.succeeded();
    for (const v1::DeliveredRecord& record : delivery.records()) {
      if (!positions_.take(delivery.partition(), record.offset())) continue;
      ++outcome_.records;
      done_ = !job_.on_record(delivery.partition(), record) ||
              (job_.count && outcome_.records == *job_.count);
      if (done_) return;
    }
    v1::Stanza stanza;
    v1::Acknowledge& acknowledge = *stanza.mutable_acknowledge();
    acknowledge.set_subscription_id(delivery.subscription_id());
    acknowledge.set_partition(delivery.partition());
    acknowledge.set_end_offset(positions_.partitions().at(delivery.partition()).next);
    link_.connection().send(stanza);
    check_end();
  }

  void on_gap(const v1::Gap& gap) {
    ++outcome_.gaps;
    job_.on_gap(gap.partition(), gap.first_offset(), gap.end_offset(), gap.message());
    positions_.pass_gap(gap.partition(), gap.end_offset());
    check_end();
  }

  void check_end() {
    if (job_.until == Until::kEnd && positions_.reached_end()) done_ = true;
  }
  void fail(engine::Error error) { outcome_.error = std::move(error); }

  const SubscribeJob& job_;
  Link link_;
  ReadPositions positions_;
  SubscribeOutcome outcome_;
  bool heard_ = false;
  bool done_ = false;
};

}  // namespace

SubscribeOutcome subscribe(const SubscribeJob& job) { return Subscribing(job).run(); }

}  // namespace bimip::client
