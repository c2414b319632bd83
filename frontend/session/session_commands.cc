#include "frontend/session/session_commands.h"

#include <string>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/registry/session_registry.h"
#include "frontend/session/closed_sessions.h"
#include "frontend/session/session.h"
#include "frontend/session/tape.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

constexpr std::size_t kListBytesMax = limits::kFrameBytesMax / 2;
constexpr std::size_t kReasonBytesMax = 256;

// Whose sessions are meant, and which of them.
struct Wanted {
  std::string eid{};  // empty: everybody's
  std::string device{};
  std::string session_id{};

  [[nodiscard]] bool fits(const SessionFacts& facts) const {
    return (eid.empty() || eid == facts.eid) && (device.empty() || device == facts.device) &&
           (session_id.empty() || session_id == facts.id);
  }
};

// Nothing: not for this session.
std::optional<Wanted> wanted_by(const Session& session, std::string eid) {
  const Grant& grant = session.bearer().grant();
  if (grant.permissions->is_operator) return Wanted{.eid = std::move(eid)};
  if (!eid.empty() && eid != grant.eid) return std::nullopt;
  return Wanted{.eid = grant.eid};
}

void refuse_others(Session& session, std::uint64_t id) {
  session.outbox().send_error(id, Code::kPermissionDenied,
                              "other entities' sessions are for operators");
}

// False: the list is full.
bool add(v1::SessionList& list, std::size_t& bytes, const SessionFacts& facts) {
  if (bytes >= kListBytesMax) {
    list.set_more(true);
    return false;
  }
  v1::SessionDescription& told = *list.add_sessions();
  told.set_session_id(facts.id);
  told.set_eid(facts.eid);
  told.set_device(facts.device);
  told.set_transport(std::string(facts.transport));
  told.set_address(facts.address);
  told.set_opened_at_us(micros(facts.opened_at));
  told.set_subscriptions(static_cast<std::uint32_t>(facts.subscriptions));
  told.set_publishes_in_flight(static_cast<std::uint32_t>(facts.publishes_in_flight));
  told.set_output_bytes(facts.output_bytes);
  told.set_round_trip_us(facts.round_trip_us);
  told.set_clock_offset_us(facts.clock_offset_us);
  told.set_heartbeat_ms(static_cast<std::uint32_t>(facts.heartbeat.count()));
  if (facts.closed_at != engine::Timestamp{}) told.set_closed_at_us(micros(facts.closed_at));
  told.set_code(static_cast<v1::Code>(facts.code));
  told.set_message(facts.message);
  bytes += told.ByteSizeLong();
  return true;
}

class ListSurvey final : public SessionSurvey {
 public:
  ListSurvey(std::shared_ptr<Session> session, std::uint64_t id, Wanted wanted)
      : SessionSurvey(std::move(session)), wanted_(std::move(wanted)) {
    answer_.set_id(id);
    answer_.mutable_session_list();
  }
  void visit(Session& visited) override {
    if (!visited.is_open()) return;
    const SessionFacts facts = visited.facts();
    if (wanted_.fits(facts)) (void)add(*answer_.mutable_session_list(), bytes_, facts);
  }
  void save(TapeWriter& to) const override { put(to, answer_); }
  void restore(TapeReader& from) override { answer_ = get<v1::Stanza>(from); }
  void deliver(Moment) override {
    if (session()->is_open()) session()->outbox().send(answer_);
  }

 private:
  const Wanted wanted_;
  v1::Stanza answer_;
  std::size_t bytes_ = 0;
};

class KickSurvey final : public SessionSurvey {
 public:
  KickSurvey(std::shared_ptr<Session> session, std::uint64_t id, Wanted wanted, std::string why)
      : SessionSurvey(std::move(session)), wanted_(std::move(wanted)), why_(std::move(why)) {
    answer_.set_id(id);
    answer_.mutable_sessions_kicked();
  }
  // The one that asks is to hear the answer: it is not among them.
  void visit(Session& visited) override {
    if (!visited.is_open() || &visited == session().get() || !wanted_.fits(visited.facts())) return;
    visited.kick(why_);
    answer_.mutable_sessions_kicked()->set_sessions(answer_.sessions_kicked().sessions() + 1);
  }
  void save(TapeWriter& to) const override { put(to, answer_); }
  void restore(TapeReader& from) override { answer_ = get<v1::Stanza>(from); }
  void deliver(Moment) override {
    if (session()->is_open()) session()->outbox().send(answer_);
  }

 private:
  const Wanted wanted_;
  const std::string why_;
  v1::Stanza answer_;
};

}  // namespace

void list_sessions(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::ListSessions& asked) {
  std::optional<Wanted> wanted = wanted_by(*session, asked.eid());
  if (!wanted) return refuse_others(*session, id);
  wanted->session_id = asked.session_id();
  if (!asked.closed())
    return session->host().survey(std::make_unique<ListSurvey>(session, id, std::move(*wanted)));
  v1::Stanza answer;
  answer.set_id(id);
  *answer.mutable_session_list() = learn(session->host(), [&] {
    v1::SessionList closed;
    std::size_t bytes = 0;
    session->host().closed_sessions().for_each([&](const SessionFacts& facts) {
      return !wanted->fits(facts) || add(closed, bytes, facts);
    });
    return closed;
  });
  session->outbox().send(answer);
}

void kick_sessions(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::KickSessions& asked) {
  const auto refuse = [&](std::string_view why) {
    session->outbox().send_error(id, Code::kInvalidArgument, why);
  };
  if (asked.session_id().empty() && asked.eid().empty())
    return refuse("KickSessions names neither a session nor an entity");
  if (asked.reason().size() > kReasonBytesMax) return refuse("a reason has at most 256 bytes");
  std::optional<Wanted> wanted = wanted_by(*session, asked.eid());
  if (!wanted) return refuse_others(*session, id);
  wanted->session_id = asked.session_id();
  wanted->device = asked.device();
  std::string why = "ended by " + session->bearer().grant().eid;
  if (!asked.reason().empty()) why += ": " + asked.reason();
  session->host().survey(
      std::make_unique<KickSurvey>(session, id, std::move(*wanted), std::move(why)));
}

void list_devices(Session& session, std::uint64_t id, const v1::ListDevices& asked) {
  const std::optional<Wanted> wanted = wanted_by(session, asked.eid());
  if (!wanted) return refuse_others(session, id);
  v1::Stanza answer;
  answer.set_id(id);
  *answer.mutable_device_list() = learn(session.host(), [&] {
    v1::DeviceList devices;
    SessionRegistry* const registry = session.host().registry();
    if (registry == nullptr) return devices;
    for (const SessionRegistry::Device& device :
         registry->list(wanted->eid, {.eid = asked.after_eid(), .device = asked.after_device()},
                        limits::kDevicesPerList)) {
      devices.add_devices()->ParseFromString(encode_device(device.key, device.facts));
    }
    devices.set_more(devices.devices_size() == static_cast<int>(limits::kDevicesPerList));
    return devices;
  });
  session.outbox().send(answer);
}

}  // namespace bimip::frontend
