#include "frontend/stanza/codes.h"

#include <array>

#include "bimip/v1/code.pb.h"
#include "engine/base/assert.h"

namespace bimip::frontend {
namespace {

using enum Retry;

constexpr std::array<CodeFacts, kCodeCount> kCodes{{
    {Code::kUnspecified, "UNSPECIFIED", "never sent", kNo, 1011, 2},
    {Code::kMalformed, "MALFORMED", "the bytes are no stanza; the session ends", kNo, 1007, 3},
    {Code::kTooLarge, "TOO_LARGE", "a frame or a message above its limit", kNo, 1009, 3},
    {Code::kUnimplemented, "UNIMPLEMENTED", "this server does not know the request", kNo, 1003, 12},
    {Code::kUnauthenticated, "UNAUTHENTICATED", "who it is was not said, or not shown", kNo, 4401,
     16},
    {Code::kInvalidArgument, "INVALID_ARGUMENT", "the request can never succeed as it is", kNo,
     4400, 3},
    {Code::kNotFound, "NOT_FOUND", "no such topic, partition or subscription", kNo, 4404, 5},
    {Code::kAlreadyExists, "ALREADY_EXISTS", "it is there with another configuration", kNo, 4409,
     6},
    {Code::kOutOfRange, "OUT_OF_RANGE", "the offset is outside of what can be read", kNo, 4416, 11},
    {Code::kDataLoss, "DATA_LOSS", "stored records are damaged; the others can be read", kNo, 4515,
     15},
    {Code::kResourceExhausted, "RESOURCE_EXHAUSTED", "a bounded queue is full", kYes, 1013, 8},
    {Code::kNoSpace, "NO_SPACE", "the disk is full or at its floor", kYes, 1013, 8},
    {Code::kDegraded, "DEGRADED", "the partition refuses writes after a failed one", kNo, 4503, 9},
    {Code::kSuperseded, "SUPERSEDED", "a producer's number older than those remembered", kNo, 4409,
     9},
    {Code::kUnavailable, "UNAVAILABLE", "the server is stopping or starting", kYes, 1012, 14},
    {Code::kInternal, "INTERNAL", "the server is at fault", kNo, 1011, 13},
    {Code::kPermissionDenied, "PERMISSION_DENIED", "not for this session", kNo, 4403, 7},
    {Code::kUnsupportedVersion, "UNSUPPORTED_VERSION", "the peer speaks another version", kNo, 1002,
     9},
    {Code::kTimeout, "TIMEOUT", "the peer was silent for too long", kYes, 4408, 4},
    {Code::kTokenExpired, "TOKEN_EXPIRED", "the token is at its end; another may be presented", kNo,
     4419, 16},
    {Code::kRevoked, "REVOKED", "the token was revoked; not to come back with it", kNo, 4410, 16},
    {Code::kKicked, "KICKED", "an operator, or the entity itself, ended the session", kNo, 4423,
     10},
    {Code::kTooManyHeld, "TOO_MANY_HELD",
     "as many messages wait for their time as may; those without one are taken", kNo, 4429, 8},
    {Code::kTakenOver, "TAKEN_OVER", "a newer session of the device has taken its place", kNo, 4412,
     10},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kCodes.size(); ++i) {
    if (kCodes[i].code != static_cast<Code>(i)) return false;
  }
  return true;
}
static_assert(in_order());
static_assert(kCodes.size() == v1::Code_ARRAYSIZE && kCodes.size() == kCodeCount);

}  // namespace

std::span<const CodeFacts> all_codes() { return kCodes; }

const CodeFacts& facts_of(Code code) {
  const auto index = static_cast<std::size_t>(code);
  BIMIP_ASSERT(index < kCodes.size());
  return kCodes[index];
}

Code code_of(engine::ErrorCode code) {
  switch (code) {
    case engine::ErrorCode::kInvalidArgument:
      return Code::kInvalidArgument;
    case engine::ErrorCode::kNotFound:
      return Code::kNotFound;
    case engine::ErrorCode::kAlreadyExists:
      return Code::kAlreadyExists;
    case engine::ErrorCode::kTooLarge:
      return Code::kTooLarge;
    case engine::ErrorCode::kOutOfRange:
      return Code::kOutOfRange;
    case engine::ErrorCode::kDamaged:
    case engine::ErrorCode::kUnsupportedVersion:
    case engine::ErrorCode::kForeign:
      return Code::kDataLoss;
    case engine::ErrorCode::kNoSpace:
      return Code::kNoSpace;
    case engine::ErrorCode::kBusy:
      return Code::kResourceExhausted;
    case engine::ErrorCode::kDegraded:
    case engine::ErrorCode::kIo:
      return Code::kDegraded;
    case engine::ErrorCode::kSuperseded:
      return Code::kSuperseded;
    case engine::ErrorCode::kTooManyHeld:
      return Code::kTooManyHeld;
    case engine::ErrorCode::kClosed:
      return Code::kUnavailable;
    case engine::ErrorCode::kLocked:
      return Code::kInternal;
  }
  return Code::kInternal;
}

}  // namespace bimip::frontend
