#include "frontend/session/bearer.h"

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/tokens/token_service.h"
#include "frontend/session/session.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"

namespace bimip::frontend {
namespace {

constexpr std::size_t kRevocationsInFlightMax = 16;
constexpr std::size_t kReasonBytesMax = 256;

// The revocation asked for; nothing when it is none that can be.
std::optional<Revocation> revocation_of(const v1::TokenRevoke& asked, const Grant& by) {
  Revocation revocation{.eid = asked.eid().empty() ? by.eid : asked.eid(),
                        .revoked_by = by.eid,
                        .reason = asked.reason()};
  switch (asked.which_case()) {
    case v1::TokenRevoke::kTokenId:
      revocation.scope = RevocationScope::kToken;
      revocation.name = asked.token_id();
      break;
    case v1::TokenRevoke::kDevice:
      revocation.scope = RevocationScope::kDevice;
      revocation.name = asked.device();
      break;
    case v1::TokenRevoke::kAll:
      break;
    case v1::TokenRevoke::WHICH_NOT_SET:
      return std::nullopt;
  }
  const bool is_whole =
      revocation.scope == RevocationScope::kEntity ? asked.all() : !revocation.name.empty();
  if (!is_whole || revocation.name.size() > limits::kTokenIdBytesMax ||
      revocation.eid.size() > limits::kEidBytesMax ||
      revocation.eid.find('\0') != std::string::npos || revocation.reason.size() > kReasonBytesMax)
    return std::nullopt;
  return revocation;
}

}  // namespace

// A token on its way to being checked.
class TokenCheck final : public SessionRequest {
 public:
  enum class Purpose : std::uint8_t { kIdentity, kRefresh };
  TokenCheck(std::shared_ptr<Session> session, std::uint64_t id, Purpose purpose, std::string token)
      : SessionRequest(std::move(session)), id_(id), purpose_(purpose), token_(std::move(token)) {}
  void run() {
    result_ = session()->host().tokens()->check(token_);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& from) override {
    result_ = get<std::expected<Grant, TokenRefusal>>(from);
  }
  void deliver(Moment now) override {
    if (purpose_ == Purpose::kIdentity) return session()->on_identified(id_, *this, now);
    session()->bearer().on_refreshed(session(), *this);
  }

