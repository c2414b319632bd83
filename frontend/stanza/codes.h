// The one table of codes: what each means and what a client does about it. The same numbers as
// bimip.v1.Code; docs/design/protocol.md shows the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/result.h"

namespace bimip::frontend {

enum class Code : std::uint8_t {
  kUnspecified = 0,
  kMalformed = 1,
  kTooLarge = 2,
  kUnimplemented = 3,
  kUnauthenticated = 4,
  kInvalidArgument = 5,
  kNotFound = 6,
  kAlreadyExists = 7,
  kOutOfRange = 8,
  kDataLoss = 9,
  kResourceExhausted = 10,
  kNoSpace = 11,
  kDegraded = 12,
  kSuperseded = 13,
  kUnavailable = 14,
  kInternal = 15,
  kPermissionDenied = 16,
  kUnsupportedVersion = 17,
  kTimeout = 18,
  kTokenExpired = 19,
  kRevoked = 20,
  kKicked = 21,
  kTooManyHeld = 22,
  kTakenOver = 23,
};

inline constexpr std::size_t kCodeCount = static_cast<std::size_t>(Code::kTakenOver) + 1;

enum class Retry : std::uint8_t { kNo, kYes };

struct CodeFacts {
  Code code;
  std::string_view name;  // as in bimip.v1.Code, without its prefix
  std::string_view meaning;
  Retry retry;
  std::uint16_t websocket_close;
  std::uint8_t grpc_status;
};

// One entry a code, by number, the first for kUnspecified.
[[nodiscard]] std::span<const CodeFacts> all_codes();
[[nodiscard]] const CodeFacts& facts_of(Code code);

// What a client is told of an error of the log.
[[nodiscard]] Code code_of(engine::ErrorCode code);

}  // namespace bimip::frontend
