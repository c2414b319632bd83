#include "frontend/services/tokens/revocation_record.h"

#include "bimip/v1/token.pb.h"

namespace bimip::frontend {
namespace {

engine::Timestamp time_of(std::int64_t micros) {
  return engine::Timestamp(std::chrono::microseconds(micros));
}

}  // namespace

std::string encode(const Revocation& revocation) {
  v1::RevocationRecord record;
  record.set_eid(revocation.eid);
  switch (revocation.scope) {
    case RevocationScope::kToken:
      record.set_token_id(revocation.name);
      break;
    case RevocationScope::kDevice:
      record.set_device(revocation.name);
      break;
    case RevocationScope::kEntity:
      record.set_all(true);
      break;
  }
  record.set_revoked_at_us(revocation.revoked_at.time_since_epoch().count());
  record.set_until_us(revocation.until.time_since_epoch().count());
  record.set_revoked_by(revocation.revoked_by);
  record.set_reason(revocation.reason);
  return record.SerializeAsString();
}

std::optional<Revocation> decode_revocation(engine::Bytes value) {
  v1::RevocationRecord record;
  if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) return std::nullopt;
  Revocation revocation{.eid = record.eid(),
                        .revoked_at = time_of(record.revoked_at_us()),
                        .until = time_of(record.until_us()),
                        .revoked_by = record.revoked_by(),
                        .reason = record.reason()};
  switch (record.which_case()) {
    case v1::RevocationRecord::kTokenId:
      revocation.scope = RevocationScope::kToken;
      revocation.name = record.token_id();
      return revocation;
    case v1::RevocationRecord::kDevice:
      revocation.scope = RevocationScope::kDevice;
      revocation.name = record.device();
      return revocation;
    case v1::RevocationRecord::kAll:
      return revocation;
    case v1::RevocationRecord::WHICH_NOT_SET:
      break;
  }
  return std::nullopt;
}

}  // namespace bimip::frontend
