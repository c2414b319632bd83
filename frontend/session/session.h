// One connection of one entity's device, as a state machine: stanzas, answers and time in; stanzas
// out. Knows no socket, no thread and no clock, so that what it was told replays to the same
// output.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "frontend/session/bearer.h"
#include "frontend/session/entity_access.h"
#include "frontend/session/entity_count.h"
#include "frontend/session/farewell.h"
#include "frontend/session/heartbeat.h"
#include "frontend/session/host.h"
#include "frontend/session/inboxes.h"
#include "frontend/session/mailer.h"
#include "frontend/session/outbox.h"
#include "frontend/session/pace.h"
#include "frontend/session/peer.h"
#include "frontend/session/publisher.h"
#include "frontend/session/session_facts.h"
#include "frontend/session/subscriber.h"
#include "frontend/session/tape_event.h"
#include "frontend/stanza/framing.h"

namespace bimip::v1 {
class Identity;
class Stanza;
}  // namespace bimip::v1

namespace bimip::frontend {

class AwarenessDesk;
class OfferDesk;
class DeviceSeat;
class Requests;
struct ReplyLetter;

// Owner-thread only. Kept alive by its connection and by its requests on their way. Its memory is
// bounded whatever the peer does: by what takes_input() stops, and by the log keeping what is not
// yet delivered.
class Session : public std::enable_shared_from_this<Session> {
 public:
  // `framing`: how what carries it frames its output.
  Session(SessionHost& host, std::string id, Framing framing, Moment now);
  ~Session();

  // Inputs. A frame holds the bytes of one stanza.
  void on_frame(Bytes frame, Moment now);
  void on_stanza(const v1::Stanza& stanza, Moment now);
  void on_bad_stream(FrameProblem problem);
  // A token that the transport carried, before the first stanza: taken when Identity has none.
  void set_carried_token(std::string token);
  // What the peer sent is no stanza in its carrier's encoding.
  void on_malformed(std::string_view why);
  // The peer showed a sign of life below the stanzas.
  void on_heard(Moment now);
  void on_advanced(engine::TopicId topic, engine::PartitionId partition, engine::Offset end);
  // The socket took so many bytes of what take_output() gave.
  void on_sent(std::size_t bytes);
  // A few times in a second, or less often.
  void on_tick(Moment now);
  // The server is going to stop: says so. on_drain() follows.
  void on_farewell(const Farewell& farewell);
  // It is time to go: says goodbye once what was accepted is answered.
  void on_drain();
  // For the bearer: its token was checked.
  void on_identified(std::uint64_t id, TokenCheck& check, Moment now);
  // The same, anew: what it no longer permits ends.
  void drop_forbidden();
  // For the publisher: another publish was answered.
  void on_answered();
  // The peer takes nothing; on_disconnected() follows.
  void on_stalled();
  // Somebody has replied to one of its requests.
  void on_reply(const ReplyLetter& letter);
  void drop_request(std::uint64_t correlation);
  // A newer session has its device.
  void on_taken_over();
  // Somebody who may do so ends it; why.
  void kick(std::string_view why);
  // The connection is gone. Nothing but answers on their way comes after.
  void on_disconnected();

  // Outputs.
  [[nodiscard]] bool has_output() const { return !outbox_.is_empty(); }
  [[nodiscard]] std::string take_output();
  // Whether the peer may be read from.
  [[nodiscard]] bool takes_input() const;
  // The longest frame that may come next.
  [[nodiscard]] std::size_t frame_bytes_max() const {
    return state_ == State::kUnidentified ? limits::kIdentityFrameBytesMax : limits::kFrameBytesMax;
  }
  // The connection ends once the output was sent.
  [[nodiscard]] bool is_over() const { return state_ == State::kOver; }
  // Has been welcomed, and goes on.
  [[nodiscard]] bool is_open() const { return state_ == State::kOpen; }
  // Why the session ended it; kUnspecified: it did not.
  [[nodiscard]] Code ended_with() const { return ended_with_; }

  // What carries it; null: nothing any more.
  [[nodiscard]] Peer* peer() const { return peer_; }
  void set_peer(Peer* peer) { peer_ = peer; }

