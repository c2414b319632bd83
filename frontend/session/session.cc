#include "frontend/session/session.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/awareness/awareness_core.h"
#include "frontend/session/awareness_desk.h"
#include "frontend/session/closed_sessions.h"
#include "frontend/session/device_seat.h"
#include "frontend/session/offer_desk.h"
#include "frontend/session/requests.h"
#include "frontend/session/session_commands.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/tape.h"
#include "frontend/session/topic_commands.h"
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

std::string_view problem_text(FrameProblem problem) {
  switch (problem) {
    case FrameProblem::kNotOurPreface:
      return "this port speaks Bimip: a connection begins with the bytes BIMIP 0 0 1";
    case FrameProblem::kOtherVersion:
      return "this server speaks protocol version 1";
    case FrameProblem::kEmptyFrame:
      return "a frame of no bytes";
    case FrameProblem::kFrameTooLarge:
      return "a frame longer than frame_bytes_max, or than 16 KiB before Identity";
  }
  return "";
}

Code problem_code(FrameProblem problem) {
  switch (problem) {
    case FrameProblem::kOtherVersion:
      return Code::kUnsupportedVersion;
    case FrameProblem::kFrameTooLarge:
      return Code::kTooLarge;
    case FrameProblem::kNotOurPreface:
    case FrameProblem::kEmptyFrame:
      return Code::kMalformed;
  }
  return Code::kMalformed;
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

// A part of a session that is there from the first time on that it is asked for.
template <typename Part, typename... From>
Part& made(std::unique_ptr<Part>& part, From&... from) {
  if (!part) part = std::make_unique<Part>(from...);
  return *part;
}

// Who is put out has gone; who lost the connection may be back soon.
Leaving leaving_of(Code ended_with) {
  return ended_with == Code::kKicked || ended_with == Code::kRevoked ? Leaving::kSaid
                                                                     : Leaving::kLost;
}

}  // namespace

struct Session::Arrival {
  std::chrono::nanoseconds began{};
  std::string carried_token{};
  // What the peer sent together with its Identity, while the token is being checked.
  std::vector<v1::Stanza> held{};
  std::size_t held_bytes = 0;
};

Session::Session(SessionHost& host, std::string id, Framing framing, Moment now)
    : host_(host),
      id_(std::move(id)),
      opened_at_(now.wall),
      heartbeat_(now.monotonic),
      outbox_(framing, host),
      bearer_(host, outbox_),
      arrival_(std::make_unique<Arrival>(Arrival{.began = now.monotonic})) {
  host.metrics().sessions_begun.add();
  const std::uint64_t rate = host.limits().publish_rate;
  if (rate > 0) publish_pace_ = std::make_unique<Pace>(rate, now.monotonic);
  if (Tape* tape = host.tape()) tape->on_began(*this, framing, now);
}

Session::~Session() {
  host_.metrics().sessions_gone.add();
  if (Tape* tape = host_.tape()) tape->on_gone(*this);
}

template <typename... Values>
void Session::record(TapeEvent event, const Values&... values) {
  if (Tape* tape = host_.tape()) tape->input(*this, event, values...);
}

// Without its token: a replay needs to know how long it was, and what it granted.
void Session::record_stanza(const v1::Stanza& stanza, Moment now) {
  Tape* const tape = host_.tape();
  if (tape == nullptr || tape->replays()) return;
  v1::Stanza told = stanza;
  const auto hide = [](std::string& token) { token.assign(token.size(), '*'); };
  if (told.has_identity()) hide(*told.mutable_identity()->mutable_token());
  if (told.has_token_refresh()) hide(*told.mutable_token_refresh()->mutable_token());
  tape->input(*this, TapeEvent::kStanza, told.SerializeAsString(), now);
}

void Session::set_carried_token(std::string token) {
  record(TapeEvent::kCarriedToken, token.empty());
  if (arrival_) arrival_->carried_token = std::move(token);
}

void Session::on_malformed(std::string_view why) {
  record(TapeEvent::kMalformed, std::string(why));
  end(Code::kMalformed, why);
}

std::string Session::take_output() {
  std::string output = outbox_.take();
  if (Tape* tape = host_.tape()) tape->on_output(*this, output);
  return output;
}

