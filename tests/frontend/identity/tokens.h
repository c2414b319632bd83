// Keys and tokens for tests: sound ones, and ones that an attacker would make.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "frontend/identity/base64url.h"
#include "frontend/identity/token.h"

namespace bimip::testing {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using Json = nlohmann::json;

inline constexpr engine::Timestamp kNow{std::chrono::seconds(1'750'000'000)};
inline constexpr std::int64_t kNowSeconds = 1'750'000'000;

inline TokenRules rules() { return {.issuer = "https://issuer.example", .audience = "bimip"}; }

// One key of each algorithm, made once: "hs", "rs", "es", "ed".
inline const KeySet& keys() {
  static const KeySet made({TokenKey::generate(TokenAlgorithm::kHs256, "hs"),
                            TokenKey::generate(TokenAlgorithm::kRs256, "rs"),
                            TokenKey::generate(TokenAlgorithm::kEs256, "es"),
                            TokenKey::generate(TokenAlgorithm::kEdDsa, "ed")});
  return made;
}

// Claims that hold at kNow.
inline Json claims() {
  return {{"iss", "https://issuer.example"},
          {"aud", "bimip"},
          {"sub", "alice@example.com"},
          {"jti", "token-1"},
          {"iat", kNowSeconds - 10},
          {"nbf", kNowSeconds - 10},
          {"exp", kNowSeconds + 3600},
          {"bimip", {{"publish", {"orders.*"}}, {"subscribe", {"*"}}}}};
}

inline Json header_for(const std::string& kid) {
  return {{"alg", name_of(keys().find(kid)->algorithm())}, {"kid", kid}, {"typ", "JWT"}};
}

// Signed by the key whatever the texts say.
inline std::string signed_with(const TokenKey& key, const std::string& header,
                               const std::string& body) {
  const std::string text = to_base64url(header) + "." + to_base64url(body);
  return text + "." + to_base64url(key.sign(text));
}

inline std::string token_of(const Json& body, const std::string& kid = "ed") {
  return signed_with(*keys().find(kid), header_for(kid).dump(), body.dump());
}

inline std::expected<Grant, TokenRefusal> check(const std::string& token) {
  return check_token(token, keys(), rules(), kNow);
}

// Why it is refused; "accepted" when it is not.
inline std::string verdict(const std::string& token) {
  const auto grant = check(token);
  return grant ? "accepted" : grant.error().reason;
}

inline constexpr const char* kNotOurs = "the token is not signed with a key of this server";

}  // namespace bimip::testing
