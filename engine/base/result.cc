#include "engine/base/result.h"

namespace bimip::engine {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kOutOfRange:
      return "out_of_range";
    case ErrorCode::kDamaged:
      return "damaged";
    case ErrorCode::kUnsupportedVersion:
      return "unsupported_version";
    case ErrorCode::kForeign:
      return "foreign";
    case ErrorCode::kLocked:
      return "locked";
    case ErrorCode::kNoSpace:
      return "no_space";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kDegraded:
      return "degraded";
    case ErrorCode::kSuperseded:
      return "superseded";
    case ErrorCode::kTooManyHeld:
      return "too_many_held";
    case ErrorCode::kClosed:
      return "closed";
    case ErrorCode::kIo:
      return "io";
  }
  return "unknown";
}

std::unexpected<Error> fail_at(std::string_view place, Error error) {
  error.message = std::string(place) + ": " + error.message;
  return std::unexpected(std::move(error));
}

}  // namespace bimip::engine
