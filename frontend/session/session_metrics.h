// What one thread's sessions count. docs/guides/metrics.md says what each number means.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/base/counters.h"
#include "frontend/stanza/codes.h"

namespace bimip::frontend {

// Bounds that a peer runs into; each is a value of a label, so they are few and fixed.
enum class Limit : std::uint8_t {
  kIdentifyWithin,
  kHeartbeat,
  kWriteStall,
  kOutput,
  kPublishesInFlight,
  kSubscriptions,
  kCredit,
  kSessionsPerEntity,
  kPublishRate,
  kGrpcPacedFrames,
  kSendsInFlight,
};
inline constexpr std::array<std::string_view, 11> kLimitNames{
    "identify_within",     "heartbeat",         "write_stall",    "output",
    "publishes_in_flight", "subscriptions",     "credit",         "sessions_per_entity",
    "publish_rate",        "grpc_paced_frames", "sends_in_flight"};

inline constexpr std::array<std::uint64_t, 8> kLagBounds{0,      10,      100,       1'000,
                                                         10'000, 100'000, 1'000'000, 10'000'000};
using LagHistogram = engine::Histogram<kLagBounds.size()>;

// Written on the sessions' thread, read on any.
struct SessionMetrics {
  using Counter = engine::Counter;

  void refused(Code code) { refusals[static_cast<std::size_t>(code)].add(); }
  void ended(Code code) { endings[static_cast<std::size_t>(code)].add(); }
  void hit(Limit limit) { limit_hits[static_cast<std::size_t>(limit)].add(); }

  Counter tls_failures;
  Counter sessions_begun;
  Counter sessions_gone;
  std::array<Counter, kCodeCount> endings{};
  std::array<Counter, kCodeCount> refusals{};
  std::array<Counter, kLimitNames.size()> limit_hits{};
  Counter stanzas;
  Counter published_records;
  Counter published_bytes;
  engine::TimeHistogram publish_ack{engine::kTimeBounds};
  Counter subscriptions_begun;
  Counter subscriptions_ended;
  Counter catch_ups_begun;
  Counter catch_ups_ended;
  Counter delivered_records;
  Counter delivered_bytes;
  Counter redelivered_records;
  Counter acknowledged_records;
  Counter rejected_records;
  Counter dead_letters;
  Counter gap_records;
  Counter messages_sent;
  engine::TimeHistogram message_send{engine::kTimeBounds};
  Counter messages_delivered;
  Counter messages_acknowledged;
  LagHistogram lag{kLagBounds};
  engine::TimeHistogram fanout{engine::kTimeBounds};
  engine::TimeHistogram round_trip{engine::kTimeBounds};
  engine::TimeHistogram clock_offset{engine::kTimeBounds};
};

}  // namespace bimip::frontend