std::uint64_t Session::state_hash() const {
  StateHash hash;
  hash.add(state_).add(ended_with_);
  heartbeat_.mix_into(hash);
  hash.add(device_epoch_).add(come_back_after_ms_).add(is_known_);
  if (arrival_) hash.add(arrival_->held.size()).add(arrival_->held_bytes);
  if (publish_pace_) hash.add(publish_pace_->filled_at()).add(publish_pace_->is_spent());
  outbox_.mix_into(hash);
  bearer_.mix_into(hash);
  if (publisher_) publisher_->mix_into(hash);
  if (subscriber_) subscriber_->mix_into(hash);
  if (entities_) hash.add(entities_->in_flight());
  if (mailer_) hash.add(mailer_->in_flight());
  if (inboxes_) inboxes_->mix_into(hash);
  if (requests_) requests_->mix_into(hash);
  if (awareness_) awareness_->mix_into(hash);
  if (offers_) offers_->mix_into(hash);
  return hash.value();
}

Publisher& Session::publisher() { return made(publisher_, host_, outbox_); }

Subscriber& Session::subscriber() { return made(subscriber_, host_, outbox_); }

EntityAccess& Session::entities() { return made(entities_, host_, bearer_, outbox_); }

Mailer& Session::mailer() { return made(mailer_, host_, bearer_, outbox_); }

Inboxes& Session::inboxes() { return made(inboxes_, host_, bearer_, outbox_); }

// A session without a device's name is a device of its own.
AwarenessDesk& Session::awareness() {
  if (!awareness_) {
    const std::string& device = bearer_.device();
    awareness_ = std::make_unique<AwarenessDesk>(host_, bearer_, outbox_,
                                                 device.empty() ? "~" + id_ : device);
  }
  return *awareness_;
}

OfferDesk& Session::offers() { return made(offers_, host_, bearer_, outbox_); }

void Session::on_frame(Bytes frame, Moment now) {
  if (state_ == State::kOver || state_ == State::kDraining) return;
  v1::Stanza stanza;
  if (!stanza.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
    record(TapeEvent::kNoStanza, now);
    return end(Code::kMalformed, "the frame holds no stanza");
  }
  on_stanza(stanza, now);
}

void Session::on_bad_stream(FrameProblem problem) {
  record(TapeEvent::kBadStream, problem);
  end(problem_code(problem), problem_text(problem));
}

void Session::on_heard(Moment now) {
  record(TapeEvent::kHeard, now);
  heard(now);
}

void Session::heard(Moment now) {
  heartbeat_.heard(now.monotonic);
  if (awareness_) awareness_->heard(now);
}

void Session::on_stanza(const v1::Stanza& stanza, Moment now) {
  if (state_ == State::kOver || state_ == State::kDraining) return;
  record_stanza(stanza, now);
  heard(now);
  host_.metrics().stanzas.add();
  if (subscriber_) subscriber_->at(now);
  if (stanza.body_case() == v1::Stanza::kPing) return answer_ping(stanza, now);
  if (stanza.body_case() == v1::Stanza::kPong) return on_pong(stanza, now);
  if (stanza.body_case() == v1::Stanza::kIdentity)
    return identify(stanza.id(), stanza.identity(), now);
  if (state_ == State::kChecking) return hold(stanza);
  if (state_ == State::kUnidentified)
    return end(Code::kUnauthenticated, "the first stanza of a session is Identity");
  on_request(stanza, now);
}

