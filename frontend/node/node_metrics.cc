#include "frontend/node/node_metrics.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "frontend/node/metrics_page.h"

namespace bimip::frontend {
namespace {

constexpr double kNanosecondsInSecond = 1e9;

using Counter = engine::Counter;

// Sums over the shards.
class Shards {
 public:
  explicit Shards(std::span<const SessionMetrics* const> all) : all_(all) {}

  [[nodiscard]] std::uint64_t sum(Counter SessionMetrics::* counter) const {
    std::uint64_t sum = 0;
    for (const SessionMetrics* one : all_) sum += (one->*counter).value();
    return sum;
  }
  template <std::size_t kSize>
  [[nodiscard]] std::uint64_t sum(std::array<Counter, kSize> SessionMetrics::* counters,
                                  std::size_t i) const {
    std::uint64_t sum = 0;
    for (const SessionMetrics* one : all_) sum += (one->*counters)[i].value();
    return sum;
  }
  // Begun and not ended. The end of one is counted behind its begin, perhaps on another thread.
  [[nodiscard]] std::uint64_t open(Counter SessionMetrics::* begun,
                                   Counter SessionMetrics::* ended) const {
    const std::uint64_t gone = sum(ended);
    return sum(begun) - std::min(gone, sum(begun));
  }
  template <typename Histogram>
  [[nodiscard]] std::vector<const Histogram*> histograms(Histogram SessionMetrics::* which) const {
    std::vector<const Histogram*> found;
    for (const SessionMetrics* one : all_) found.push_back(&(one->*which));
    return found;
  }

