// Asking about sessions, and ending them.
#pragma once

#include <cstdint>
#include <memory>

namespace bimip::v1 {
class KickSessions;
class ListDevices;
class ListSessions;
}  // namespace bimip::v1

namespace bimip::frontend {

class Session;

// Each is answered with a SessionList, a SessionsKicked or an Error: once all threads were asked,
// so later than what was asked after it.
void list_sessions(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::ListSessions& asked);
void kick_sessions(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::KickSessions& asked);
// Answered at once, with a DeviceList or an Error.
void list_devices(Session& session, std::uint64_t id, const v1::ListDevices& asked);

}  // namespace bimip::frontend
