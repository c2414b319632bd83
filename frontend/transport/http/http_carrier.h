// HTTP: one request a connection, answered with a page or with the change to a WebSocket.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "frontend/session/host.h"
#include "frontend/transport/carrier.h"
#include "frontend/transport/http/http_service.h"

namespace bimip::frontend {

// As Carrier. A request has a bounded head, no body, and a bounded time to come, whatever the peer
// sends meanwhile. It holds no session; its successor does.
class HttpCarrier final : public Carrier {
 public:
  HttpCarrier(const HttpService& service, SessionHost& host, Moment now);

  void on_bytes(std::span<char> bytes, Moment now) override;
  void on_sent(std::size_t) override {}
  void on_tick(Moment now) override;
  // A stopping server still answers who asks whether it is ready.
  void on_drain() override {}
  void on_closed() override {}
  [[nodiscard]] bool has_output() const override { return !output_.empty(); }
  [[nodiscard]] std::string take_output() override;
  [[nodiscard]] bool takes_input() const override { return !answered_; }
  [[nodiscard]] bool is_over() const override { return answered_; }
  [[nodiscard]] std::string_view name() const override { return "http"; }
  [[nodiscard]] Session* session() override { return nullptr; }
  [[nodiscard]] std::unique_ptr<Carrier> take_successor() override;

 private:
  void answer(HttpPage page, bool with_body);

  const HttpService& service_;
  SessionHost& host_;
  const std::chrono::nanoseconds began_;
  std::string input_;
  std::string output_;
  bool answered_ = false;
  std::unique_ptr<Carrier> successor_;
};

}  // namespace bimip::frontend
