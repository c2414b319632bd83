// The tape of a replay: what the sessions were told then, and whether they do what they did.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "frontend/replay/recording.h"
#include "frontend/session/tape.h"

namespace bimip::frontend {

// Where a replay differs from what was recorded.
struct Difference {
  std::uint64_t event = 0;  // from 1
  std::string what{};
};

// Owner-thread only. After a difference, or at the end, everything that is learnt is an error.
class ReplayTape final : public Tape {
 public:
  explicit ReplayTape(RecordingReader reader) : Tape(Mode::kReplays), reader_(std::move(reader)) {}

  [[nodiscard]] const RecordingHead& head() const { return reader_.head(); }
  [[nodiscard]] std::optional<RecordedEvent> next();
  [[nodiscard]] TapeMemory& memory() { return Tape::memory(); }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] bool is_torn() const { return reader_.is_torn(); }
  void differ(std::string what);
  [[nodiscard]] const std::optional<Difference>& difference() const { return difference_; }
  // The request of this number, if it is on its way.
  [[nodiscard]] SessionRequest* pending(std::uint64_t number) const;
  // Nobody waits for any answer any more.
  void forget_pending();

  void on_began(Session&, Framing, Moment) override {}
  void on_gone(const Session&) override {}
  void on_output(const Session&, std::string_view) override {}
  [[nodiscard]] std::uint64_t on_request(SessionRequest& request) override;
  void on_request_gone(SessionRequest& request) override { pending_.erase(request.number()); }
  void on_came_back(const SessionRequest&, Moment) override {}

 private:
  void on_input(const Session&, TapeEvent, const std::string&) override {}
  void on_learnt(const std::string&) override {}
  std::string next_learnt() override;
  void on_unreadable() override {
    if (!ended_) differ("what was learnt is not what is asked for");
  }
  void on_generation(std::uint64_t) override {}
  std::uint64_t next_generation() override;
  void on_takeover() override {}
  bool next_takeover() override;
  void on_asked(std::string_view words) override;
  // The next event is of this kind; else it differs, or the tape has ended.
  [[nodiscard]] bool comes(TapeEvent event);

  RecordingReader reader_;
  std::map<std::uint64_t, SessionRequest*> pending_;
  std::uint64_t last_request_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t events_ = 0;
  bool ended_ = false;  // in the middle of an input
  std::optional<Difference> difference_{};
};

}  // namespace bimip::frontend
