// A key that signs or checks tokens, pinned to one algorithm.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace bimip::frontend {

enum class TokenAlgorithm : std::uint8_t { kHs256, kRs256, kEs256, kEdDsa };

// As in the `alg` of a key and of a token: "HS256". Nothing for every other word, "none" among
// them.
[[nodiscard]] std::optional<TokenAlgorithm> algorithm_of(std::string_view name);
[[nodiscard]] std::string_view name_of(TokenAlgorithm algorithm);

enum class KeyParts : std::uint8_t { kPublic, kPrivate };

// Immutable and thread-safe. Its algorithm is its own: nothing in a token chooses another.
// Normative page: docs/design/identity.md.
class TokenKey {
 public:
  // From a JSON Web Key (RFC 7517). Needs `kid` and `alg`, and a `kty` and `crv` that go with it;
  // RSA from 2048 bits, secrets from 32 bytes. What is wrong, in a sentence without any of the key.
  [[nodiscard]] static std::expected<TokenKey, std::string> parse(const nlohmann::json& jwk);
  [[nodiscard]] static TokenKey generate(TokenAlgorithm algorithm, std::string kid);

  [[nodiscard]] const std::string& kid() const { return kid_; }
  [[nodiscard]] TokenAlgorithm algorithm() const { return algorithm_; }
  [[nodiscard]] bool can_sign() const { return can_sign_; }
  // The same for the same material under the same kid and algorithm.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

  // Takes constant time for a secret. Any signature that is not exactly one of the algorithm's form
  // is refused.
  [[nodiscard]] bool verifies(std::string_view text, std::string_view signature) const;
  // can_sign() holds.
  [[nodiscard]] std::string sign(std::string_view text) const;
  // A secret is private and has no public parts: nothing then.
  [[nodiscard]] std::optional<nlohmann::json> to_json(KeyParts parts) const;

 private:
  struct Material;  // a secret or an OpenSSL key
  TokenKey(std::string kid, TokenAlgorithm algorithm, std::shared_ptr<const Material> material);

  std::string kid_;
  TokenAlgorithm algorithm_;
  std::shared_ptr<const Material> material_;
  bool can_sign_ = false;
  std::string fingerprint_{};
};

}  // namespace bimip::frontend
