// A session with the server: stanzas there and back over one connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tools/client/heartbeat.h"
#include "tools/client/server_address.h"
#include "tools/client/socket.h"

namespace bimip::v1 {
class Error;
class Stanza;
}  // namespace bimip::v1

namespace bimip::client {

// The server's, from its Welcome.
struct SessionLimits {
  std::size_t frame_bytes_max = 0;
  std::size_t message_bytes_max = 0;
  std::size_t publishes_in_flight_max = 0;
  std::size_t subscriptions_max = 0;
  std::uint32_t credit_max = 0;
};

struct SessionOptions {
  ServerAddress server{};
  // 16 bytes, or none.
  std::string producer_id{};
};

using StanzaHandler = std::function<void(const v1::Stanza&)>;

// Answers Pings and notices a server that went silent. Errors: kIo and kClosed, the connection is
// gone, another may work (see is_passing()); the others: the server will have none of this. After
// an error the session is of no more use. Thread-compatible.
class Session {
 public:
  // Connects, says who is there and hears the Welcome.
  [[nodiscard]] static engine::Result<Session> open(const SessionOptions& options,
                                                    Patience patience);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  [[nodiscard]] const SessionLimits& limits() const { return limits_; }

  // Both wait in memory for flush(). send_frame() takes what append_frame() made.
  void send(const v1::Stanza& stanza);
  void send_frame(std::string_view frame);
  [[nodiscard]] std::size_t unsent_bytes() const { return outbox_.size() - outbox_sent_; }
  // Sends what goes without waiting.
  [[nodiscard]] engine::Status flush();

  // Takes what is there without waiting, and hands over each stanza that is not about the session
  // itself. A handler's reference ends with its call.
  [[nodiscard]] engine::Status receive(const StanzaHandler& handler);
  // Sends a Ping when one is due; kIo when the server is silent for too long.
  [[nodiscard]] engine::Status keep_alive();
  [[nodiscard]] SteadyTime next_keep_alive() const { return heartbeat_.next(); }

  // Sends a request and waits for its answer; what else comes meanwhile goes to `handler`. kBusy:
  // refused for now; kInvalidArgument: refused for good; kIo: no answer came in time.
  [[nodiscard]] engine::Result<std::unique_ptr<v1::Stanza>> call(
      v1::Stanza& request, Patience patience,
      const StanzaHandler& handler = [](const v1::Stanza&) {});

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] std::uint64_t new_request_id() { return ++last_request_id_; }

 private:
  explicit Session(Socket socket);

  [[nodiscard]] engine::Status greet(const SessionOptions& options, Patience patience);
  [[nodiscard]] engine::Status take_frames(const StanzaHandler& handler);
  [[nodiscard]] engine::Status handle(const v1::Stanza& stanza, const StanzaHandler& handler);

  struct Parser;
  Socket socket_;
  std::unique_ptr<Parser> parser_;
  SessionLimits limits_{};
  Heartbeat heartbeat_;
  std::uint64_t last_request_id_ = 0;
  std::string outbox_{};
  std::size_t outbox_sent_ = 0;
  std::string inbox_{};
  std::size_t inbox_bytes_ = 0;  // of inbox_ that were received
};

// The stanza as it goes over the wire, put behind `out`.
void append_frame(const v1::Stanza& stanza, std::string& out);

// Whether trying again later can help.
[[nodiscard]] bool is_passing(const engine::Error& error);
// kBusy or kInvalidArgument, with the server's words.
[[nodiscard]] engine::Error error_of(const v1::Error& refusal);

}  // namespace bimip::client
