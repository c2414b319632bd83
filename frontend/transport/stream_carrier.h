// Bimip over a plain stream: the preface, then frames of a length and a stanza.
#pragma once

#include <memory>
#include <string>

#include "frontend/session/session.h"
#include "frontend/stanza/framing.h"
#include "frontend/transport/carrier.h"

namespace bimip::frontend {

// As Carrier. The session writes its frames as they go out (Framing::kLength), so nothing is copied
// here. Holds no buffer between frames.
class StreamCarrier final : public Carrier {
 public:
  explicit StreamCarrier(std::shared_ptr<Session> session) : session_(std::move(session)) {}

  void on_bytes(std::span<char> bytes, Moment now) override;
  void on_sent(std::size_t bytes) override;
  void on_tick(Moment now) override { session_->on_tick(now); }
  void on_farewell(const Farewell& farewell) override { session_->on_farewell(farewell); }
  void on_drain() override { session_->on_drain(); }
  void on_closed() override { session_->on_disconnected(); }
  [[nodiscard]] bool has_output() const override;
  [[nodiscard]] std::string take_output() override;
  [[nodiscard]] bool takes_input() const override { return !refused_ && session_->takes_input(); }
  [[nodiscard]] bool is_over() const override { return refused_ || session_->is_over(); }
  [[nodiscard]] std::string_view name() const override { return "tcp"; }
  [[nodiscard]] Session* session() override { return session_.get(); }

 private:
  const std::shared_ptr<Session> session_;
  FrameReader frames_{FrameReader::Begin::kWithPreface, limits::kIdentityFrameBytesMax};
  bool refused_ = false;  // the peer speaks something else, and is told so in words
  bool told_ = false;
};

}  // namespace bimip::frontend