  // All that it remembers of what it was told, but for secrets.
  [[nodiscard]] std::uint64_t state_hash() const;
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] SessionFacts facts() const;
  [[nodiscard]] SessionHost& host() { return host_; }
  [[nodiscard]] Outbox& outbox() { return outbox_; }
  [[nodiscard]] Bearer& bearer() { return bearer_; }
  [[nodiscard]] const Bearer& bearer() const { return bearer_; }
  // These are there from the first time on that something is asked of them.
  [[nodiscard]] Publisher& publisher();
  [[nodiscard]] Subscriber& subscriber();
  [[nodiscard]] EntityAccess& entities();
  [[nodiscard]] Mailer& mailer();
  [[nodiscard]] Inboxes& inboxes();
  // For who only looks: what is not there yet is not made.
  [[nodiscard]] std::size_t publishes_in_flight() const {
    return publisher_ ? publisher_->in_flight() : 0;
  }
  [[nodiscard]] const Inboxes* known_inboxes() const { return inboxes_.get(); }
  [[nodiscard]] AwarenessDesk& awareness();
  [[nodiscard]] OfferDesk& offers();

 private:
  enum class State : std::uint8_t { kUnidentified, kChecking, kOpen, kDraining, kOver };
  template <typename... Values>
  void record(TapeEvent event, const Values&... values);
  void record_stanza(const v1::Stanza& stanza, Moment now);
  void heard(Moment now);
  void on_request(const v1::Stanza& stanza, Moment now);
  void identify(std::uint64_t id, const v1::Identity& identity, Moment now);
  void open(std::uint64_t id, Moment now);
  // Whether devices have a place that can be taken.
  [[nodiscard]] bool has_registry() const;
  // False: its entity has as many sessions as it may.
  [[nodiscard]] bool is_let_in();
  // Takes its device, if it has one. False: there are too many.
  [[nodiscard]] bool take_device();
  [[nodiscard]] bool is_taken_over();
  void hold(const v1::Stanza& stanza);
  void welcome(std::uint64_t id, Moment now);
  void on_pong(const v1::Stanza& stanza, Moment now);
  void look_for_life(Moment now);
  [[nodiscard]] Heartbeat::Bounds heartbeat_bounds() const;
  void pace(Moment now, std::size_t records);
  void answer_ping(const v1::Stanza& stanza, Moment now);
  // When its peer should, if it is sent away.
  void come_back_after(std::chrono::milliseconds span) {
    come_back_after_ms_ = static_cast<std::uint32_t>(span.count());
  }
  void stop_delivering();
  void end(Code code, std::string_view message);
  void remember(Code code, std::string_view why);

  SessionHost& host_;
  const std::string id_;
  const engine::Timestamp opened_at_;
  // Small ones lie in what those before them leave over.
  [[no_unique_address]] Heartbeat heartbeat_;
  bool is_known_ = false;  // it was welcomed, and its end is not yet remembered
  State state_ = State::kUnidentified;
  Code ended_with_ = Code::kUnspecified;
  EntityCount::Entry entry_;          // once it has said who it is; the seat's while there is one
  std::unique_ptr<DeviceSeat> seat_;  // of one that has a device
  std::uint64_t device_epoch_ = 0;
  std::unique_ptr<Pace> publish_pace_;  // null: as fast as the log takes them
  Peer* peer_ = nullptr;
  [[no_unique_address]] Outbox outbox_;
  std::uint32_t come_back_after_ms_ = 0;
  Bearer bearer_;
  struct Arrival;
  std::unique_ptr<Arrival> arrival_;  // until it is known who is there
  // Most sessions do few of these things: each is there once it was asked for.
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Subscriber> subscriber_;
  std::unique_ptr<EntityAccess> entities_;
  std::unique_ptr<Mailer> mailer_;
  std::unique_ptr<Inboxes> inboxes_;
  std::unique_ptr<AwarenessDesk> awareness_;
  std::unique_ptr<OfferDesk> offers_;
  std::unique_ptr<Requests> requests_;
};

}  // namespace bimip::frontend
