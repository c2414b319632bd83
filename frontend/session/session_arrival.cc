// Session: from its first stanza to its Welcome.
#include <optional>
#include <utility>

#include "frontend/session/device_seat.h"
#include "frontend/session/session_parts.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

constexpr std::string_view kServer = "bimipd";

std::optional<engine::ProducerId> producer_of(const std::string& bytes) {
  if (bytes.empty()) return std::nullopt;
  const std::byte* at = engine::as_bytes(bytes).data();
  return engine::ProducerId{.high = engine::load<std::uint64_t>(at),
                            .low = engine::load<std::uint64_t>(at + sizeof(std::uint64_t))};
}

// What is wrong with it; empty: nothing.
std::string_view fault_of(const v1::Identity& identity) {
  if (identity.protocol_version() == 0) return "Identity: protocol_version is missing";
  if (identity.eid().size() > limits::kEidBytesMax) return "Identity: an eid has 1 to 256 bytes";
  if (identity.device().size() > limits::kDeviceBytesMax)
    return "Identity: a device has at most 128 bytes";
  if (identity.client().size() > limits::kClientBytesMax)
    return "Identity: a client has at most 128 bytes";
  if (!identity.producer_id().empty() &&
      (identity.producer_id().size() != sizeof(engine::ProducerId) ||
       producer_of(identity.producer_id())->is_none())) {
    return "Identity: a producer_id has 16 bytes, not all of them zero";
  }
  return {};
}

}  // namespace

void Session::identify(std::uint64_t id, const v1::Identity& identity, Moment now) {
  if (state_ != State::kUnidentified)
    return outbox_.send_error(id, Code::kInvalidArgument, "the session has its Identity already");
  if (const std::string_view fault = fault_of(identity); !fault.empty())
    return end(Code::kInvalidArgument, fault);
  if (const auto producer = producer_of(identity.producer_id())) publisher().set_producer(producer);
  state_ = State::kChecking;
  const auto known =
      bearer_.identify(shared_from_this(), id, identity, std::move(arrival_->carried_token));
  if (!known) return end(known.error().code, known.error().message);
  if (*known == Bearer::Known::kNow) open(id, now);
}

void Session::on_identified(std::uint64_t id, TokenCheck& check, Moment now) {
  if (state_ != State::kChecking) return;
  if (const auto ending = bearer_.take_identity(check)) return end(ending->code, ending->message);
  open(id, now);
}

void Session::drop_forbidden() {
  if (subscriber_) subscriber_->drop_forbidden(*this);
}

void Session::open(std::uint64_t id, Moment now) {
  if (!is_let_in()) {
    host_.metrics().hit(Limit::kSessionsPerEntity);
    come_back_after(limits::kComeBackAfter);
    return end(Code::kResourceExhausted, "limits.sessions_per_entity is reached");
  }
  if (!take_device())
    return end(Code::kResourceExhausted, "as many devices are known as there may be");
  is_known_ = true;
  state_ = State::kOpen;
  welcome(id, now);
  const std::unique_ptr<Arrival> arrival = std::move(arrival_);
  for (const v1::Stanza& stanza : arrival->held) {
    if (state_ == State::kOpen) on_request(stanza, now);
  }
}

bool Session::has_registry() const {
  return host_.registry() != nullptr && (peer_ == nullptr || !peer_->facts().is_call);
}

// A replay counts nobody. A device whose older session is there still, dead perhaps and not yet
// found to be, takes that one's place, where there is no other.
bool Session::is_let_in() {
  return learn(host_, [this] {
    const DeviceKey key{.eid = bearer_.grant().eid, .device = bearer_.device()};
    std::optional<EntityCount::Entry> entry = host_.entities().add(key.eid);
    if (!entry && !key.device.empty() && has_registry() && host_.registry()->is_held(key))
      entry = host_.entities().add_in_place(key.eid);
    if (entry) entry_ = std::move(*entry);
    return entry.has_value();
  });
}

// A call is over before anybody could take its place, and has no place to take.
bool Session::take_device() {
  if (bearer_.device().empty()) return true;
  // 0: it takes none; nothing: there is no room.
  const auto epoch = learn(host_, [this]() -> std::optional<std::uint64_t> {
    if (!has_registry()) return 0;
    seat_ = std::make_unique<DeviceSeat>(
        shared_from_this(), host_,
        DeviceKey{.eid = bearer_.grant().eid, .device = bearer_.device()}, entry_);
    const auto entered = seat_->enter();
    return entered ? std::optional(*entered) : std::nullopt;
  });
  device_epoch_ = epoch.value_or(0);
  return epoch.has_value();
}

bool Session::is_taken_over() {
  if (device_epoch_ == 0) return false;
  const auto ask = [this] { return seat_->is_taken_over(); };
  Tape* const tape = host_.tape();
  return tape == nullptr ? ask() : tape->learn_takeover(ask);
}

void Session::hold(const v1::Stanza& stanza) {
  arrival_->held_bytes += stanza.ByteSizeLong();
  if (arrival_->held_bytes > limits::kFrameBytesMax)
    return end(Code::kResourceExhausted, "too much at once before the Welcome");
  arrival_->held.push_back(stanza);
}

void Session::welcome(std::uint64_t id, Moment now) {
  v1::Stanza stanza;
  stanza.set_id(id);
  v1::Welcome& welcome = *stanza.mutable_welcome();
  welcome.set_protocol_version(kProtocolVersion);
  welcome.set_session_id(id_);
  welcome.set_server(std::string(kServer));
  welcome.set_server_time_us(micros(now.wall));
  const SessionLimits& chosen = host_.limits();
  welcome.set_heartbeat_ms(static_cast<std::uint32_t>(chosen.heartbeat.count()));
  v1::Limits& in_force = *welcome.mutable_limits();
  in_force.set_frame_bytes_max(limits::kFrameBytesMax);
  in_force.set_message_bytes_max(limits::kMessageBytesMax);
  in_force.set_publishes_in_flight_max(static_cast<std::uint32_t>(
      publisher_ ? publisher_->in_flight_max() : host_.limits().publishes_in_flight));
  in_force.set_subscriptions_max(static_cast<std::uint32_t>(chosen.subscriptions));
  in_force.set_credit_max(static_cast<std::uint32_t>(chosen.credit));
  welcome.set_eid(bearer_.grant().eid);
  welcome.set_device(bearer_.device());
  welcome.set_device_epoch(device_epoch_);
  if (const auto& token = bearer_.grant().token)
    welcome.set_token_expires_at_us(micros(token->expires_at));
  outbox_.send(stanza);
}

}  // namespace bimip::frontend
