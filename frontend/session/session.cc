#include "frontend/session/session.h"

#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/awareness/awareness_core.h"
#include "frontend/session/awareness_desk.h"
#include "frontend/session/device_seat.h"
#include "frontend/session/offer_desk.h"
#include "frontend/session/requests.h"
#include "frontend/session/session_commands.h"
#include "frontend/session/session_parts.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/topic_commands.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

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

// A part of a session that is there from the first time on that it is asked for.
template <typename Part, typename... From>
Part& made(std::unique_ptr<Part>& part, From&... from) {
  if (!part) part = std::make_unique<Part>(from...);
  return *part;
}

}  // namespace

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
      if (publish_pace_) pace(now, 1 + static_cast<std::size_t>(stanza.publish().more_size()));
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
      subscriber().acknowledge(shared_from_this(), id, stanza.acknowledge());
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

void Session::pace(Moment now, std::size_t records) {
  const bool was_spent = publish_pace_->is_spent();
  publish_pace_->take(now.monotonic, records);
  if (!was_spent && publish_pace_->is_spent()) host_.metrics().hit(Limit::kPublishRate);
}

void Session::on_reply(const ReplyLetter& letter) {
  if (requests_) requests_->deliver(letter);
}

void Session::drop_request(std::uint64_t correlation) {
  if (requests_) requests_->drop(correlation);
}

bool Session::takes_input() const {
  return (state_ == State::kUnidentified || state_ == State::kOpen) && !outbox_.is_overfull() &&
         !(publisher_ && publisher_->is_full()) && !(publish_pace_ && publish_pace_->is_spent());
}

}  // namespace bimip::frontend
