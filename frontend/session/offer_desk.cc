#include "frontend/session/offer_desk.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/offers/offer_record.h"
#include "frontend/services/offers/offer_words.h"
#include "frontend/services/once_name.h"
#include "frontend/session/notices.h"
#include "frontend/session/session.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/tape.h"
#include "frontend/stanza/category.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

constexpr std::string_view kKindDefault = "call";
constexpr std::string_view kPermission = "offer";

std::optional<OfferAction> action_of(v1::OfferAction action) {
  switch (action) {
    case v1::OFFER_ACTION_RING:
      return OfferAction::kRing;
    case v1::OFFER_ACTION_ACCEPT:
      return OfferAction::kAccept;
    case v1::OFFER_ACTION_REJECT:
      return OfferAction::kReject;
    case v1::OFFER_ACTION_CANCEL:
      return OfferAction::kCancel;
    case v1::OFFER_ACTION_UPDATE:
      return OfferAction::kUpdate;
    case v1::OFFER_ACTION_END:
      return OfferAction::kEnd;
    default:
      return std::nullopt;
  }
}

// Empty: nothing is wrong with it.
std::string fault_of(const v1::ProposeOffer& propose) {
  if (propose.offer_id().empty() || propose.offer_id().size() > limits::kMessageIdBytesMax)
    return "offer_id: has 1 to 128 bytes";
  if (propose.to().empty() || propose.to().size() > limits::kEidBytesMax)
    return "to: an eid has 1 to 256 bytes";
  if (!propose.kind().empty() && !is_category_name(propose.kind()))
    return "kind: 1 to 32 lower-case letters, digits and hyphens";
  const std::chrono::milliseconds waits(propose.expires_in_ms());
  if (propose.expires_in_ms() != 0 &&
      (waits < limits::kOfferWaitsMin || waits > limits::kOfferLastsMax))
    return "expires_in_ms: from 1,000 to 86,400,000";
  return {};
}

// Others may hear it: who knows a session's id can answer its requests.
std::string name_of(const Session& session) { return once_name({"session", session.id()}); }

}  // namespace

class OfferDesk::Answer final : public SessionRequest {
 public:
  Answer(std::shared_ptr<Session> session, std::uint64_t id)
      : SessionRequest(std::move(session)), id_(id) {}
  // On any thread.
  void came(std::expected<OfferRef, OfferRefusal> result) {
    result_ = result ? Result(wire_of(**result)) : std::unexpected(std::move(result.error()));
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& from) override { result_ = get<Result>(from); }
  void deliver(Moment) override { session()->offers().on_answered(*this); }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  using Result = std::expected<v1::Offer, OfferRefusal>;
  [[nodiscard]] const Result& result() const { return result_; }

 private:
  const std::uint64_t id_;
  Result result_{};  // as it goes to the peer
};

class OfferDesk::News final : public SessionRequest {
 public:
  explicit News(std::shared_ptr<Session> session) : SessionRequest(std::move(session), Unasked{}) {}
  void save(TapeWriter& to) const override { put(to, NoticeKind::kOffer); }
  void restore(TapeReader&) override {}
  void deliver(Moment) override { session()->offers().on_news(); }
};

std::unique_ptr<SessionRequest> OfferDesk::make_news(const std::shared_ptr<Session>& session) {
  return std::make_unique<News>(session);
}

