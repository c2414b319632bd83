// Asking for somebody's awareness, giving it, taking it back. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "frontend/services/awareness/awareness_types.h"

namespace bimip::frontend {

enum class ConsentAct : std::uint8_t {
  kSubscribe,        // the actor wants to see the other
  kSubscribeMutual,  // and offers to be seen
  kUnsubscribe,      // the actor does not want to see the other any more
  kGrant,            // the other, which has asked, may see the actor
  kDeny,             // it may not
  kCancel,           // it may not any more
  kLift,             // of what follows: none
  kExcept,           // not where an audience is kContactsExcept
  kBlock,
};

// Between the actor and the other.
struct Pair {
  Relation given{};  // by the actor, to the other
  Relation taken{};  // by the other, to the actor
};

// What the relations become; what is not there stays.
struct PairChange {
  std::optional<Relation> given{};
  std::optional<Relation> taken{};
};

// An actor as it would be if it went offline at this moment: so it looks to whom it blocks.
struct Standing {
  engine::Timestamp now{};
  engine::Timestamp gone_at{};  // when its connection was there last
  engine::Timestamp last_seen{};
};

enum class ConsentFault : std::uint8_t {
  kNothingAsked,  // there is no request to answer
  kNothingGiven,  // there is no consent to cancel
  kNotSubscribed,
};

// Acts that change nothing succeed: a retry is harmless. A block is not felt by who is blocked: he
// may ask, and nobody hears of it.
[[nodiscard]] std::expected<PairChange, ConsentFault> decide(ConsentAct act, const Pair& pair,
                                                             const Standing& actor);

}  // namespace bimip::frontend
