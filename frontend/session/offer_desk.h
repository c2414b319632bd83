// A session's offers: proposing, answering, being told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "frontend/services/offers/offer_service.h"
#include "frontend/session/host.h"
#include "frontend/session/outbox.h"

namespace bimip::v1 {
class ActOnOffer;
class Offer;
class ProposeOffer;
}  // namespace bimip::v1

namespace bimip::frontend {

class Bearer;
class StateHash;

// Owner-thread only. What it holds for a peer that reads slowly is the newest of each offer.
class OfferDesk {
 public:
  OfferDesk(SessionHost& host, Bearer& bearer, Outbox& outbox);
  ~OfferDesk();
  OfferDesk(const OfferDesk&) = delete;
  OfferDesk& operator=(const OfferDesk&) = delete;

  void propose(const std::shared_ptr<Session>& session, std::uint64_t id,
               const v1::ProposeOffer& propose, Moment now);
  void act(const std::shared_ptr<Session>& session, std::uint64_t id, const v1::ActOnOffer& act,
           Moment now);
  void watch(const std::shared_ptr<Session>& session, std::uint64_t id);
  // There is room in the outbox again.
  void pump();
  // Nothing is told any more.
  void close();

  // The service's answers and news.
  class Answer;
  class News;
  void on_answered(Answer& answer);
  void on_news() { pump(); }
  // For a replay.
  [[nodiscard]] static std::unique_ptr<SessionRequest> make_news(
      const std::shared_ptr<Session>& session);
  void mix_into(StateHash& hash) const;

 private:
  class Seat;
  // Whether the session may ask, and has room for another request; if not, it was told.
  [[nodiscard]] bool may_begin(std::uint64_t id);
  void tell(std::uint64_t id, const v1::Offer& offer);
  using Work = std::move_only_function<void(OfferService&, OfferService::Done)>;
  void ask(const std::shared_ptr<Session>& session, std::uint64_t id, Work work);

  SessionHost& host_;
  Bearer& bearer_;
  Outbox& outbox_;
  std::size_t in_flight_ = 0;
  std::unique_ptr<Seat> seat_;  // once it watches
};

}  // namespace bimip::frontend