// The newest of each offer that was not told yet.
class OfferDesk::Seat final : public OfferListener {
 public:
  Seat(const std::shared_ptr<Session>& session, SessionHost& host, std::string eid)
      : session_(session), host_(host), eid_(std::move(eid)) {}
  ~Seat() override {
    frontend::tell(host_, [this] { host_.offers().unwatch(eid_, *this); }, eid_);
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // What is there comes like what is new; how many there are.
  [[nodiscard]] std::size_t begin() {
    const std::vector<OfferRef> there = host_.offers().watch(eid_, *this);
    const engine::MutexLock lock(mutex_);
    for (const OfferRef& offer : there) changed_.try_emplace(offer->key, offer);
    is_told_ = true;
    return there.size();
  }
  // At most one note is on its way.
  void on_changed(OfferRef offer) override {
    {
      const engine::MutexLock lock(mutex_);
      changed_[offer->key] = std::move(offer);
      if (std::exchange(is_told_, true)) return;
    }
    if (std::shared_ptr<Session> session = session_.lock())
      host_.came_back(*std::make_unique<News>(std::move(session)).release());
  }
  // Nothing: there is no more, and the next one is told of.
  [[nodiscard]] OfferRef take() {
    const engine::MutexLock lock(mutex_);
    const auto first = changed_.begin();
    if (first == changed_.end()) {
      is_told_ = false;
      return nullptr;
    }
    OfferRef offer = std::move(first->second);
    changed_.erase(first);
    return offer;
  }

 private:
  const std::weak_ptr<Session> session_;
  SessionHost& host_;
  const std::string eid_;
  engine::Mutex mutex_;
  std::map<OfferKey, OfferRef> changed_ GUARDED_BY(mutex_);
  bool is_told_ GUARDED_BY(mutex_) = false;
};

OfferDesk::OfferDesk(SessionHost& host, Bearer& bearer, Outbox& outbox)
    : host_(host), bearer_(bearer), outbox_(outbox) {}
OfferDesk::~OfferDesk() = default;

void OfferDesk::mix_into(StateHash& hash) const { hash.add(in_flight_).add(seat_ != nullptr); }

void OfferDesk::close() { seat_.reset(); }

bool OfferDesk::may_begin(std::uint64_t id) {
  if (bearer_.grant().eid.empty()) {
    outbox_.send_error(id, Code::kInvalidArgument,
                       "offers are between entities; this session has no eid");
    return false;
  }
  if (in_flight_ < limits::kOfferRequestsMax) return true;
  outbox_.send_error(id, Code::kResourceExhausted,
                     "at most " + std::to_string(limits::kOfferRequestsMax) +
                         " requests about offers are on their way at a time");
  return false;
}

void OfferDesk::ask(const std::shared_ptr<Session>& session, std::uint64_t id, Work work) {
  ++in_flight_;
  auto answer = std::make_unique<Answer>(session, id);
  // The tape keeps the request.
  if (is_replay(host_)) return (void)answer.release();
  work(host_.offers(), [answer = std::move(answer)](auto result) mutable {
    answer.release()->came(std::move(result));
  });
}

void OfferDesk::propose(const std::shared_ptr<Session>& session, std::uint64_t id,
                        const v1::ProposeOffer& propose, Moment now) {
  if (!may_begin(id)) return;
  if (const std::string fault = fault_of(propose); !fault.empty())
    return outbox_.send_error(id, Code::kInvalidArgument, fault);
  if (propose.description().size() > limits::kOfferDescriptionBytesMax)
    return outbox_.send_error(id, Code::kTooLarge, "description: at most 64 KiB");
  if (!bearer_.check(Action::kPublish, std::string(kPermission), id)) return;
  const std::chrono::milliseconds waits = propose.expires_in_ms() == 0
                                              ? std::chrono::milliseconds(limits::kOfferWaits)
                                              : std::chrono::milliseconds(propose.expires_in_ms());
  ask(session, id, [&](OfferService& offers, OfferService::Done done) {
    offers.propose({.key = {.from = bearer_.grant().eid, .id = propose.offer_id()},
                    .from_device = bearer_.device(),
                    .to = propose.to(),
                    .kind = propose.kind().empty() ? std::string(kKindDefault) : propose.kind(),
                    .description = propose.description(),
                    .proposed_at = now.wall,
                    .changed_at = now.wall,
                    .expires_at = now.wall + waits},
                   std::move(done));
  });
}

void OfferDesk::act(const std::shared_ptr<Session>& session, std::uint64_t id,
                    const v1::ActOnOffer& act, Moment now) {
  if (!may_begin(id)) return;
  const std::optional<OfferAction> action = action_of(act.action());
  if (!action) return outbox_.send_error(id, Code::kInvalidArgument, "action: there is no such");
  if (act.description().size() > limits::kOfferDescriptionBytesMax)
    return outbox_.send_error(id, Code::kTooLarge, "description: at most 64 KiB");
  if (act.reason().size() > limits::kOfferReasonBytesMax)
    return outbox_.send_error(id, Code::kTooLarge, "reason: at most 256 bytes");
  ask(session, id, [&](OfferService& offers, OfferService::Done done) {
    offers.move({.from = act.from(), .id = act.offer_id()},
                {.action = *action,
                 .eid = bearer_.grant().eid,
                 .device = bearer_.device(),
                 .session = name_of(*session),
                 .description = act.description(),
                 .reason = act.reason()},
                now.wall, std::move(done));
  });
}

void OfferDesk::on_answered(Answer& answer) {
  --in_flight_;
  if (!answer.result())
    return outbox_.send_error(answer.id(), answer.result().error().code,
                              answer.result().error().why);
  tell(answer.id(), *answer.result());
}

void OfferDesk::tell(std::uint64_t id, const v1::Offer& offer) {
  v1::Stanza stanza;
  stanza.set_id(id);
  *stanza.mutable_offer_changed()->mutable_offer() = offer;
  outbox_.send(stanza);
}

// Listens and looks at once: nothing falls between the two.
void OfferDesk::watch(const std::shared_ptr<Session>& session, std::uint64_t id) {
  if (!may_begin(id)) return;
  seat_ = nullptr;  // who watches already begins anew
  seat_ = std::make_unique<Seat>(session, host_, bearer_.grant().eid);
  v1::Stanza stanza;
  stanza.set_id(id);
  stanza.mutable_offers_watched()->set_offers(
      static_cast<std::uint32_t>(learn(host_, [this] { return seat_->begin(); })));
  outbox_.send(stanza);
  pump();
}

void OfferDesk::pump() {
  while (seat_ && outbox_.has_room()) {
    const auto told = learn(host_, [this]() -> std::optional<v1::Offer> {
      const OfferRef offer = seat_->take();
      return offer ? std::optional(wire_of(*offer)) : std::nullopt;
    });
    if (!told) return;
    tell(0, *told);
  }
}

}  // namespace bimip::frontend