void Session::on_request(const v1::Stanza& stanza, Moment now) {
  // Its notice may still be on its way.
  if (is_taken_over()) return on_taken_over();
  const std::uint64_t id = stanza.id();
  switch (stanza.body_case()) {
    case v1::Stanza::kPublish:
      if (publish_pace_) pace(now, stanza.publish().more_size() + 1);
      return publisher().publish(shared_from_this(), id, stanza.publish(), now);
    case v1::Stanza::kRequest:
      if (publish_pace_) pace(now, 1);
      if (!requests_) requests_ = std::make_unique<Requests>(shared_from_this(), host_, outbox_);
      return requests_->ask(shared_from_this(), id, stanza.request(), now);
    case v1::Stanza::kReply:
      return send_reply(*this, id, stanza.reply());
    case v1::Stanza::kSubscribe:
      subscriber().at(now);
      return subscriber().subscribe(shared_from_this(), id, stanza.subscribe());
    case v1::Stanza::kUnsubscribe:
      return subscriber().unsubscribe(*this, id, stanza.unsubscribe());
    case v1::Stanza::kAcknowledge:
      subscriber().acknowledge(*this, id, stanza.acknowledge());
      return subscriber().pump(shared_from_this());
    case v1::Stanza::kReject:
      subscriber().reject(id, stanza.reject());
      return subscriber().pump(shared_from_this());
    case v1::Stanza::kCredit:
      subscriber().add_credit(id, stanza.credit());
      return subscriber().pump(shared_from_this());
    case v1::Stanza::kCreateTopic:
      return create_topic(shared_from_this(), id, stanza.create_topic());
    case v1::Stanza::kAlterTopic:
      return alter_topic(shared_from_this(), id, stanza.alter_topic());
    case v1::Stanza::kReopenTopic:
      return reopen_topic(shared_from_this(), id, stanza.reopen_topic());
    case v1::Stanza::kDescribeTopic:
      return describe_topic(*this, id, stanza.describe_topic());
    case v1::Stanza::kListTopics:
      return list_topics(*this, id, stanza.list_topics());
    case v1::Stanza::kGetEntity:
      return entities().get(shared_from_this(), id, stanza.get_entity());
    case v1::Stanza::kEraseEntity:
      return entities().erase(shared_from_this(), id, stanza.erase_entity());
    case v1::Stanza::kReadEntity:
      return entities().read(shared_from_this(), id, stanza.read_entity());
    case v1::Stanza::kListEntities:
      return entities().list(shared_from_this(), id, stanza.list_entities());
    case v1::Stanza::kSend:
      return mailer().send(shared_from_this(), id, stanza.send(), now);
    case v1::Stanza::kOpenInbox:
      return inboxes().open(shared_from_this(), id, stanza.open_inbox());
    case v1::Stanza::kAcknowledgeInbox:
      return inboxes().acknowledge(shared_from_this(), id, stanza.acknowledge_inbox());
    case v1::Stanza::kMarkRead:
      return inboxes().mark_read(shared_from_this(), id, stanza.mark_read());
    case v1::Stanza::kSendReceipt:
      return inboxes().send_receipt(shared_from_this(), id, stanza.send_receipt());
    case v1::Stanza::kCloseInbox:
      return inboxes().close(id, stanza.close_inbox());
    case v1::Stanza::kSetAwareness:
    case v1::Stanza::kSetActivity:
    case v1::Stanza::kSetLocation:
    case v1::Stanza::kSubscribeAwareness:
    case v1::Stanza::kUnsubscribeAwareness:
    case v1::Stanza::kAnswerAwareness:
    case v1::Stanza::kCancelAwareness:
    case v1::Stanza::kRestrictAwareness:
    case v1::Stanza::kListAwareness:
    case v1::Stanza::kSetAwarenessPrivacy:
    case v1::Stanza::kWatchAwareness:
    case v1::Stanza::kUnwatchAwareness:
    case v1::Stanza::kGetAwareness:
    case v1::Stanza::kReadAwarenessHistory:
    case v1::Stanza::kContactsAt:
      return awareness().on_request(shared_from_this(), stanza, now);
    case v1::Stanza::kProposeOffer:
      return offers().propose(shared_from_this(), id, stanza.propose_offer(), now);
    case v1::Stanza::kActOnOffer:
      return offers().act(shared_from_this(), id, stanza.act_on_offer(), now);
    case v1::Stanza::kWatchOffers:
      return offers().watch(shared_from_this(), id);
    case v1::Stanza::kExplainMessage:
      return inboxes().explain(shared_from_this(), id, stanza.explain_message(), now);
    case v1::Stanza::kListSessions:
      return list_sessions(shared_from_this(), id, stanza.list_sessions());
    case v1::Stanza::kKickSessions:
      return kick_sessions(shared_from_this(), id, stanza.kick_sessions());
    case v1::Stanza::kListDevices:
      return list_devices(*this, id, stanza.list_devices());
    case v1::Stanza::kTokenRefresh:
      return bearer_.refresh(shared_from_this(), id, stanza.token_refresh());
    case v1::Stanza::kTokenRevoke:
      return bearer_.revoke(shared_from_this(), id, stanza.token_revoke());
    case v1::Stanza::BODY_NOT_SET:
      return outbox_.send_error(id, Code::kUnimplemented,
                                "a stanza of a kind that this server does not know");
    default:
      return outbox_.send_error(id, Code::kInvalidArgument, "a stanza that only a server sends");
  }
}

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
  // A replay counts nobody.
  std::optional<EntityCount::Entry> entry;
  const bool is_let_in = learn(host_, [&] {
    entry = host_.entities().add(bearer_.grant().eid);
    return entry.has_value();
  });
  if (!is_let_in) {
    host_.metrics().hit(Limit::kSessionsPerEntity);
    come_back_after(limits::kComeBackAfter);
    return end(Code::kResourceExhausted, "limits.sessions_per_entity is reached");
  }
  if (entry) entry_ = std::move(*entry);
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

