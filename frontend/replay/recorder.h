// The tape of a server that records.
#pragma once

#include <iosfwd>
#include <string>
#include <unordered_map>

#include "frontend/replay/recording.h"
#include "frontend/session/tape.h"

namespace bimip::frontend {

// Owner-thread only. Bounded on the disk by `bytes_max`; once that is reached, or something cannot
// be written, it only takes part in the sessions' work, and says nothing more.
class Recorder final : public Tape {
 public:
  // `out` outlives it.
  Recorder(std::ostream& out, const RecordingHead& head, std::uint64_t bytes_max);
  // What was recorded goes to `out`.
  void flush() { (void)writer_.flush(); }
  // The states of the sessions that are there, and the end.
  void finish();
  // Whether what happens is recorded still.
  [[nodiscard]] bool is_open() const { return writer_.is_open(); }

  void on_began(Session& session, Framing framing, Moment now) override;
  void on_gone(const Session& session) override;
  void on_output(const Session& session, std::string_view bytes) override;
  [[nodiscard]] std::uint64_t on_request(SessionRequest& request) override;
  void on_request_gone(SessionRequest&) override {}
  void on_came_back(const SessionRequest& request, Moment now) override;

 private:
  struct Known {
    std::uint64_t number = 0;
    std::uint64_t inputs = 0;
  };
  void on_input(const Session& session, TapeEvent event, const std::string& words) override;
  void on_learnt(const std::string& words) override;
  std::string next_learnt() override;
  void on_unreadable() override {}
  void on_generation(std::uint64_t generation) override;
  std::uint64_t next_generation() override;
  void on_takeover() override;
  bool next_takeover() override;
  void on_asked(std::string_view words) override;
  void add_state(const Session& session, std::uint64_t number);

  RecordingWriter writer_;
  std::unordered_map<const Session*, Known> sessions_;
  std::uint64_t last_session_ = 0;
  std::uint64_t last_request_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace bimip::frontend
