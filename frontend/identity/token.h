// Tokens: JSON Web Tokens (RFC 7519) in the compact form, checked as RFC 8725 asks.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

#include "frontend/identity/grant.h"
#include "frontend/identity/key_set.h"

namespace bimip::frontend {

// What a token must say beside being signed.
struct TokenRules {
  std::string issuer{};
  std::string audience{};
  std::chrono::seconds clock_skew{60};
  // A token that lives longer from now is refused: so long is a revocation kept.
  std::chrono::seconds life_max{30 * 24 * 3600};
};

// Why a token was refused: for its bearer, so without anything of the token or the keys.
struct TokenRefusal {
  std::string reason;
};

// Thread-safe; looks at nothing but its arguments. No byte of the claims is parsed before the
// signature held, and nothing in the token says how it is checked but which of our keys it names.
[[nodiscard]] std::expected<Grant, TokenRefusal> check_token(std::string_view token,
                                                             const KeySet& keys,
                                                             const TokenRules& rules,
                                                             engine::Timestamp now);

// What `bimip token issue` writes.
struct TokenClaims {
  std::string eid{};
  std::string device{};
  std::string token_id{};
  std::string issuer{};
  std::string audience{};
  engine::Timestamp issued_at{};
  engine::Timestamp expires_at{};
  Permissions permissions{};
};
// The key can sign.
[[nodiscard]] std::string issue_token(const TokenClaims& claims, const TokenKey& key);

}  // namespace bimip::frontend
