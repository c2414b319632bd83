#include "frontend/services/tokens/revocations.h"

#include <gtest/gtest.h>

#include "frontend/services/tokens/revocation_record.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using enum RevocationScope;

constexpr engine::Timestamp kNow{std::chrono::seconds(1'750'000'000)};

Revocation revocation(RevocationScope scope, const std::string& name, engine::Timestamp at = kNow) {
  return {.eid = "alice", .scope = scope, .name = name, .revoked_at = at, .until = at + 1h};
}

Grant grant(const std::string& eid, const std::string& id,
            std::optional<engine::Timestamp> issued_at = kNow - 1s) {
  return {
      .eid = eid,
      .token = std::make_shared<const TokenFacts>(TokenFacts{.id = id, .issued_at = issued_at})};
}

TEST(Revocations, AreOfATokenADeviceOrAnEntity) {
  Revocations token;
  token.apply(revocation(kToken, "t1"));
  EXPECT_TRUE(token.revoke(grant("alice", "t1"), "phone"));
  EXPECT_FALSE(token.revoke(grant("alice", "t2"), "phone"));
  EXPECT_FALSE(token.revoke(grant("bob", "t1"), "phone"));
  Revocations device;
  device.apply(revocation(kDevice, "phone"));
  EXPECT_TRUE(device.revoke(grant("alice", "t1"), "phone"));
  EXPECT_FALSE(device.revoke(grant("alice", "t1"), "tablet"));
  EXPECT_FALSE(device.revoke(grant("alice", "phone"), ""));
  Revocations entity;
  entity.apply(revocation(kEntity, ""));
  EXPECT_TRUE(entity.revoke(grant("alice", "t1"), "phone"));
  EXPECT_FALSE(entity.revoke(grant("alic", "t1"), "e"));
}

TEST(Revocations, OfMoreThanAtokenSpareThoseIssuedLater) {
  Revocations all;
  all.apply(revocation(kEntity, ""));
  EXPECT_TRUE(all.revoke(grant("alice", "t1", kNow), ""));
  EXPECT_FALSE(all.revoke(grant("alice", "t1", kNow + 1s), ""));
  EXPECT_TRUE(all.revoke(grant("alice", "t1", std::nullopt), ""));
}

TEST(Revocations, OfATokenHoldWhateverItsTime) {
  Revocations all;
  all.apply(revocation(kToken, "t1"));
  EXPECT_TRUE(all.revoke(grant("alice", "t1", kNow + 1h), ""));
}

TEST(Revocations, KeepTheLatestOfEachInWhateverOrderTheyCome) {
  Revocations all;
  all.apply(revocation(kEntity, "", kNow + 10s));
  all.apply(revocation(kEntity, "", kNow));
  EXPECT_EQ(all.size(), 1U);
  EXPECT_TRUE(all.revoke(grant("alice", "t1", kNow + 5s), ""));
  all.expire(kNow + 1h);
  EXPECT_TRUE(all.revoke(grant("alice", "t1", kNow + 5s), ""));
  all.expire(kNow + 1h + 10s);
  EXPECT_FALSE(all.revoke(grant("alice", "t1", kNow + 5s), ""));
  EXPECT_EQ(all.size(), 0U);
}

TEST(Revocations, HoldNothingLongerThanItIsNeeded) {
  Revocations all;
  for (int i = 0; i < 1000; ++i) {
    const engine::Timestamp at = kNow + std::chrono::minutes(i);
    all.apply(revocation(kToken, "t" + std::to_string(i), at));
    all.expire(at);
    EXPECT_LE(all.size(), 61U);
  }
}

TEST(RevocationRecord, ReadsBackWhatItWrote) {
  for (const RevocationScope scope : {kToken, kDevice, kEntity}) {
    Revocation written = revocation(scope, scope == kEntity ? "" : "name");
    written.revoked_by = "root";
    written.reason = "why";
    const auto read = decode_revocation(engine::as_bytes(encode(written)));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->eid, written.eid);
    EXPECT_EQ(read->scope, scope);
    EXPECT_EQ(read->name, written.name);
    EXPECT_EQ(read->revoked_at, written.revoked_at);
    EXPECT_EQ(read->until, written.until);
    EXPECT_EQ(read->revoked_by, "root");
    EXPECT_EQ(read->reason, "why");
  }
  EXPECT_FALSE(decode_revocation({}));
  EXPECT_FALSE(decode_revocation(engine::as_bytes("garbage")));
}

}  // namespace
}  // namespace bimip::frontend
