#include "frontend/identity/token.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "frontend/identity/base64url.h"
#include "frontend/identity/strict_json.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using Json = nlohmann::json;
using std::chrono::microseconds;

constexpr std::size_t kHeaderBytesMax = 1024;
constexpr double kLatestTime = 253402300799.0;  // the last second of the year 9999

// One answer to whatever is wrong before the signature holds: it tells an attacker nothing.
constexpr std::string_view kNotOurs = "the token is not signed with a key of this server";

std::unexpected<TokenRefusal> refuse(std::string reason) {
  return std::unexpected(TokenRefusal{.reason = std::move(reason)});
}

struct Parts {
  std::string_view header;
  std::string_view claims;
  std::string_view signature;
  std::string_view signed_text;  // header and claims as they came
};

std::optional<Parts> split(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return std::nullopt;
  return Parts{.header = token.substr(0, first),
               .claims = token.substr(first + 1, second - first - 1),
               .signature = token.substr(second + 1),
               .signed_text = token.substr(0, second)};
}

// The key that the header names, if the header is one of ours: `alg` is the key's, nothing asks for
// another key (jwk, jku, x5c, x5u) or other rules (crit, b64, zip, cty: a nested token).
const TokenKey* key_of(std::string_view encoded, const KeySet& keys) {
  if (encoded.size() > kHeaderBytesMax) return nullptr;
  const auto text = from_base64url(encoded);
  const auto header = text ? parse_strict_object(*text) : std::nullopt;
  if (!header) return nullptr;
  for (const auto& [name, value] : header->items()) {
    if ((name != "alg" && name != "kid" && name != "typ") || !value.is_string()) return nullptr;
  }
  const std::string type = header->value("typ", "JWT");
  if (type != "JWT" && type != "at+jwt") return nullptr;
  const TokenKey* key = keys.find(header->value("kid", ""));
  if (key == nullptr || header->value("alg", "") != name_of(key->algorithm())) return nullptr;
  return key;
}

// 1 to `most` bytes of text without control characters.
bool is_name(const Json& claims, const char* name, std::size_t most) {
  const auto at = claims.find(name);
  if (at == claims.end() || !at->is_string()) return false;
  const auto& text = at->get_ref<const std::string&>();
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  };
  // U+0080 to U+009F are control characters too.
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\xC2' && static_cast<unsigned char>(text[i + 1]) < 0xA0) return false;
  }
  return !text.empty() && text.size() <= most && std::ranges::none_of(text, is_control);
}

enum class Needed : std::uint8_t { kNo, kYes };

// A NumericDate. False when it is there and none, or is needed and missing.
bool take_time(const Json& claims, const char* name, Needed needed,
               std::optional<engine::Timestamp>& into) {
  const auto at = claims.find(name);
  if (at == claims.end()) return needed == Needed::kNo;
  if (!at->is_number()) return false;
  const auto seconds = at->get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLatestTime) return false;
  into = engine::Timestamp(microseconds(static_cast<std::int64_t>(seconds * 1e6)));
  return true;
}

std::string ago(engine::Timestamp then, engine::Timestamp now) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now - then).count()) +
         " s ago";
}

std::expected<void, TokenRefusal> check_times(const Json& claims, const TokenRules& rules,
                                              engine::Timestamp now, TokenFacts& token) {
  std::optional<engine::Timestamp> not_before;
  std::optional<engine::Timestamp> expires_at;
  if (!take_time(claims, "exp", Needed::kYes, expires_at))
    return refuse("the token has no exp that is a time");
  if (!take_time(claims, "nbf", Needed::kNo, not_before))
    return refuse("the token's nbf is no time");
  if (!take_time(claims, "iat", Needed::kNo, token.issued_at))
    return refuse("the token's iat is no time");
  token.expires_at = *expires_at;
  if (now >= token.expires_at + rules.clock_skew)
    return refuse("the token has expired " + ago(token.expires_at, now));
  if (not_before && now + rules.clock_skew < *not_before)
    return refuse("the token is not valid yet");
  if (token.issued_at && now + rules.clock_skew < *token.issued_at)
    return refuse("the token is issued in the future");
  if (token.expires_at - now > rules.life_max + rules.clock_skew)
    return refuse("the token lives longer than this server allows");
  return {};
}

bool names_audience(const Json& claims, const std::string& audience) {
  const auto at = claims.find("aud");
  if (at == claims.end()) return false;
  if (at->is_string()) return *at == audience;
  if (!at->is_array()) return false;
  const bool all_text = std::ranges::all_of(*at, [](const Json& each) { return each.is_string(); });
  return all_text && std::ranges::find(*at, Json(audience)) != at->end();
}

