// Errors as values: what an engine call answers when the environment, the input or the stored bytes
// are at fault. A bug in this program aborts instead (see assert.h).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/types.h"

namespace bimip::engine {

// A code exists only where a caller reacts to it differently from the others.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // the request can never succeed as it is
  kNotFound,         // no such topic, partition or file
  kAlreadyExists,    // a topic of this name is there, perhaps with another configuration
  kTooLarge,         // a record or batch above its limit
  kOutOfRange,       // the offset is below the log's start or above its end; see Error::available
  kDamaged,          // stored bytes fail their checksum; see Error::available for where to go on
  kUnsupportedVersion,  // written by a format this program does not know
  kForeign,             // valid bytes that belong to another store, partition, segment or place
  kLocked,              // another process holds the data directory
  kNoSpace,      // the device is full or at its free-space floor; retry after space was freed
  kBusy,         // a bounded queue is full, or no descriptor or memory is to be had; retry later
  kDegraded,     // an earlier write failed; the partition refuses writes until it is reopened
  kSuperseded,   // the producer's number is older than what the log remembers of it
  kTooManyHeld,  // the partition holds as many records until their time as it may
  kClosed,       // the store is closing
  kIo,           // the device failed
};

std::string_view name_of(ErrorCode code);

// Half-open range of offsets.
struct OffsetRange {
  Offset first{};
  Offset end{};
  friend bool operator==(const OffsetRange&, const OffsetRange&) = default;
};

struct Error {
  ErrorCode code;
  std::string message{};
  // kOutOfRange: the offsets that can be read. kDamaged: the offsets that cannot; `end` can be
  // read.
  OffsetRange range{};
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message, OffsetRange range = {}) {
  return std::unexpected(Error{code, std::move(message), range});
}

// Nothing was done for want of space, descriptors or memory: it may work later.
inline bool is_shortage(const Error& error) {
  return error.code == ErrorCode::kNoSpace || error.code == ErrorCode::kBusy;
}

// The same error with the place it happened put before its message: "PLACE: MESSAGE".
std::unexpected<Error> fail_at(std::string_view place, Error error);

}  // namespace bimip::engine
