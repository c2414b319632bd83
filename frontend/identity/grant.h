// What a session has shown: who it is, what it may do, for how long.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/types.h"
#include "frontend/identity/permissions.h"

namespace bimip::frontend {

// A token whose signature and claims held.
struct TokenFacts {
  std::string id{};      // its jti
  std::string device{};  // the one it is for; empty: any of the entity's
  // No claim counts as before every revocation.
  std::optional<engine::Timestamp> issued_at{};
  engine::Timestamp expires_at{};
  std::string key_fingerprint{};
};

// A plain value, cheap to keep: every session has one.
struct Grant {
  std::string eid{};
  std::shared_ptr<const Permissions> permissions = Permissions::none();
  std::shared_ptr<const TokenFacts> token{};  // null: there was none (--dev)
};

// The grant's permissions, each topic asked for once. Thread-compatible.
class Access {
 public:
  explicit Access(std::shared_ptr<const Permissions> permissions)
      : permissions_(std::move(permissions)) {}
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
  [[nodiscard]] bool may(Action action, std::string_view topic);

 private:
  // Topics remembered. Above it all are forgotten, so that a peer that asks for many holds little.
  static constexpr std::size_t kTopicsMax = 128;
  const std::shared_ptr<const Permissions> permissions_;
  std::map<std::string, std::uint8_t, std::less<>> known_;  // a bit for each action
  std::map<std::string, std::uint8_t, std::less<>>::const_iterator last_ = known_.end();
};

}  // namespace bimip::frontend
