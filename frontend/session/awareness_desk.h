// A session's part in awareness: what its device says of itself, whom it asks for theirs, whom it
// watches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "frontend/session/host.h"
#include "frontend/session/outbox.h"

namespace bimip::v1 {
class AwarenessView;
class Stanza;
}  // namespace bimip::v1

namespace bimip::frontend {

class TapedAwareness;
class AwarenessListener;
class Bearer;
class StateHash;
struct SeatOf;
struct Seen;
struct Told;
enum class ConsentAct : std::uint8_t;
enum class Leaving : std::uint8_t;

// Owner-thread only. At most one push is on its way to the peer's socket; what happens meanwhile
// waits at the service, as marks.
class AwarenessDesk {
 public:
  // `device`: what the session's device is called there.
  AwarenessDesk(SessionHost& host, Bearer& bearer, Outbox& outbox, std::string device);
  ~AwarenessDesk();

  // Any of the stanzas of awareness that a client sends.
  void on_request(const std::shared_ptr<Session>& session, const v1::Stanza& stanza, Moment now);
  // The peer showed a sign of life.
  void heard(Moment now);
  // There is room in the outbox again.
  void pump();
  // Requests that were taken and are not answered.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  // The session is over.
  void leave(Leaving leaving);

  class Answer;
  class Push;
  void on_answer(Answer& answer);
  void on_told(const v1::Stanza& stanza);
  // For a replay.
  [[nodiscard]] static std::unique_ptr<SessionRequest> make_push(
      const std::shared_ptr<Session>& session);
  void mix_into(StateHash& hash) const;

 private:
  class Ear;
  using Work = std::move_only_function<void(TapedAwareness&, Moment, std::unique_ptr<Answer>)>;
  [[nodiscard]] SeatOf seat(const std::shared_ptr<Session>& session, Moment now);
  // Does it at the service; the answer is to come back.
  void ask(const std::shared_ptr<Session>& session, std::uint64_t id, Work work);
  [[nodiscard]] bool refuse(std::uint64_t id, const std::string& fault);
  void set_state(const std::shared_ptr<Session>& session, const v1::Stanza& stanza, Moment now);
  void set_activity(const std::shared_ptr<Session>& session, const v1::Stanza& stanza, Moment now);
  void set_location(const std::shared_ptr<Session>& session, const v1::Stanza& stanza, Moment now);
  void relate(const std::shared_ptr<Session>& session, std::uint64_t id, ConsentAct act,
              const std::string& other);
  void restrict(const std::shared_ptr<Session>& session, const v1::Stanza& stanza);
  void list(const std::shared_ptr<Session>& session, const v1::Stanza& stanza);
  void set_privacy(const std::shared_ptr<Session>& session, const v1::Stanza& stanza);
  void watch(const std::shared_ptr<Session>& session, const v1::Stanza& stanza, Moment now);
  void unwatch(const std::shared_ptr<Session>& session, const v1::Stanza& stanza);
  void get(const std::shared_ptr<Session>& session, const v1::Stanza& stanza);
  void read_history(const std::shared_ptr<Session>& session, const v1::Stanza& stanza);
  void look_back(const std::shared_ptr<Session>& session, const v1::Stanza& stanza);

  SessionHost& host_;
  Bearer& bearer_;
  Outbox& outbox_;
  const std::string device_;
  std::shared_ptr<Ear> ear_;  // once it has a seat
  std::uint64_t seat_ = 0;    // 0: none
  std::size_t in_flight_ = 0;
  bool is_full_ = false;  // told, and there was no room: the service waits for us
};

}  // namespace bimip::frontend
