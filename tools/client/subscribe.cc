#include "tools/client/subscribe.h"

#include <algorithm>
#include <map>

#include "bimip/v1/stanza.pb.h"
#include "tools/client/read_positions.h"

namespace bimip::client {
namespace {

constexpr std::uint32_t kCredit = 200'000;
constexpr std::chrono::milliseconds kWait{200};
constexpr std::uint64_t kSubscribeId = 2;
// Asked at the end, of each partition.
constexpr std::uint64_t kFirstSettleId = 3;
constexpr std::size_t kSettleAtOnce = 256;
constexpr std::chrono::seconds kSettleWithin{5};

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
    if (is_member() && link_.is_up()) settle();
    outcome_.reconnects = link_.reconnects();
    return std::move(outcome_);
  }

 private:
  void step() {
    if (job_.stop.load()) return fail({engine::ErrorCode::kClosed, "interrupted"});
    if (!link_.is_up()) {
      if (Status up = link_.come_up(); !up) return fail(std::move(up.error()));
      if (is_member()) {
        positions_ = {};
        acknowledged_.clear();
      }
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

  // What was handed on and acknowledged is to come to nobody again, whatever becomes of the server:
  // the last acknowledgements are said once more, to be answered. A partition that has gone to
  // another member meanwhile took them with it.
  void settle() {
    const auto until = Clock::now() + kSettleWithin;
    auto next = acknowledged_.begin();
    std::size_t open = 0;
    Status kept{};
    while (kept && (open > 0 || next != acknowledged_.end())) {
      if (Clock::now() >= until) {
        kept = engine::fail(engine::ErrorCode::kIo, "no answer in time");
        break;
      }
      for (; next != acknowledged_.end() && open < kSettleAtOnce; ++next, ++open) {
        v1::Stanza stanza;
        stanza.set_id(kFirstSettleId + next->first);
        *stanza.mutable_acknowledge() = next->second;
        link_.connection().send(stanza);
      }
      auto went = link_.connection().exchange(kWait, -1, [&](const v1::Stanza& stanza) {
        if (stanza.id() < kFirstSettleId) return;
        --open;
        if (stanza.has_error() && stanza.error().code() != v1::CODE_NOT_FOUND)
          kept = engine::fail(error_code_of(static_cast<std::uint32_t>(stanza.error().code())),
                              stanza.error().message());
      });
      if (!went && open > 0) kept = std::unexpected(std::move(went.error()));
    }
    if (kept) return;
    kept.error().message = "what was acknowledged may be given again: " + kept.error().message;
    if (outcome_.error) return job_.on_trouble(kept.error().message);
    fail(std::move(kept.error()));
  }

  // From where the last subscription was left; the first time from where the job says.
  void ask() {
    v1::Stanza stanza;
    stanza.set_id(kSubscribeId);
    v1::Subscribe& subscribe = *stanza.mutable_subscribe();
    subscribe.set_topic(job_.topic);
    subscribe.set_tell_end(job_.until == Until::kEnd);
    subscribe.set_credit(std::min(kCredit, link_.connection().server().credit_max));
    set_wanted(subscribe);
    if (is_member()) {
      set_group(subscribe);
      set_from(subscribe);
    } else if (positions_.is_known()) {
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

  [[nodiscard]] bool is_member() const { return !job_.group.name.empty(); }

  void set_wanted(v1::Subscribe& subscribe) const {
    if (job_.wanted.is_everything()) return;
    v1::RecordFilter& filter = *subscribe.mutable_filter();
    for (const std::string& key : job_.wanted.keys) filter.add_keys(key);
    if (job_.wanted.key_prefix) filter.set_key_prefix(*job_.wanted.key_prefix);
    for (const auto& [name, value] : job_.wanted.headers) {
      v1::HeaderFilter& header = *filter.add_headers();
      header.set_name(name);
      if (value) header.set_value(*value);
    }
  }

  void set_group(v1::Subscribe& subscribe) const {
    subscribe.set_group(job_.group.name);
    subscribe.set_redeliver_after_ms(
        static_cast<std::uint32_t>(job_.group.redeliver_after.count()));
    subscribe.set_deliveries_max(job_.group.deliveries_max);
    subscribe.set_dead_letter_topic(job_.group.dead_letter_topic);
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
      case v1::Stanza::kAssignment:
        return on_assignment(stanza.assignment());
      case v1::Stanza::kDelivery:
        return on_delivery(stanza.delivery());
      case v1::Stanza::kGap:
        return on_gap(stanza.gap());
      case v1::Stanza::kEndReached:
        positions_.pass_gap(stanza.end_reached().partition(), stanza.end_reached().end_offset());
        return check_end();
      case v1::Stanza::kError:
        return fail({error_code_of(static_cast<std::uint32_t>(stanza.error().code())),
                     stanza.error().message()});
      default:
        return;
    }
  }

  void on_assignment(const v1::Assignment& assignment) {
    for (const std::uint32_t partition : assignment.taken()) {
      positions_.forget(partition);
      acknowledged_.erase(partition);
    }
    for (const v1::PartitionStart& start : assignment.partitions()) {
      if (!positions_.partitions().contains(start.partition()))
        positions_.begin(start.partition(), start.start_offset(), start.end_offset());
    }
    check_end();
  }

  // Whether the record is to be handed on.
  bool take(std::uint32_t partition, std::uint64_t offset) {
    if (!is_member()) return positions_.take(partition, offset);
    positions_.pass(partition, offset);
    return true;
  }

  void on_delivery(const v1::Delivery& delivery) {
    link_.succeeded();
    for (const v1::DeliveredRecord& record : delivery.records()) {
      if (!take(delivery.partition(), record.offset())) continue;
      ++outcome_.records;
      done_ = !job_.on_record(delivery.partition(), record) ||
              (job_.count && outcome_.records == *job_.count);
      if (done_) break;
    }
    // A group forgets what is acknowledged: that has to be where it belongs before.
    if (is_member() && !job_.on_pause()) {
      done_ = true;
      return;
    }
    v1::Stanza stanza;
    v1::Acknowledge& acknowledge = *stanza.mutable_acknowledge();
    acknowledge.set_subscription_id(delivery.subscription_id());
    acknowledge.set_partition(delivery.partition());
    acknowledge.set_end_offset(positions_.partitions().at(delivery.partition()).next);
    link_.connection().send(stanza);
    if (is_member()) acknowledged_[delivery.partition()] = acknowledge;
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
  std::map<std::uint32_t, v1::Acknowledge> acknowledged_;  // of a member, by partition: the last
  SubscribeOutcome outcome_;
  bool heard_ = false;
  bool done_ = false;
};

}  // namespace

SubscribeOutcome subscribe(const SubscribeJob& job) { return Subscribing(job).run(); }

}  // namespace bimip::client
