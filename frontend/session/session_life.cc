// Session: its time, whether its peer is there, and its end.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "frontend/services/awareness/awareness_core.h"
#include "frontend/session/awareness_desk.h"
#include "frontend/session/closed_sessions.h"
#include "frontend/session/device_seat.h"
#include "frontend/session/offer_desk.h"
#include "frontend/session/requests.h"
#include "frontend/session/session_parts.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

// Who is put out has gone; who lost the connection may be back soon.
Leaving leaving_of(Code ended_with) {
  return ended_with == Code::kKicked || ended_with == Code::kRevoked ? Leaving::kSaid
                                                                     : Leaving::kLost;
}

}  // namespace

Heartbeat::Bounds Session::heartbeat_bounds() const {
  return {.least = host_.limits().heartbeat_least, .most = host_.limits().heartbeat};
}

void Session::on_pong(const v1::Stanza& stanza, Moment now) {
  const v1::Pong& pong = stanza.pong();
  const auto measured = heartbeat_.answered(
      {.sent_at_us = pong.sent_at_us(), .received_at_us = pong.received_at_us()}, now.monotonic,
      heartbeat_bounds());
  if (!measured) return;
  SessionMetrics& metrics = host_.metrics();
  metrics.round_trip.observe(static_cast<std::uint64_t>(measured->round_trip.count()));
  if (!measured->clock_offset_us) return;
  // One clock that was never set would be all that the sum tells.
  const Heartbeat::Time apart = std::chrono::microseconds(
      std::min(std::abs(*measured->clock_offset_us), limits::kClockOffsetCounted.count()));
  metrics.clock_offset.observe(static_cast<std::uint64_t>(apart.count()));
}

void Session::answer_ping(const v1::Stanza& stanza, Moment now) {
  v1::Stanza answer;
  answer.set_id(stanza.id());
  answer.mutable_pong()->set_sent_at_us(stanza.ping().sent_at_us());
  answer.mutable_pong()->set_received_at_us(micros(now.wall));
  outbox_.send(answer);
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
  switch (heartbeat_.next(now, heartbeat_bounds())) {
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
                       (!awareness_ || awareness_->in_flight() == 0) &&
                       (!subscriber_ || subscriber_->acknowledgements() == 0);
  if (state_ == State::kDraining && is_done) end(Code::kUnavailable, "the server is stopping");
}

void Session::on_stalled() {
  record(TapeEvent::kStalled);
  remember(Code::kTimeout, "it took nothing for limits.write_stall");
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
  seat_.reset();
  entry_ = {};
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

// As it was before its Goodbye. Strangers and calls are not: there may be any number of them.
void Session::remember(Code code, std::string_view why) {
  if (!std::exchange(is_known_, false) || (peer_ != nullptr && peer_->facts().is_call)) return;
  SessionFacts ended = facts();
  ended.code = code;
  ended.message = why;
  host_.closed_sessions().add(std::move(ended));
}

void Session::end(Code code, std::string_view message) {
  if (state_ == State::kOver) return;
  remember(code, message);
  outbox_.send_goodbye({.code = code,
                        .message = message,
                        .retry_after = std::chrono::milliseconds(come_back_after_ms_)});
  state_ = State::kOver;
  ended_with_ = code;
  host_.metrics().ended(code);
  stop_delivering();
}

}  // namespace bimip::frontend
