// The bounds a session runs under, as they lie on a tape.
#pragma once

#include "frontend/session/tape_codec.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

template <>
struct Word<SessionLimits> {
  static void put(TapeWriter& to, const SessionLimits& value) {
    each(value, [&](const auto& field) { frontend::put(to, field); });
  }
  static SessionLimits get(TapeReader& from) {
    SessionLimits value;
    each(value,
         [&](auto& field) { field = frontend::get<std::remove_cvref_t<decltype(field)>>(from); });
    return value;
  }

 private:
  // Those that a session looks at.
  template <typename Limits, typename Visit>
  static void each(Limits& limits, Visit&& visit) {
    visit(limits.identify_within);
    visit(limits.heartbeat);
    visit(limits.heartbeat_least);
    visit(limits.output_bytes);
    visit(limits.publishes_in_flight);
    visit(limits.publish_bytes_in_flight);
    visit(limits.subscriptions);
    visit(limits.credit);
    visit(limits.publish_rate);
    visit(limits.token_warning);
  }
};

}  // namespace bimip::frontend
