// One device of one entity, and how it lies in the topic "$sessions".
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/bytes.h"
#include "engine/base/types.h"

namespace bimip::frontend {

struct DeviceKey {
  std::string eid{};
  std::string device{};
  friend auto operator<=>(const DeviceKey&, const DeviceKey&) = default;
};

// The numbers are bimip.v1.DeviceState's.
enum class DeviceState : std::uint8_t {
  kConnected = 1,  // it has a session
  kSuspended = 2,  // its session has ended
  kExpired = 3,    // it has not come back for long
};

struct DeviceFacts {
  DeviceState state{};
  engine::Timestamp since{};
  std::uint64_t epoch = 0;  // sessions that it has had
  std::string session_id{};
  std::string transport{};
};

[[nodiscard]] std::string encode_device_key(const DeviceKey& key);
[[nodiscard]] std::string encode_device(const DeviceKey& key, const DeviceFacts& facts);
// Nothing: a record that is none, or of a later program.
[[nodiscard]] std::optional<DeviceKey> decode_device_key(engine::Bytes key);
[[nodiscard]] std::optional<DeviceFacts> decode_device(engine::Bytes value);

}  // namespace bimip::frontend
