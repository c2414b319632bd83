// The bytes a session has for its peer.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "frontend/session/host.h"
#include "frontend/stanza/codes.h"
#include "frontend/stanza/framing.h"
#include "frontend/stanza/limits.h"

namespace google::protobuf {
class MessageLite;
}

namespace bimip::frontend {

class StateHash;

struct GoodbyeWords {
  Code code{};
  std::string_view message{};
  std::chrono::milliseconds retry_after{};  // when a client that may come back should
};
// The last stanza of a connection.
void append_goodbye(std::string& into, Framing framing, const GoodbyeWords& words);

// Whole frames, in order, in the framing of what carries them. Bounded by its users: deliveries
// stop while there is no room, and while it is overfull nothing is read from the peer.
// Thread-compatible.
class Outbox {
 public:
  Outbox(Framing framing, SessionHost& host) : host_(host), framing_(framing) {}

  void send(const google::protobuf::MessageLite& stanza);
  // An Error stanza in answer to `id`; 0: of its own accord.
  void send_error(std::uint64_t id, Code code, std::string_view message);
  void send_error(std::uint64_t id, const engine::Error& error) {
    send_error(id, code_of(error.code), error.message);
  }
  // The last one: what is sent after it goes nowhere.
  void send_goodbye(const GoodbyeWords& words) {
    append_goodbye(bytes_, framing_, words);
    ended_ = true;
  }
  [[nodiscard]] Framing framing() const { return framing_; }
  // For those who write frames themselves.
  [[nodiscard]] std::string& bytes() { return bytes_; }

  [[nodiscard]] bool has_room() const { return waiting() < host_.limits().output_bytes; }
  [[nodiscard]] bool is_overfull() const { return waiting() >= 2 * host_.limits().output_bytes; }
  [[nodiscard]] bool is_empty() const { return bytes_.empty(); }
  // Not yet taken by the socket.
  [[nodiscard]] std::size_t waiting() const { return bytes_.size() + taken_; }

  void mix_into(StateHash& hash) const;

  // For the transport: takes what there is, and says later how much of it the socket took.
  [[nodiscard]] std::string take();
  void on_sent(std::size_t bytes) { taken_ -= bytes; }

 private:
  SessionHost& host_;
  std::string bytes_;
  std::size_t taken_ = 0;  // by the transport, and still unsent
  const Framing framing_;
  bool ended_ = false;
};

}  // namespace bimip::frontend
