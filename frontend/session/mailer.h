// Sending messages to entities' inboxes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "frontend/session/host.h"
#include "frontend/session/outbox.h"

namespace bimip::v1 {
class Send;
}

namespace bimip::frontend {

class Bearer;

// Owner-thread only. A message is answered once it, and the copy for the sender's other devices,
// survive power loss; at most limits::kSendsInFlightMax are on their way.
class Mailer {
 public:
  Mailer(SessionHost& host, Bearer& bearer, Outbox& outbox)
      : host_(host), bearer_(bearer), outbox_(outbox) {}

  void send(const std::shared_ptr<Session>& session, std::uint64_t id, const v1::Send& send,
            Moment now);
  // Not yet answered.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

  // The log's answers.
  class Sending;
  void on_stored(Sending& sending, Moment now);

 private:
  // Whether it may be sent; if not, it was told why.
  [[nodiscard]] bool check(std::uint64_t id, const v1::Send& send);

  SessionHost& host_;
  Bearer& bearer_;
  Outbox& outbox_;
  std::size_t in_flight_ = 0;
  std::size_t again_ = 0;  // of them
};

}  // namespace bimip::frontend