// A list of patterns, each short, all of them few.
bool take_patterns(const Json& permissions, const char* name, std::vector<std::string>& into) {
  const auto at = permissions.find(name);
  if (at == permissions.end()) return true;
  if (!at->is_array() || at->size() > limits::kPatternsMax) return false;
  for (const Json& pattern : *at) {
    if (!pattern.is_string()) return false;
    into.push_back(pattern.get<std::string>());
    if (into.back().empty() || into.back().size() > limits::kPatternBytesMax) return false;
  }
  return true;
}

bool take_permissions(const Json& claims, Permissions& into) {
  const auto at = claims.find("bimip");
  if (at == claims.end()) return true;
  if (!at->is_object()) return false;
  for (const auto& [name, value] : at->items()) {
    if (name == "operator" && value.is_boolean()) {
      into.is_operator = value.get<bool>();
    } else if (name != "publish" && name != "subscribe" && name != "admin") {
      return false;  // a permission or a bound that this server would not keep
    }
  }
  return take_patterns(*at, "publish", into.publish) &&
         take_patterns(*at, "subscribe", into.subscribe) && take_patterns(*at, "admin", into.admin);
}

std::expected<Grant, TokenRefusal> check_claims(const Json& claims, const TokenRules& rules,
                                                engine::Timestamp now,
                                                std::string key_fingerprint) {
  TokenFacts token{.key_fingerprint = std::move(key_fingerprint)};
  if (auto good = check_times(claims, rules, now, token); !good)
    return std::unexpected(std::move(good.error()));
  if (claims.value("iss", Json()) != Json(rules.issuer))
    return refuse("the token is from another issuer");
  if (!names_audience(claims, rules.audience)) return refuse("the token is for another audience");
  if (!is_name(claims, "sub", limits::kEidBytesMax))
    return refuse("the token's sub is no EID of 1 to 256 bytes");
  if (!is_name(claims, "jti", limits::kTokenIdBytesMax))
    return refuse("the token has no jti of 1 to 128 bytes");
  if (claims.contains("device") && !is_name(claims, "device", limits::kDeviceBytesMax))
    return refuse("the token's device is no name of 1 to 128 bytes");
  // A token made for something else, a refresh token say, opens no session.
  if (claims.value("type", Json("access")) != Json("access"))
    return refuse("the token is not one for access");
  Permissions permissions;
  if (!take_permissions(claims, permissions))
    return refuse("the token's permissions are not ones that this server knows");
  token.id = claims["jti"].get<std::string>();
  token.device = claims.value("device", "");
  return Grant{.eid = claims["sub"].get<std::string>(),
               .permissions = std::make_shared<const Permissions>(std::move(permissions)),
               .token = std::make_shared<const TokenFacts>(std::move(token))};
}

}  // namespace

std::expected<Grant, TokenRefusal> check_token(std::string_view token, const KeySet& keys,
                                               const TokenRules& rules, engine::Timestamp now) {
  if (token.size() > limits::kTokenBytesMax) return refuse("the token is longer than 8192 bytes");
  const auto parts = split(token);
  if (!parts) return refuse("the token is no JWT in the compact form");
  const TokenKey* key = key_of(parts->header, keys);
  if (key == nullptr) return refuse(std::string(kNotOurs));
  const auto signature = from_base64url(parts->signature);
  if (!signature || !key->verifies(parts->signed_text, *signature))
    return refuse(std::string(kNotOurs));
  const auto text = from_base64url(parts->claims);
  const auto claims = text ? parse_strict_object(*text) : std::nullopt;
  if (!claims) return refuse("the token's claims are no JSON object, or have a name twice");
  return check_claims(*claims, rules, now, key->fingerprint());
}

std::string issue_token(const TokenClaims& claims, const TokenKey& key) {
  const auto seconds = [](engine::Timestamp time) {
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  };
  Json body{{"iss", claims.issuer},
            {"aud", claims.audience},
            {"sub", claims.eid},
            {"jti", claims.token_id},
            {"iat", seconds(claims.issued_at)},
            {"nbf", seconds(claims.issued_at)},
            {"exp", seconds(claims.expires_at)}};
  if (!claims.device.empty()) body["device"] = claims.device;
  Json& permissions = body["bimip"] = Json::object();
  for (const Action action : {Action::kPublish, Action::kSubscribe, Action::kAdmin}) {
    const auto& patterns = claims.permissions.of(action);
    if (!patterns.empty()) permissions[std::string(name_of(action))] = patterns;
  }
  if (claims.permissions.is_operator) permissions["operator"] = true;
  const Json header{{"alg", name_of(key.algorithm())}, {"kid", key.kid()}, {"typ", "JWT"}};
  const std::string text = to_base64url(header.dump()) + "." + to_base64url(body.dump());
  return text + "." + to_base64url(key.sign(text));
}

}  // namespace bimip::frontend
