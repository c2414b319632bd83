// The keys that tokens are checked with: a JSON Web Key Set.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/identity/key.h"

namespace bimip::frontend {

// Immutable and thread-safe. Each kid is there once.
class KeySet {
 public:
  // At least one key; one that cannot be used refuses the set. What is wrong, in a sentence.
  [[nodiscard]] static std::expected<KeySet, std::string> parse(std::string_view text);
  explicit KeySet(std::vector<TokenKey> keys) : keys_(std::move(keys)) {}

  [[nodiscard]] const TokenKey* find(std::string_view kid) const;
  // Whether the key of this fingerprint is one of them.
  [[nodiscard]] bool has(std::string_view fingerprint) const;
  [[nodiscard]] const std::vector<TokenKey>& keys() const { return keys_; }
  // As parse() reads it. The public parts alone leave secrets out.
  [[nodiscard]] std::string to_text(KeyParts parts) const;

 private:
  std::vector<TokenKey> keys_;
};

}  // namespace bimip::frontend
