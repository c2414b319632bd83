#include "frontend/services/tokens/revocations.h"

#include <algorithm>

namespace bimip::frontend {

// An EID and a token's id have no control characters, so the zero parts them.
std::string key_of(std::string_view eid, RevocationScope scope, std::string_view name) {
  std::string key(eid);
  key += '\0';
  key += static_cast<char>('0' + static_cast<int>(scope));
  key += name;
  return key;
}

void Revocations::apply(const Revocation& revocation) {
  std::string key = key_of(revocation.eid, revocation.scope, revocation.name);
  Entry& entry = entries_[key];
  entry.revoked_at = std::max(entry.revoked_at, revocation.revoked_at);
  if (revocation.until <= entry.until) return;
  entry.until = revocation.until;
  by_end_.emplace(entry.until, std::move(key));
}

void Revocations::expire(engine::Timestamp now) {
  while (!by_end_.empty() && by_end_.begin()->first <= now) {
    const auto entry = entries_.find(by_end_.begin()->second);
    // It may have been revoked again, until later.
    if (entry != entries_.end() && entry->second.until <= now) entries_.erase(entry);
    by_end_.erase(by_end_.begin());
  }
}

const Revocations::Entry* Revocations::find(std::string_view eid, RevocationScope scope,
                                            std::string_view name) const {
  const auto found = entries_.find(key_of(eid, scope, name));
  return found == entries_.end() ? nullptr : &found->second;
}

bool Revocations::revoke(const Grant& grant, std::string_view device) const {
  if (entries_.empty()) return false;
  if (find(grant.eid, RevocationScope::kToken, grant.token->id) != nullptr) return true;
  const auto& issued_at = grant.token->issued_at;
  const auto covers = [&](const Entry* entry) {
    return entry != nullptr && (!issued_at || *issued_at <= entry->revoked_at);
  };
  return covers(find(grant.eid, RevocationScope::kEntity, "")) ||
         covers(find(grant.eid, RevocationScope::kDevice, device));
}

}  // namespace bimip::frontend
