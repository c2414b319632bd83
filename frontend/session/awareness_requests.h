// What a session asks of its node's awareness, on its way there and back. For sources only: it
// includes the stanzas.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/awareness_desk.h"
#include "frontend/session/session.h"
#include "frontend/session/tape_words.h"

namespace bimip::frontend {

// Made on the session's thread, ended on any, answered on the session's.
class AwarenessDesk::Answer final : public SessionRequest {
 public:
  using Fill = std::move_only_function<void(v1::Stanza&)>;
  Answer(std::shared_ptr<Session> session, std::uint64_t id)
      : SessionRequest(std::move(session)), id_(id) {}

  // One of these, once: the answer goes to the session. Without anything to say it says nothing.
  static void end(std::unique_ptr<Answer> answer, Fill fill = {}) {
    answer->fill_ = std::move(fill);
    come_back(std::move(answer));
  }
  static void fail(std::unique_ptr<Answer> answer, engine::Error error) {
    answer->error_ = std::move(error);
    come_back(std::move(answer));
  }
  // What it says is spelled out once, for the tape and for the peer.
  void save(TapeWriter& to) const override {
    put(to, error_);
    std::optional<std::string> said;
    if (fill_) {
      v1::Stanza stanza;
      fill_(stanza);
      said = stanza.SerializeAsString();
      fill_ = says(*said);
    }
    put(to, said);
  }
  void restore(TapeReader& from) override {
    error_ = frontend::get<std::optional<engine::Error>>(from);
    if (auto said = frontend::get<std::optional<std::string>>(from)) fill_ = says(std::move(*said));
  }
  void deliver(Moment) override { session()->awareness().on_answer(*this); }

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::optional<engine::Error>& error() const { return error_; }
  [[nodiscard]] Fill& fill() { return fill_; }

 private:
  static void come_back(std::unique_ptr<Answer> answer) {
    SessionHost& host = answer->session()->host();
    host.came_back(*answer.release());
  }
  static Fill says(std::string bytes) {
    return [bytes = std::move(bytes)](v1::Stanza& into) { (void)into.MergeFromString(bytes); };
  }
  const std::uint64_t id_;
  std::optional<engine::Error> error_{};
  mutable Fill fill_{};
};

}  // namespace bimip::frontend
