// Which tokens were revoked: a view of the topic of revocations.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "engine/base/types.h"
#include "frontend/identity/grant.h"

namespace bimip::frontend {

enum class RevocationScope : std::uint8_t {
  kToken,   // the one of this id
  kDevice,  // those used on this device
  kEntity,  // all of them
};

struct Revocation {
  std::string eid{};
  RevocationScope scope = RevocationScope::kEntity;
  std::string name{};  // the token's id or the device; empty for kEntity
  engine::Timestamp revoked_at{};
  engine::Timestamp until{};  // every token that it is about has expired by then
  std::string revoked_by{};
  std::string reason{};
};

// Thread-compatible. One entry for each entity, scope and name, however often it was revoked. Holds
// none whose time is over, once expire() was called.
class Revocations {
 public:
  void apply(const Revocation& revocation);
  // Forgets those that are over.
  void expire(engine::Timestamp now);
  // Whether a session of this grant, on this device, is to end. A token that was issued in the
  // second of a revocation counts as older.
  [[nodiscard]] bool revoke(const Grant& grant, std::string_view device) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    engine::Timestamp revoked_at{};
    engine::Timestamp until{};
  };
  [[nodiscard]] const Entry* find(std::string_view eid, RevocationScope scope,
                                  std::string_view name) const;

  std::map<std::string, Entry, std::less<>> entries_;  // by key_of()
  std::multimap<engine::Timestamp, std::string> by_end_;
};

// The record's key, and the entry's: one text for each entity, scope and name.
[[nodiscard]] std::string key_of(std::string_view eid, RevocationScope scope,
                                 std::string_view name);

}  // namespace bimip::frontend