// A call is over before anybody could take its place, and has no place to take.
bool Session::take_device() {
  if (bearer_.device().empty()) return true;
  // 0: it takes none; nothing: there is no room.
  const auto epoch = learn(host_, [this]() -> std::optional<std::uint64_t> {
    if (host_.registry() == nullptr || (peer_ != nullptr && peer_->facts().is_call)) return 0;
    seat_ = std::make_unique<DeviceSeat>(
        shared_from_this(), host_,
        DeviceKey{.eid = bearer_.grant().eid, .device = bearer_.device()});
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

Heartbeat::Bounds Session::heartbeat_bounds() const {
  return {.least = host_.limits().heartbeat_least, .most = host_.limits().heartbeat};
}

void Session::on_pong(const v1::Stanza& stanza, Moment now) {
  const auto took = heartbeat_.answered(now.monotonic, heartbeat_bounds());
  if (!took) return;
  SessionMetrics& metrics = host_.metrics();
  metrics.round_trip.observe(static_cast<std::uint64_t>(took->count()));
  if (stanza.pong().received_at_us() == 0) return;
  heartbeat_.compare_clocks(stanza.pong().sent_at_us(), stanza.pong().received_at_us(), *took);
  const std::int64_t ahead = heartbeat_.clock_offset_us();
  const std::uint64_t apart =
      ahead < 0 ? 0 - static_cast<std::uint64_t>(ahead) : static_cast<std::uint64_t>(ahead);
  constexpr std::uint64_t kNanosecondsInOne = 1000;
  metrics.clock_offset.observe(std::min(apart, UINT64_MAX / kNanosecondsInOne) * kNanosecondsInOne);
}

void Session::answer_ping(const v1::Stanza& stanza, Moment now) {
  v1::Stanza answer;
  answer.set_id(stanza.id());
  answer.mutable_pong()->set_sent_at_us(stanza.ping().sent_at_us());
  answer.mutable_pong()->set_received_at_us(micros(now.wall));
  outbox_.send(answer);
}

void Session::on_advanced(engine::TopicId topic, engine::PartitionId partition,
                          engine::Offset end) {
  record(TapeEvent::kAdvanced, topic, partition, end);
  if (state_ == State::kOpen && subscriber_)
    subscriber_->on_advanced(shared_from_this(), topic, partition, end);
}

void Session::on_sent(std::size_t bytes) {
  record(TapeEvent::kSent, bytes);
  const bool had_room = outbox_.has_room();
  outbox_.on_sent(bytes);
  if (had_room || !outbox_.has_room()) return;
  host_.metrics().hit(Limit::kOutput);
  if (state_ != State::kOpen) return;
  if (subscriber_) subscriber_->pump(shared_from_this());
  if (inboxes_) inboxes_->pump(shared_from_this());
  if (awareness_) awareness_->pump();
  if (offers_) offers_->pump();
}

void Session::on_tick(Moment now) {
  record(TapeEvent::kTick, now);
  if (state_ == State::kOver) return;
  if (state_ == State::kUnidentified) {
    if (now.monotonic - arrival_->began >= host_.limits().identify_within) {
      host_.metrics().hit(Limit::kIdentifyWithin);
      end(Code::kTimeout, "no Identity in time");
    }
    return;
  }
  if (state_ == State::kChecking) return;
  if (const auto ending = bearer_.on_tick(now)) return end(ending->code, ending->message);
  if (publish_pace_) publish_pace_->refill(now.monotonic);
  if (subscriber_) {
    subscriber_->at(now);
    if (state_ == State::kOpen) subscriber_->on_tick(shared_from_this());
  }
  if (requests_) requests_->on_tick(now);
  // A peer from which nothing is read is not silent.
  if (!takes_input()) return heard(now);
  look_for_life(now);
}

void Session::look_for_life(Moment now) {
  switch (heartbeat_.next(now.monotonic, heartbeat_bounds())) {
    case Heartbeat::Due::kNothing:
      return;
    case Heartbeat::Due::kGone:
      host_.metrics().hit(Limit::kHeartbeat);
      return end(Code::kTimeout, "nothing was heard for two heartbeats");
    case Heartbeat::Due::kPing: {
      v1::Stanza ping;
      ping.mutable_ping()->set_sent_at_us(micros(now.wall));
      return outbox_.send(ping);
    }
  }
}

void Session::pace(Moment now, int records) {
  const bool was_spent = publish_pace_->is_spent();
  for (int i = 0; i < records; ++i) publish_pace_->take(now.monotonic);
  if (!was_spent && publish_pace_->is_spent()) host_.metrics().hit(Limit::kPublishRate);
}

void Session::on_farewell(const Farewell& farewell) {
  record(TapeEvent::kFarewell, farewell.leave_within, farewell.come_back_after);
  come_back_after(farewell.come_back_after);
  if (state_ != State::kOpen) return;
  v1::Stanza stanza;
  stanza.mutable_draining()->set_leave_within_ms(
      static_cast<std::uint32_t>(farewell.leave_within.count()));
  outbox_.send(stanza);
}

void Session::on_drain() {
  record(TapeEvent::kDrain);
  if (state_ == State::kOver) return;
  state_ = State::kDraining;
  stop_delivering();
  on_answered();
}

void Session::stop_delivering() {
  if (subscriber_) subscriber_->close(*this);
  if (inboxes_) inboxes_->close_all();
  requests_.reset();
  if (awareness_) awareness_->leave(leaving_of(ended_with_));
  if (offers_) offers_->close();
}

void Session::on_answered() {
  const bool is_done = publishes_in_flight() == 0 && (!mailer_ || mailer_->in_flight() == 0) &&
                       (!awareness_ || awareness_->in_flight() == 0);
  if (state_ == State::kDraining && is_done) end(Code::kUnavailable, "the server is stopping");
}

void Session::on_stalled() {
  record(TapeEvent::kStalled);
  remember(Code::kTimeout, "it took nothing for limits.write_stall");
}

void Session::on_reply(const ReplyLetter& letter) {
  if (requests_) requests_->deliver(letter);
}

void Session::drop_request(std::uint64_t correlation) {
  if (requests_) requests_->drop(correlation);
}

void Session::on_taken_over() {
  end(Code::kTakenOver, "a newer session of this device has taken its place");
}

void Session::kick(std::string_view why) {
  record(TapeEvent::kKick, std::string(why));
  end(Code::kKicked, why);
}

void Session::on_disconnected() {
  record(TapeEvent::kDisconnected);
  remember(Code::kUnspecified, "the peer ended the connection");
  state_ = State::kOver;
  entry_ = {};
  seat_.reset();
  device_epoch_ = 0;
  stop_delivering();
}

SessionFacts Session::facts() const {
  SessionFacts facts{.id = id_,
                     .eid = bearer_.grant().eid,
                     .device = bearer_.device(),
                     .opened_at = opened_at_,
                     .subscriptions = subscriber_ ? subscriber_->count() : 0,
                     .publishes_in_flight = publishes_in_flight(),
                     .output_bytes = outbox_.waiting(),
                     .round_trip_us = heartbeat_.round_trip_us(),
                     .clock_offset_us = heartbeat_.clock_offset_us(),
                     .heartbeat = std::chrono::duration_cast<std::chrono::milliseconds>(
                         heartbeat_.interval(heartbeat_bounds()))};
  if (peer_ != nullptr) {
    PeerFacts peer = peer_->facts();
    facts.transport = peer.transport;
    facts.address = std::move(peer.address);
  }
  return facts;
}

// Strangers and calls are not: there may be any number of them.
void Session::remember(Code code, std::string_view why) {
  if (!std::exchange(is_known_, false) || (peer_ != nullptr && peer_->facts().is_call)) return;
  SessionFacts ended = facts();
  ended.code = code;
  ended.message = why;
  host_.closed_sessions().add(std::move(ended));
}

bool Session::takes_input() const {
  return (state_ == State::kUnidentified || state_ == State::kOpen) && !outbox_.is_overfull() &&
         !(publisher_ && publisher_->is_full()) && !(publish_pace_ && publish_pace_->is_spent());
}

void Session::end(Code code, std::string_view message) {
  if (state_ == State::kOver) return;
  outbox_.send_goodbye({.code = code,
                        .message = message,
                        .retry_after = std::chrono::milliseconds(come_back_after_ms_)});
  state_ = State::kOver;
  ended_with_ = code;
  host_.metrics().ended(code);
  remember(code, message);
  stop_delivering();
}

}  // namespace bimip::frontend
