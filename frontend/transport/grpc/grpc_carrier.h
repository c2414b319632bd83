// A connection of the gRPC port: HTTP/2, which gRPC speaks, with a guard before it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "frontend/session/session_metrics.h"
#include "frontend/transport/carrier.h"
#include "frontend/transport/grpc/http2_guard.h"

namespace boost::asio {
class io_context;  // NOLINT: not our name
}

namespace bimip::frontend {

class PeerAddresses;
class ServerPipe;

// What the carriers of a port share. Thread-safe; outlives them.
struct GrpcGate {
  GuardsShared& shared;
  GuardEndCounts& ends;
  PeerAddresses& peers;
  // gRPC's end of a connection, which it owns from then on.
  std::function<void(int descriptor)> serve;
};

// As Carrier. gRPC hears of the connection once its client has said what HTTP/2 begins with. Bytes
// are handed on as they come; those for which there is no room on the other side wait, one read's
// worth each way, and nothing is read before they have gone.
class GrpcCarrier final : public Carrier {
 public:
  // `context` is its thread's.
  GrpcCarrier(const GrpcGate& gate, boost::asio::io_context& context, SessionMetrics& metrics,
              Moment now);
  ~GrpcCarrier() override;

  void set_peer(Peer& peer) override { peer_ = &peer; }
  void on_bytes(std::span<char> bytes, Moment now) override;
  void on_sent(std::size_t bytes) override;
  void on_tick(Moment now) override;
  // gRPC's Shutdown ends it, when its calls are over.
  void on_drain() override {}
  void on_closed() override;
  [[nodiscard]] bool has_output() const override { return !output_.empty(); }
  [[nodiscard]] std::string take_output() override;
  [[nodiscard]] bool takes_input() const override;
  [[nodiscard]] bool is_over() const override { return over_; }
  [[nodiscard]] std::string_view name() const override { return "grpc"; }
  [[nodiscard]] const char* application_protocol() const override { return "h2"; }
  [[nodiscard]] Session* session() override { return nullptr; }
  [[nodiscard]] bool outlasts_drain() const override { return true; }
  [[nodiscard]] bool is_left() const override;

 private:
  void take(std::span<const char> bytes, Moment now);
  void open_pipe();
  void send_to_server(std::span<const char> bytes);
  void await_room();
  void await_output();
  void read_from_server();
  void end(GuardEnd why, std::chrono::nanoseconds now);
  void say_goodbye();
  void leave_server();

  const GrpcGate& gate_;
  boost::asio::io_context& context_;
  SessionMetrics& metrics_;
  Peer* peer_ = nullptr;
  Http2Guard guard_;
  std::unique_ptr<ServerPipe> pipe_;  // null: gRPC has not heard of it yet
  std::string unguarded_;             // from the client; the guard lets it wait
  std::string to_server_;             // the guard let it pass
  std::string output_;                // for the client
  std::size_t unsent_ = 0;            // of what take_output() gave
  std::chrono::nanoseconds since_;    // it began, had a call, or is to end
  std::uint32_t last_stream_ = 0;     // at the last tick
  std::optional<GuardEnd> why_;       // it is to end, as soon as the server's frame has
  bool speaks_http_ = false;          // what it began with instead of HTTP/2
  bool waits_ = false;                // as the guard's must_wait()
  bool over_ = false;
};

}  // namespace bimip::frontend
