// A client's end of a connection: stanzas over a socket, for programs that wait for one thing at a
// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontend/session/heartbeat.h"
#include "frontend/stanza/framing.h"
#include "tools/client/endpoint.h"

namespace bimip::v1 {
class Stanza;
}

namespace bimip::client {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class TlsClient;

struct ProducerIdentity {
  std::string id;  // 16 bytes; empty: the session publishes without numbers
};

// What the server said of itself and its limits.
struct ServerFacts {
  std::string session_id;
  std::size_t message_bytes_max = 0;
  std::size_t publishes_in_flight_max = 0;
  std::uint32_t credit_max = 0;
  std::chrono::milliseconds heartbeat{0};  // 0: it says none
};

// A file descriptor to be watched beside the socket.
enum class Readable : std::uint8_t { kNo, kYes };

// Owner-thread only. After any error the connection is of no more use. Errors: kIo (the connection
// is gone; another may work), else what a new connection would meet again. A server from which
// nothing comes for a heartbeat is asked, and one that is silent for two is gone.
class Connection {
 public:
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects, says who it is and waits for the Welcome, together within `time`.
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const Endpoint& endpoint,
                                                                const ProducerIdentity& producer,
                                                                std::chrono::milliseconds time);
  [[nodiscard]] const ServerFacts& server() const { return server_; }
  // What the server asked for when it ended the session.
  [[nodiscard]] std::chrono::milliseconds retry_after() const { return retry_after_; }

  // Takes the stanza; it is sent by exchange().
  void send(const v1::Stanza& stanza);
  [[nodiscard]] std::size_t unsent() const { return output_.size() - sent_; }

  using Visit = std::function<void(const v1::Stanza&)>;
  // Sends what it can and calls `visit` for what came, within `wait`; returns early once something
  // came, `also` (a descriptor, -1: none) can be read, or it is time to look after the server. To
  // be called again for as long as anything is to come.
  [[nodiscard]] Result<Readable> exchange(std::chrono::milliseconds wait, int also,
                                          const Visit& visit);
  // The same without waiting, for those who watch descriptor() themselves.
  [[nodiscard]] Status send_some();
  [[nodiscard]] Status receive_some(const Visit& visit);
  [[nodiscard]] int descriptor() const { return socket_; }
  // Sends a request and waits for its answer. The server's Error comes as an error of its own
  // words. `others`: what comes meanwhile.
  [[nodiscard]] Result<v1::Stanza> ask(
      v1::Stanza request, std::chrono::milliseconds time,
      const Visit& others = [](const v1::Stanza&) {});

 private:
  Connection() = default;
  [[nodiscard]] Status connect(const Endpoint& endpoint, Clock::time_point until);
  [[nodiscard]] Status identify(const ProducerIdentity& producer, Clock::time_point until);
  void take(const v1::Stanza& stanza, const Visit& visit);
  void answer(const v1::Stanza& ping);
  void heard();
  void refresh_token();
  [[nodiscard]] Status look_for_life();

  [[nodiscard]] Status encrypt(Clock::time_point until);
  [[nodiscard]] Status receive_once(const Visit& visit);

  Endpoint endpoint_;
  std::unique_ptr<TlsClient> tls_;  // null: plain
  std::string token_;               // shown last
  int socket_ = -1;
  std::string output_;
  std::size_t sent_ = 0;
  frontend::FrameReader frames_{frontend::FrameReader::Begin::kWithFrame};
  ServerFacts server_;
  std::optional<engine::Error> goodbye_;
  std::chrono::milliseconds retry_after_{};
  std::optional<frontend::Heartbeat> heartbeat_{};  // once there is a Welcome that says one
};

// What the server's code means for a client's exit and its next step.
[[nodiscard]] engine::ErrorCode error_code_of(std::uint32_t wire_code);

}  // namespace bimip::client
