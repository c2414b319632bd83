#include "frontend/services/registry/device_record.h"

#include "bimip/v1/session_admin.pb.h"

namespace bimip::frontend {

// An eid has no zero byte.
std::string encode_device_key(const DeviceKey& key) {
  std::string bytes = key.eid;
  bytes.push_back('\0');
  return bytes + key.device;
}

std::optional<DeviceKey> decode_device_key(engine::Bytes key) {
  const std::string_view text = engine::as_text(key);
  const std::size_t zero = text.find('\0');
  if (zero == std::string_view::npos) return std::nullopt;
  return DeviceKey{.eid = std::string(text.substr(0, zero)),
                   .device = std::string(text.substr(zero + 1))};
}

std::string encode_device(const DeviceKey& key, const DeviceFacts& facts) {
  v1::DeviceDescription record;
  record.set_eid(key.eid);
  record.set_device(key.device);
  record.set_state(static_cast<v1::DeviceState>(facts.state));
  record.set_since_us(facts.since.time_since_epoch().count());
  record.set_epoch(facts.epoch);
  record.set_session_id(facts.session_id);
  record.set_transport(facts.transport);
  return record.SerializeAsString();
}

std::optional<DeviceFacts> decode_device(engine::Bytes value) {
  v1::DeviceDescription record;
  if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) return std::nullopt;
  if (record.state() < v1::DEVICE_STATE_CONNECTED || record.state() > v1::DEVICE_STATE_EXPIRED)
    return std::nullopt;
  return DeviceFacts{
      .state = static_cast<DeviceState>(record.state()),
      .since = engine::Timestamp(std::chrono::microseconds(record.since_us())),
      .epoch = record.epoch(),
      .session_id = record.session_id(),
      .transport = record.transport(),
  };
}

}  // namespace bimip::frontend
