// How what the offers' core is told, and says, lies on a tape.
#pragma once

#include <memory>
#include <tuple>

#include "frontend/services/offers/offer_core.h"
#include "frontend/session/tape_members.h"

namespace bimip::frontend {

// From `First` to `Last`; a replay is told nothing else.
template <typename Enum, Enum First, Enum Last>
struct BoundedWord {
  static void put(TapeWriter& to, Enum value) { to.number(static_cast<std::uint64_t>(value)); }
  static Enum get(TapeReader& from) {
    const std::uint64_t value = from.number();
    if (value >= static_cast<std::uint64_t>(First) && value <= static_cast<std::uint64_t>(Last))
      return static_cast<Enum>(value);
    from.fail();
    return First;
  }
};
template <>
struct Word<OfferState> : BoundedWord<OfferState, OfferState::kProposed, OfferState::kEnded> {};
template <>
struct Word<OfferAction> : BoundedWord<OfferAction, OfferAction::kRing, OfferAction::kEnd> {};

template <>
struct Word<OfferRefusal> {
  static void put(TapeWriter& to, const OfferRefusal& value) {
    frontend::put(to, value.code);
    frontend::put(to, value.why);
  }
  static OfferRefusal get(TapeReader& from) {
    const auto code = frontend::get<Code>(from);
    if (static_cast<std::size_t>(code) >= kCodeCount) from.fail();
    return {.code = from.ok() ? code : Code::kInternal, .why = frontend::get<std::string>(from)};
  }
};

template <>
struct Members<OfferKey> {
  static auto of(auto& v) { return std::tie(v.from, v.id); }
};
template <>
struct Members<Offer> {
  static auto of(auto& v) {
    return std::tie(v.key, v.from_device, v.to, v.kind, v.description, v.answer, v.state,
                    v.to_device, v.to_session, v.reason, v.ended_by, v.ended_by_device,
                    v.proposed_at, v.changed_at, v.expires_at, v.version, v.is_noted);
  }
};
template <>
struct Members<OfferMove> {
  static auto of(auto& v) {
    return std::tie(v.action, v.eid, v.device, v.session, v.description, v.reason);
  }
};
// Written only: in what is said, and in states.
template <>
struct Word<OfferRef> {
  static void put(TapeWriter& to, const OfferRef& value) {
    to.number(value ? 1 : 0);
    if (value) frontend::put(to, *value);
  }
};
template <>
struct Members<OfferAnswer> {
  static auto of(auto& v) { return std::tie(v.ask, v.result); }
};
template <>
struct Members<OfferChange> {
  static auto of(auto& v) { return std::tie(v.what, v.offer); }
};
template <>
struct Members<OfferOutputs> {
  static auto of(auto& v) { return std::tie(v.answers, v.changes, v.news); }
};

}  // namespace bimip::frontend
