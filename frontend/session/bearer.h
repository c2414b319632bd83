// Who a session is and what it may do: what its token says, for as long as the token holds.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/identity/grant.h"
#include "frontend/services/tokens/token_service.h"
#include "frontend/session/host.h"
#include "frontend/session/outbox.h"

namespace bimip::v1 {
class Identity;
class TokenRefresh;
class TokenRevoke;
}  // namespace bimip::v1

namespace bimip::frontend {

class StateHash;
class TokenCheck;
class TokenRevocation;

// Why a session ends, or does not begin.
struct Ending {
  Code code;
  std::string message;
};

// Owner-thread only. Tokens are checked on another thread; meanwhile the session stays as it is.
class Bearer {
 public:
  Bearer(SessionHost& host, Outbox& outbox) : host_(host), outbox_(outbox) {}

  // Checks who is there; `carried`: the token that the transport carried, taken when Identity has
  // none. Nothing: it is known at once, since the server checks no tokens. Else
  // Session::on_identified() follows.
  enum class Known : std::uint8_t { kNow, kLater };
  [[nodiscard]] std::expected<Known, Ending> identify(const std::shared_ptr<Session>& session,
                                                      std::uint64_t id,
                                                      const v1::Identity& identity,
                                                      std::string carried);
  // For on_identified(): takes the outcome.
  [[nodiscard]] std::optional<Ending> take_identity(TokenCheck& check);

  void refresh(const std::shared_ptr<Session>& session, std::uint64_t id,
               const v1::TokenRefresh& refresh);
  void revoke(const std::shared_ptr<Session>& session, std::uint64_t id,
              const v1::TokenRevoke& revoke);

  // Whether the session may; else it has been told so, in answer to `id`.
  [[nodiscard]] bool check(Action action, const std::string& topic, std::uint64_t id);
  [[nodiscard]] bool may(Action action, std::string_view topic);
  [[nodiscard]] bool may_any(std::string_view topic) const {
    return grant_.permissions->allow_any(topic);
  }

  // Warns before the token's end; the ending when it has come, and when tokens were revoked or keys
  // taken away and the session's is among them.
  [[nodiscard]] std::optional<Ending> on_tick(Moment now);

  [[nodiscard]] const Grant& grant() const { return grant_; }
  void mix_into(StateHash& hash) const;
  [[nodiscard]] const std::string& device() const { return device_; }

  // Answers.
  void on_refreshed(const std::shared_ptr<Session>& session, TokenCheck& check);
  void on_revoked(const TokenRevocation& revocation);

 private:
  void take(Grant grant);
  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] TokenService::Standing standing_of(const Grant& grant) const;
  [[nodiscard]] std::optional<Ending> look_again();
  [[nodiscard]] std::optional<Ending> fault_of_fresh(const Grant& grant) const;
  void check_token(std::unique_ptr<TokenCheck> check);

  SessionHost& host_;
  Outbox& outbox_;
  Grant grant_{};
  std::string device_{};
  std::unique_ptr<Access> access_{};  // once something was asked for
  engine::Timestamp ends_at_{};       // of a grant that ends: the skew of clocks included
  std::uint64_t seen_ = 0;            // the tokens' generation that it was last looked up in
  std::uint32_t revocations_in_flight_ = 0;
  bool warned_ = false;  // of this token's end
  bool is_refreshing_ = false;
};

}  // namespace bimip::frontend
