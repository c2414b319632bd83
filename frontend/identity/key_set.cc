#include "frontend/identity/key_set.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "frontend/identity/strict_json.h"

namespace bimip::frontend {
namespace {

constexpr std::size_t kKeysMax = 64;

}  // namespace

std::expected<KeySet, std::string> KeySet::parse(std::string_view text) {
  const auto set = parse_strict_object(text);
  if (!set) return std::unexpected("it is no JSON object, or has a name twice");
  const auto list = set->find("keys");
  if (list == set->end() || !list->is_array() || list->empty() || list->size() > kKeysMax)
    return std::unexpected("its \"keys\" is no list of 1 to 64 keys");
  std::vector<TokenKey> keys;
  for (const nlohmann::json& jwk : *list) {
    if (!jwk.is_object()) return std::unexpected("a key that is no object");
    auto key = TokenKey::parse(jwk);
    if (!key) return std::unexpected(std::move(key.error()));
    if (std::ranges::find(keys, key->kid(), &TokenKey::kid) != keys.end())
      return std::unexpected("two keys of the kid " + nlohmann::json(key->kid()).dump());
    keys.push_back(std::move(*key));
  }
  return KeySet(std::move(keys));
}

const TokenKey* KeySet::find(std::string_view kid) const {
  const auto found = std::ranges::find(keys_, kid, &TokenKey::kid);
  return found == keys_.end() ? nullptr : &*found;
}

bool KeySet::has(std::string_view fingerprint) const {
  return std::ranges::find(keys_, fingerprint, &TokenKey::fingerprint) != keys_.end();
}

std::string KeySet::to_text(KeyParts parts) const {
  nlohmann::json list = nlohmann::json::array();
  for (const TokenKey& key : keys_) {
    if (const auto jwk = key.to_json(parts)) list.push_back(*jwk);
  }
  return nlohmann::json{{"keys", list}}.dump(2) + "\n";
}

}  // namespace bimip::frontend
