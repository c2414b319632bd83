// What a node answers to /metrics. Each metric is in docs/guides/metrics.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/store/store.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/services/broker/broker.h"
#include "frontend/services/offers/offer_service.h"
#include "frontend/services/registry/session_registry.h"
#include "frontend/session/session_metrics.h"
#include "frontend/transport/address_limits.h"
#include "frontend/transport/grpc/guard_end.h"
#include "frontend/transport/tls/tls_context.h"

namespace bimip::frontend {

struct NodeNumbers {
  engine::Store& store;
  const Broker& broker;
  const SessionRegistry& registry;
  const AwarenessService& awareness;
  const OfferService& offers;
  std::span<const SessionMetrics* const> shards;  // at least one
  std::uint64_t connections = 0;
  std::uint64_t connections_refused = 0;
  AddressLimits::Refused refused_addresses{};
  const GuardEndCounts& grpc_ends;
  std::size_t grpc_streams = 0;
  const TlsContext* tls = nullptr;  // null: no TLS
  bool ready = false;
};

[[nodiscard]] std::string metrics_text(const NodeNumbers& numbers);

}  // namespace bimip::frontend
