// What may become of an offer. Pure. Design: docs/design/offers.md.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <string>

#include "engine/base/types.h"
#include "frontend/stanza/codes.h"

namespace bimip::frontend {

// The numbers are those of bimip.v1.OfferState, and are stored.
enum class OfferState : std::uint8_t {
  kProposed = 1,
  kRinging = 2,
  kAccepted = 3,
  kRejected = 4,
  kCancelled = 5,
  kExpired = 6,
  kEnded = 7,
};
[[nodiscard]] bool is_over(OfferState state);
[[nodiscard]] std::string_view name_of(OfferState state);

struct OfferKey {
  std::string from{};
  std::string id{};
  friend auto operator<=>(const OfferKey&, const OfferKey&) = default;
};

struct Offer {
  OfferKey key{};
  std::string from_device{};
  std::string to{};
  std::string kind{};
  std::string description{};
  std::string answer{};
  OfferState state = OfferState::kProposed;
  std::string to_device{};   // that accepted or rejected it
  std::string to_session{};  // likewise, of one that has no device
  std::string reason{};
  std::string ended_by{};  // who cancelled or ended it
  std::string ended_by_device{};
  engine::Timestamp proposed_at{};
  engine::Timestamp changed_at{};
  engine::Timestamp expires_at{};
  std::uint64_t version = 1;
  bool is_noted = false;  // missed, and the word of it is in the inbox of who missed it
  friend bool operator==(const Offer&, const Offer&) = default;
};

enum class OfferAction : std::uint8_t { kRing, kAccept, kReject, kCancel, kUpdate, kEnd };

// What a device of one of the two sides does about it.
struct OfferMove {
  OfferAction action{};
  std::string eid{};
  std::string device{};
  std::string session{};  // a name of it: two without a device are two
  std::string description{};
  std::string reason{};
};

struct OfferRefusal {
  Code code{};
  std::string why{};
};

// The offer after the move; as it is, when this device (or session,
// where there is none) had brought it there before. kNotFound: it
// is no offer of this entity's; kPermissionDenied: it is the other side's to do; kAlreadyExists: it
// has come to something else.
[[nodiscard]] std::expected<Offer, OfferRefusal> decide(const Offer& offer, const OfferMove& move,
                                                        engine::Timestamp now);
// The offer after its time is over.
[[nodiscard]] Offer expire(const Offer& offer, engine::Timestamp now);
// Nobody of the other side took it or turned it down.
[[nodiscard]] bool is_missed(const Offer& offer);

}  // namespace bimip::frontend