 private:
  friend class Bearer;
  const std::uint64_t id_;
  const Purpose purpose_;
  const std::string token_;
  std::string eid_{};  // as Identity says; empty: as the token says
  std::string device_{};
  std::expected<Grant, TokenRefusal> result_{};
};

// A revocation on its way to being durable.
class TokenRevocation final : public SessionRequest {
 public:
  TokenRevocation(std::shared_ptr<Session> session, std::uint64_t id)
      : SessionRequest(std::move(session)), id_(id) {}
  void finish(engine::Result<engine::Timestamp> result) {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override {
    result_ = get<engine::Result<engine::Timestamp>>(told);
  }
  void deliver(Moment) override { session()->bearer().on_revoked(*this); }

 private:
  friend class Bearer;
  const std::uint64_t id_;
  engine::Result<engine::Timestamp> result_{};
};

std::expected<Bearer::Known, Ending> Bearer::identify(const std::shared_ptr<Session>& session,
                                                      std::uint64_t id,
                                                      const v1::Identity& identity,
                                                      std::string carried) {
  if (!host_.checks_tokens()) {
    if (identity.eid().empty())
      return std::unexpected(
          Ending{.code = Code::kInvalidArgument, .message = "Identity: an eid has 1 to 256 bytes"});
    device_ = identity.device();
    take({.eid = identity.eid(), .permissions = Permissions::everything()});
    return Known::kNow;
  }
  std::string token = identity.token().empty() ? std::move(carried) : identity.token();
  if (token.empty())
    return std::unexpected(
        Ending{.code = Code::kUnauthenticated, .message = "Identity: there is no token"});
  auto check =
      std::make_unique<TokenCheck>(session, id, TokenCheck::Purpose::kIdentity, std::move(token));
  check->eid_ = identity.eid();
  check->device_ = identity.device();
  check_token(std::move(check));
  return Known::kLater;
}

void Bearer::check_token(std::unique_ptr<TokenCheck> check) {
  host_.run_check([at = check.release()] { at->run(); });
}

std::optional<Ending> Bearer::take_identity(TokenCheck& check) {
  const auto refuse = [](std::string message) {
    return Ending{.code = Code::kUnauthenticated, .message = std::move(message)};
  };
  if (!check.result_) return refuse(std::move(check.result_.error().reason));
  Grant& grant = *check.result_;
  if (!check.eid_.empty() && check.eid_ != grant.eid)
    return refuse("Identity: the eid is not the token's");
  const std::string& of_token = grant.token->device;
  if (!of_token.empty() && !check.device_.empty() && check.device_ != of_token)
    return refuse("Identity: the device is not the token's");
  device_ = of_token.empty() ? check.device_ : of_token;
  take(std::move(grant));
  return look_again();
}

void Bearer::take(Grant grant) {
  access_.reset();
  grant_ = std::move(grant);
  warned_ = false;
  if (grant_.token) ends_at_ = learn(host_, [this] { return host_.tokens()->end_of(grant_); });
}

void Bearer::refresh(const std::shared_ptr<Session>& session, std::uint64_t id,
                     const v1::TokenRefresh& refresh) {
  if (!host_.checks_tokens())
    return outbox_.send_error(id, Code::kUnimplemented, "this server checks no tokens (--dev)");
  if (is_refreshing_)
    return outbox_.send_error(id, Code::kResourceExhausted, "a token is being checked already");
  is_refreshing_ = true;
  check_token(
      std::make_unique<TokenCheck>(session, id, TokenCheck::Purpose::kRefresh, refresh.token()));
}

std::optional<Ending> Bearer::fault_of_fresh(const Grant& grant) const {
  if (grant.eid != grant_.eid)
    return Ending{.code = Code::kPermissionDenied, .message = "the token is for another entity"};
  if (!grant.token->device.empty() && grant.token->device != device_)
    return Ending{.code = Code::kPermissionDenied, .message = "the token is for another device"};
  if (standing_of(grant) != TokenService::Standing::kGood)
    return Ending{.code = Code::kUnauthenticated, .message = "the token was revoked"};
  return std::nullopt;
}

void Bearer::on_refreshed(const std::shared_ptr<Session>& session, TokenCheck& check) {
  is_refreshing_ = false;
  if (!session->is_open()) return;
  if (!check.result_)
    return outbox_.send_error(check.id_, Code::kUnauthenticated, check.result_.error().reason);
  if (const auto fault = fault_of_fresh(*check.result_))
    return outbox_.send_error(check.id_, fault->code, fault->message);
  take(std::move(*check.result_));
  v1::Stanza stanza;
  stanza.set_id(check.id_);
  stanza.mutable_token_refreshed()->set_expires_at_us(micros(grant_.token->expires_at));
  outbox_.send(stanza);
  session->drop_forbidden();
}

void Bearer::revoke(const std::shared_ptr<Session>& session, std::uint64_t id,
                    const v1::TokenRevoke& revoke) {
  if (!host_.checks_tokens())
    return outbox_.send_error(id, Code::kUnimplemented, "this server checks no tokens (--dev)");
  std::optional<Revocation> revocation = revocation_of(revoke, grant_);
  if (!revocation)
    return outbox_.send_error(id, Code::kInvalidArgument,
                              "TokenRevoke names a token_id or a device of 1 to 128 bytes, or all");
  if (revocation->eid != grant_.eid && !grant_.permissions->is_operator)
    return outbox_.send_error(id, Code::kPermissionDenied,
                              "only an operator revokes the tokens of others");
  if (revocations_in_flight_ >= kRevocationsInFlightMax)
    return outbox_.send_error(id, Code::kResourceExhausted, "too many revocations at once");
  ++revocations_in_flight_;
  auto request = std::make_unique<TokenRevocation>(session, id);
  tell(
      host_,
      [&, at = request.release()] {
        host_.tokens()->revoke(*revocation, [at](engine::Result<engine::Timestamp> revoked_at) {
          at->finish(std::move(revoked_at));
        });
      },
      revocation->eid, revocation->scope, revocation->name);
}

void Bearer::on_revoked(const TokenRevocation& revocation) {
  --revocations_in_flight_;
  if (revocation.session()->is_over()) return;
  if (!revocation.result_) {
    const engine::Error& error = revocation.result_.error();
    return outbox_.send_error(revocation.id_, error);
  }
  v1::Stanza stanza;
  stanza.set_id(revocation.id_);
  stanza.mutable_token_revoked()->set_revoked_at_us(micros(*revocation.result_));
  outbox_.send(stanza);
}

bool Bearer::may(Action action, std::string_view topic) {
  if (!access_) access_ = std::make_unique<Access>(grant_.permissions);
  return access_->may(action, topic);
}

bool Bearer::check(Action action, const std::string& topic, std::uint64_t id) {
  if (may(action, topic)) return true;
  outbox_.send_error(id, Code::kPermissionDenied,
                     "no permission '" + std::string(name_of(action)) + "' for '" + topic + "'");
  return false;
}

std::optional<Ending> Bearer::on_tick(Moment now) {
  if (!grant_.token) return std::nullopt;
  if (seen_ != generation()) {
    if (auto ending = look_again()) return ending;
  }
  if (now.wall >= ends_at_)
    return Ending{.code = Code::kTokenExpired, .message = "the session's token has expired"};
  if (warned_ || now.wall + host_.limits().token_warning < grant_.token->expires_at)
    return std::nullopt;
  warned_ = true;
  v1::Stanza stanza;
  v1::TokenExpiring& expiring = *stanza.mutable_token_expiring();
  expiring.set_expires_at_us(micros(grant_.token->expires_at));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(ends_at_ - now.wall);
  expiring.set_remaining_ms(static_cast<std::uint32_t>(left.count()));
  outbox_.send(stanza);
  return std::nullopt;
}

std::uint64_t Bearer::generation() const {
  const auto ask = [this] { return host_.tokens()->generation(); };
  Tape* const tape = host_.tape();
  return tape == nullptr ? ask() : tape->learn_generation(ask);
}

TokenService::Standing Bearer::standing_of(const Grant& grant) const {
  return learn(host_, [&] { return host_.tokens()->standing_of(grant, device_); });
}

void Bearer::mix_into(StateHash& hash) const {
  hash.add(grant_.eid).add(device_).add(seen_).add(grant_.token != nullptr);
  if (grant_.token) hash.add(grant_.token->id).add(micros(grant_.token->expires_at));
  hash.add(warned_).add(is_refreshing_);
  hash.add(revocations_in_flight_).add(grant_.permissions->is_operator);
}

std::optional<Ending> Bearer::look_again() {
  seen_ = generation();
  switch (standing_of(grant_)) {
    case TokenService::Standing::kGood:
      return std::nullopt;
    case TokenService::Standing::kRevoked:
      return Ending{.code = Code::kRevoked, .message = "the token was revoked"};
    case TokenService::Standing::kKeyGone:
      return Ending{.code = Code::kUnauthenticated,
                    .message = "the token's key is not one of this server's any more"};
  }
  return std::nullopt;
}

}  // namespace bimip::frontend
