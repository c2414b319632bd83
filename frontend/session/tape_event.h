// The kinds of what stands on a tape.
#pragma once

#include <cstdint>

namespace bimip::frontend {

// What stands on a tape. The numbers are the format's: docs/design/format-recording.md.
enum class TapeEvent : std::uint8_t {
  // Inputs of a session: its number first.
  kBegin = 1,
  kStanza = 2,
  kNoStanza = 3,
  kBadStream = 4,
  kCarriedToken = 5,
  kMalformed = 6,
  kHeard = 7,
  kAdvanced = 8,
  kSent = 9,
  kTick = 10,
  kFarewell = 11,
  kDrain = 12,
  kStalled = 13,
  kKick = 14,
  kDisconnected = 15,
  kGone = 16,
  // What it asked for has come back: the request's number first. And what it did not ask for.
  kAnswer = 20,
  kNotice = 21,
  // What it was told within an input.
  kLearnt = 22,
  kGeneration = 23,
  kTakenOver = 24,
  // What it did: compared, not needed.
  kOutput = 30,
  kAsked = 31,
  kState = 32,
  // What the node's awareness is told.
  kRules = 50,
  kLoadPrivacy = 51,
  kLoadRelation = 52,
  kLoadState = 53,
  kAnnounce = 54,
  kLeave = 55,
  kActivity = 56,
  kPosition = 57,
  kPrivacy = 58,
  kRelation = 59,
  kWatch = 60,
  kUnwatch = 61,
  kReady = 62,
  kAdvance = 63,
  kStopLapsing = 64,
  kTakeTold = 65,
  kTakeTransitions = 66,
  kTakeStale = 67,
  kKept = 68,
  // What the node's offers are told.
  kLoadOffer = 80,
  kForgetOffer = 81,
  kPropose = 82,
  kMove = 83,
  kOffersAdvance = 84,
  kOfferStored = 85,
  // What a core of the node said to what it was told, and how it is then.
  kSaid = 69,
  kCoreState = 70,
  // The tape's own.
  kFull = 40,
  kEnd = 41,
};

}  // namespace bimip::frontend