 private:
  std::span<const SessionMetrics* const> all_;
};

std::vector<std::string_view> code_names() {
  std::vector<std::string_view> names;
  for (const CodeFacts& facts : all_codes()) names.push_back(facts.name);
  return names;
}

template <typename Histogram>
void add_histogram(MetricsPage& page, MetricsPage::About about,
                   const std::vector<const Histogram*>& parts, double unit) {
  page.histogram(about, std::span<const Histogram* const>(parts), unit);
}

void add_sessions(MetricsPage& page, const Shards& shards, const NodeNumbers& numbers) {
  using M = SessionMetrics;
  const std::vector<std::string_view> codes = code_names();
  page.gauge({.name = "bimip_connections", .help = "Connections and gRPC calls that are open."},
             numbers.connections);
  page.counter({.name = "bimip_tls_failures_total",
                .help = "Connections that ended before TLS was agreed on."},
               shards.sum(&M::tls_failures));
  page.gauge({.name = "bimip_grpc_streams",
              .help = "Calls that are open on gRPC connections, also those that gRPC answers."},
             numbers.grpc_streams);
  page.counters({.name = "bimip_grpc_connections_ended_total",
                 .help = "gRPC connections that the server ended for what the client did, by why."},
                "reason", {kGuardEndNames.begin(), kGuardEndNames.end()},
                [&](std::size_t i) { return numbers.grpc_ends.value(i); });
  const auto expiry = numbers.tls == nullptr ? engine::Timestamp{} : numbers.tls->expires_at();
  page.gauge({.name = "bimip_tls_certificate_expiry_timestamp_seconds",
              .help = "When the certificate in force ends, since 1970; 0: no TLS."},
             static_cast<std::uint64_t>(
                 std::chrono::floor<std::chrono::seconds>(expiry).time_since_epoch().count()));
  page.gauge({.name = "bimip_sessions", .help = "Sessions, also those without Identity yet."},
             shards.open(&M::sessions_begun, &M::sessions_gone));
  page.counter({.name = "bimip_sessions_begun_total", .help = "Sessions that began."},
               shards.sum(&M::sessions_begun));
  page.counters({.name = "bimip_sessions_ended_total",
                 .help = "Sessions that the server ended, by the code it gave."},
                "code", codes, [&](std::size_t i) { return shards.sum(&M::endings, i); });
  page.counter({.name = "bimip_stanzas_received_total", .help = "Stanzas from clients."},
               shards.sum(&M::stanzas));
  page.counters({.name = "bimip_refusals_total",
                 .help = "Requests that were answered with an error, by its code."},
                "code", codes, [&](std::size_t i) { return shards.sum(&M::refusals, i); });
  std::vector<std::string_view> limits(kLimitNames.begin(), kLimitNames.end());
  // Those that are hit at the door, before there is a session.
  const std::array<std::pair<std::string_view, std::uint64_t>, 3> at_the_door{
      {{"connections", numbers.connections_refused},
       {"connections_per_address", numbers.refused_addresses.too_many},
       {"connection_rate_per_address", numbers.refused_addresses.too_fast}}};
  for (const auto& [name, hits] : at_the_door) limits.push_back(name);
  page.counters({.name = "bimip_limit_hits_total",
                 .help = "How often a peer ran into a limit, by the limit's name."},
                "limit", limits, [&](std::size_t i) {
                  return i < kLimitNames.size() ? shards.sum(&M::limit_hits, i)
                                                : at_the_door[i - kLimitNames.size()].second;
                });
  add_histogram(
      page,
      {.name = "bimip_ping_round_trip_seconds", .help = "From a Ping of the server to its Pong."},
      shards.histograms(&M::round_trip), kNanosecondsInSecond);
  add_histogram(page,
                {.name = "bimip_clock_offset_seconds",
                 .help = "How far clients' clocks are from the server's, either way."},
                shards.histograms(&M::clock_offset), kNanosecondsInSecond);
}

void add_inboxes(MetricsPage& page, const Shards& shards) {
  using M = SessionMetrics;
  page.counter({.name = "bimip_messages_sent_total",
                .help = "Messages to inboxes that sessions sent and were told of."},
               shards.sum(&M::messages_sent));
  add_histogram(page,
                {.name = "bimip_message_send_seconds",
                 .help = "From a Send read to its answer written: the message and its copy."},
                shards.histograms(&M::message_send), kNanosecondsInSecond);
  page.counter({.name = "bimip_messages_delivered_total",
                .help = "Messages of inboxes that devices were given."},
               shards.sum(&M::messages_delivered));
  page.counter({.name = "bimip_messages_acknowledged_total",
                .help = "Messages of inboxes that the device they were given to has acknowledged."},
               shards.sum(&M::messages_acknowledged));
}

void add_topics(MetricsPage& page, const Shards& shards) {
  using M = SessionMetrics;
  page.counter({.name = "bimip_published_records_total",
                .help = "Records that sessions published and were told of."},
               shards.sum(&M::published_records));
  page.counter({.name = "bimip_published_bytes_total", .help = "Their keys and values."},
               shards.sum(&M::published_bytes));
  add_histogram(
      page,
      {.name = "bimip_publish_ack_seconds", .help = "From a Publish read to its answer written."},
      shards.histograms(&M::publish_ack), kNanosecondsInSecond);
  page.gauge({.name = "bimip_subscriptions", .help = "Subscriptions that are open."},
             shards.open(&M::subscriptions_begun, &M::subscriptions_ended));
  page.gauge(
      {.name = "bimip_subscription_catch_ups",
       .help = "Partitions of subscriptions that are behind their log's end and catching up."},
      shards.open(&M::catch_ups_begun, &M::catch_ups_ended));
  page.counter(
      {.name = "bimip_subscription_catch_ups_total", .help = "How often one of them fell behind."},
      shards.sum(&M::catch_ups_begun));
  page.counter({.name = "bimip_delivered_records_total", .help = "Records written to subscribers."},
               shards.sum(&M::delivered_records));
  page.counter({.name = "bimip_delivered_bytes_total", .help = "Their keys and values."},
               shards.sum(&M::delivered_bytes));
  page.counter({.name = "bimip_redelivered_records_total",
                .help = "Records delivered once more, for want of an acknowledgement."},
               shards.sum(&M::redelivered_records));
  page.counter({.name = "bimip_acknowledged_records_total",
                .help = "Records that subscribers acknowledged."},
               shards.sum(&M::acknowledged_records));
  page.counter(
      {.name = "bimip_rejected_records_total", .help = "Records that subscribers gave back."},
      shards.sum(&M::rejected_records));
  page.counter({.name = "bimip_dead_letters_total",
                .help = "Records put aside, after too many deliveries, into a dead-letter topic."},
               shards.sum(&M::dead_letters));
  page.counter({.name = "bimip_gap_records_total",
                .help = "Records that subscribers were told they cannot have."},
               shards.sum(&M::gap_records));
  add_histogram(page,
                {.name = "bimip_delivery_lag_records",
                 .help = "Records a subscriber had before it in a partition, at each delivery."},
                shards.histograms(&M::lag), 1);
  add_histogram(page,
                {.name = "bimip_fanout_seconds",
                 .help = "From a record's append to its delivery to a subscriber that keeps up."},
                shards.histograms(&M::fanout), kNanosecondsInSecond);
}

void add_offers(MetricsPage& page, const OfferService& offers) {
  const OfferCounters& numbers = offers.counters();
  page.gauge({.name = "bimip_offers", .help = "Offers that are not over."}, offers.open_offers());
  page.counter({.name = "bimip_offers_proposed_total", .help = "Offers that were made."},
               numbers.proposed);
  page.counter({.name = "bimip_offers_accepted_total", .help = "Offers that were accepted."},
               numbers.accepted);
  page.counter({.name = "bimip_offers_missed_total",
                .help = "Offers that expired or were taken back before anybody answered."},
               numbers.missed);
}

void add_groups(MetricsPage& page, const Broker& broker) {
  const Broker::Numbers numbers = broker.numbers();
  page.gauge({.name = "bimip_groups", .help = "Consumer groups that have members."},
             numbers.groups);
  page.gauge({.name = "bimip_group_members", .help = "Members of all groups."}, numbers.members);
  page.gauge({.name = "bimip_group_cursors",
              .help = "Committed cursors that are kept: one a group and partition."},
             numbers.cursors);
  page.counter({.name = "bimip_group_rebalances_total",
                .help = "How often a member came or went, and partitions were shared anew."},
               numbers.rebalances);
}

void add_devices(MetricsPage& page, const SessionRegistry& registry) {
  const SessionRegistry::Numbers numbers = registry.numbers();
  const std::array<std::pair<std::string_view, std::uint64_t>, 3> states{
      {{"connected", numbers.connected},
       {"suspended", numbers.suspended},
       {"expired", numbers.expired}}};
  std::vector<std::string_view> names;
  for (const auto& [name, count] : states) names.push_back(name);
  page.gauges({.name = "bimip_devices", .help = "Devices that are known, by their state."}, "state",
              names, [&](std::size_t i) { return states[i].second; });
  page.counter({.name = "bimip_device_takeovers_total",
                .help = "Sessions whose device a newer session took over."},
               numbers.taken_over);
}

void add_awareness(MetricsPage& page, const AwarenessService& awareness) {
  const AwarenessService::Numbers numbers = awareness.numbers();
  page.gauge({.name = "bimip_awareness_entities", .help = "Entities whose awareness is known."},
             numbers.entities);
  page.gauge(
      {.name = "bimip_awareness_present", .help = "Of them, those that have a device there."},
      numbers.there);
  page.gauge({.name = "bimip_awareness_devices", .help = "Devices that are there."},
             numbers.devices);
  page.gauge({.name = "bimip_awareness_relations",
              .help = "Consents, requests and restrictions between two entities."},
             numbers.relations);
  page.gauge({.name = "bimip_awareness_watches", .help = "Sessions that watch others."},
             numbers.watches);
  page.gauge({.name = "bimip_awareness_watched",
              .help = "Entities they watch, each counted once for each session."},
             numbers.watched);
  page.counter({.name = "bimip_awareness_transitions_total",
                .help = "Changes of an entity's state that were recorded."},
               numbers.transitions);
  page.counter(
      {.name = "bimip_awareness_lapses_total", .help = "Devices that were not heard any more."},
      numbers.lapses);
  page.counter(
      {.name = "bimip_awareness_told_total",
       .help = "Entities told of to viewers, at the begin of a watch and when they change."},
      numbers.changes_told);
  page.counter({.name = "bimip_awareness_saved_total",
                .help = "Changes that a viewer was not told of, for there was nothing for him in "
                        "them."},
               numbers.changes_saved);
  page.counter({.name = "bimip_awareness_records_refused_total",
                .help = "Records of states and transitions that the log did not take."},
               numbers.records_refused);
}

void add_log(MetricsPage& page, const NodeNumbers& numbers) {
  std::uint64_t partitions = 0;
  const std::vector<engine::TopicInfo> topics = numbers.store.list_topics();
  for (const engine::TopicInfo& topic : topics) partitions += topic.config.partitions;
  page.gauge({.name = "bimip_topics", .help = "Topics, also the server's own."}, topics.size());
  page.gauge({.name = "bimip_partitions", .help = "Partitions of all of them."}, partitions);
  page.gauge({.name = "bimip_partitions_degraded", .help = "Partitions that take no appends."},
             numbers.store.troubles().size());
  const engine::TroubleCounters& troubles = numbers.store.trouble_counters();
  page.counter({.name = "bimip_partition_failures_total",
                .help = "How often a partition began to refuse appends."},
               troubles.degraded.load());
  page.counter({.name = "bimip_partition_reopens_total", .help = "How often one came back."},
               troubles.reopened.load());
  page.counter({.name = "bimip_held_records_lost_total",
                .help = "Records that were held until their time and could not be read when it had "
                        "come."},
               troubles.held_lost.load());
  const engine::Scrubber& scrubber = numbers.store.scrubber();
  const engine::ScrubCounters& scrub = scrubber.counters();
  page.gauge({.name = "bimip_scrub_findings",
              .help = "Damaged places in sealed segments that the scrub found and that are still "
                      "there."},
             scrubber.finding_count());
  page.gauge({.name = "bimip_scrub_behind_bytes",
              .help = "Bytes of sealed segments that were not read again within the age goal."},
             scrub.bytes_behind.load());
  page.gauge({.name = "bimip_scrub_oldest_seconds",
              .help = "Since the sealed segment that was verified least recently was."},
             static_cast<std::uint64_t>(std::max<std::int64_t>(0, scrub.oldest_age_s.load())));
  page.counter({.name = "bimip_scrub_segments_total", .help = "Sealed segments read again."},
               scrub.segments.load());
  page.counter({.name = "bimip_scrub_read_bytes_total", .help = "Bytes read for that."},
               scrub.bytes.load());
  add_histogram(page,
                {.name = "bimip_commit_seconds",
                 .help = "From a commit block's submission to the disk to its publication."},
                std::vector{&numbers.store.commit_counters().time}, kNanosecondsInSecond);
  const engine::DeviceCounters& device = numbers.store.device().counters();
  page.counter({.name = "bimip_device_writes_total", .help = "Writes to the file system."},
               device.writes.load());
  page.counter({.name = "bimip_device_written_bytes_total", .help = "Bytes written to it."},
               device.bytes_written.load());
  page.counter({.name = "bimip_device_syncs_total",
                .help = "Syncs, apart from writes that are durable by themselves."},
               device.syncs.load());
  page.counter({.name = "bimip_device_reads_total", .help = "Reads from the file system."},
               device.reads.load());
  page.counter({.name = "bimip_device_read_bytes_total", .help = "Bytes read from it."},
               device.bytes_read.load());
}

}  // namespace

std::string metrics_text(const NodeNumbers& numbers) {
  MetricsPage page;
  const Shards shards(numbers.shards);
  page.info({.name = "bimip_build_info", .help = "1; the version is in the label."}, "version",
            BIMIP_VERSION);
  page.gauge({.name = "bimip_ready", .help = "1 while /readyz says so, else 0."},
             numbers.ready ? 1 : 0);
  add_sessions(page, shards, numbers);
  add_topics(page, shards);
  add_inboxes(page, shards);
  add_groups(page, numbers.broker);
  add_devices(page, numbers.registry);
  add_awareness(page, numbers.awareness);
  add_offers(page, numbers.offers);
  add_log(page, numbers);
  return page.take();
}

}  // namespace bimip::frontend
