#include "frontend/identity/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/identity/tokens.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Token, OfEachAlgorithmGivesWhatItSays) {
  for (const TokenKey& key : keys().keys()) {
    const auto grant = check(token_of(claims(), key.kid()));
    ASSERT_TRUE(grant) << key.kid() << ": " << grant.error().reason;
    EXPECT_EQ(grant->eid, "alice@example.com");
    EXPECT_EQ(grant->token->id, "token-1");
    EXPECT_EQ(grant->token->device, "");
    EXPECT_EQ(grant->token->expires_at, kNow + std::chrono::seconds(3600));
    EXPECT_EQ(grant->token->issued_at, kNow - std::chrono::seconds(10));
    EXPECT_EQ(grant->token->key_fingerprint, key.fingerprint());
    EXPECT_THAT(grant->permissions->publish, ElementsAre("orders.*"));
    EXPECT_FALSE(grant->permissions->is_operator);
  }
}

TEST(Token, ThatWasIssuedHereIsAccepted) {
  const TokenClaims issued{.eid = "bob",
                           .device = "phone",
                           .token_id = "t-9",
                           .issuer = rules().issuer,
                           .audience = rules().audience,
                           .issued_at = kNow,
                           .expires_at = kNow + std::chrono::hours(1),
                           .permissions = {.subscribe = {"news"}, .is_operator = true}};
  for (const TokenKey& key : keys().keys()) {
    const auto grant = check(issue_token(issued, key));
    ASSERT_TRUE(grant) << grant.error().reason;
    EXPECT_EQ(grant->token->device, "phone");
    EXPECT_THAT(grant->permissions->subscribe, ElementsAre("news"));
    EXPECT_TRUE(grant->permissions->publish.empty());
    EXPECT_TRUE(grant->permissions->is_operator);
  }
}

TEST(Token, WithoutPermissionsPermitsNothing) {
  Json body = claims();
  body.erase("bimip");
  const auto grant = check(token_of(body));
  ASSERT_TRUE(grant);
  EXPECT_FALSE(grant->permissions->allow_any("orders"));
}

TEST(Token, IsRefusedWhenAClaimIsMissing) {
  for (const char* name : {"iss", "aud", "sub", "jti", "exp"}) {
    Json body = claims();
    body.erase(name);
    EXPECT_NE(verdict(token_of(body)), "accepted") << name;
  }
  for (const char* name : {"nbf", "iat"}) {
    Json body = claims();
    body.erase(name);
    EXPECT_EQ(verdict(token_of(body)), "accepted") << name;
  }
}

TEST(Token, IsRefusedWhenAClaimIsOfAnotherType) {
  const std::vector<Json> wrong{nullptr, true, Json::object(), Json::array(), 7, "text", ""};
  const std::map<std::string, std::string> right{
      {"iss", ""},  {"aud", ""},  {"sub", "text"},    {"jti", "text"}, {"exp", ""},
      {"nbf", "7"}, {"iat", "7"}, {"device", "text"}, {"type", ""}};
  for (const auto& [name, fine] : right) {
    for (const Json& value : wrong) {
      Json body = claims();
      body[name] = value;
      const bool is_fine = !fine.empty() && (value == Json(fine) || value.dump() == fine);
      EXPECT_EQ(verdict(token_of(body)) == "accepted", is_fine) << name << " = " << value;
    }
  }
}

TEST(Token, HoldsWithinTheClockSkewAndNotBeyondIt) {
  const auto with = [](const char* name, std::int64_t seconds_from_now) {
    Json body = claims();
    body[name] = kNowSeconds + seconds_from_now;
    return verdict(token_of(body));
  };
  EXPECT_EQ(with("exp", -59), "accepted");
  EXPECT_EQ(with("exp", -60), "the token has expired 60 s ago");
  EXPECT_EQ(with("nbf", 60), "accepted");
  EXPECT_EQ(with("nbf", 61), "the token is not valid yet");
  EXPECT_EQ(with("iat", 60), "accepted");
  EXPECT_EQ(with("iat", 61), "the token is issued in the future");
}

TEST(Token, LivesNoLongerThanTheServerAllows) {
  Json body = claims();
  body["exp"] = kNowSeconds + rules().life_max.count();
  EXPECT_EQ(verdict(token_of(body)), "accepted");
  body["exp"] = kNowSeconds + rules().life_max.count() + 61;
  EXPECT_EQ(verdict(token_of(body)), "the token lives longer than this server allows");
}

TEST(Token, TakesTimesThatArePartsOfASecondAndNoOthers) {
  const auto expiring = [](const std::string& number) {
    std::string body = claims().dump();
    const std::string old = std::to_string(kNowSeconds + 3600);
    body.replace(body.find(old), old.size(), number);
    return verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), body));
  };
  EXPECT_EQ(expiring("1750000000.5"), "accepted");
  for (const char* number : {"-1", "1e300", "1e999", "18446744073709551616", "0x7fffffff",
                             "-9223372036854775808", "NaN", "Infinity", "\"1750003600\""})
    EXPECT_NE(expiring(number), "accepted") << number;
}

TEST(Token, IsForOneOfItsAudiences) {
  Json body = claims();
  body["aud"] = Json::array({"other", "bimip"});
  EXPECT_EQ(verdict(token_of(body)), "accepted");
  for (const Json& audience : {Json("other"), Json::array({"other"}), Json::array({"bimip", 7}),
                               Json("bimi"), Json("BIMIP"), Json("bimip "), Json::array()}) {
    body["aud"] = audience;
    EXPECT_EQ(verdict(token_of(body)), "the token is for another audience") << audience;
  }
}

TEST(Token, IsFromTheIssuerToTheLetter) {
  for (const char* issuer :
       {"https://issuer.example/", "https://evil.example", "", "HTTPS://issuer.example"}) {
    Json body = claims();
    body["iss"] = issuer;
    EXPECT_EQ(verdict(token_of(body)), "the token is from another issuer") << issuer;
  }
}

TEST(Token, WithPermissionsThatTheServerWouldNotKeepIsRefused) {
  const auto with = [](const Json& permissions) {
    Json body = claims();
    body["bimip"] = permissions;
    return verdict(token_of(body));
  };
  EXPECT_EQ(with({{"publish", Json::array({"a"})}}), "accepted");
  const std::string refused = "the token's permissions are not ones that this server knows";
  EXPECT_EQ(with("everything"), refused);
  EXPECT_EQ(with({{"publish", "*"}}), refused);
  EXPECT_EQ(with({{"publish", Json::array({7})}}), refused);
  EXPECT_EQ(with({{"publish", Json::array({""})}}), refused);
  EXPECT_EQ(with({{"publish", Json::array({std::string(201, 'a')})}}), refused);
  EXPECT_EQ(with({{"publish", Json(std::vector<std::string>(65, "a"))}}), refused);
  EXPECT_EQ(with({{"publish_rate", 5}}), refused);
  EXPECT_EQ(with({{"operator", "yes"}}), refused);
}

TEST(Token, IsRefusedWithoutAWordOfWhatItHolds) {
  Json body = claims();
  body["sub"] = std::string(300, 's');
  body["iss"] = "secret-issuer";
  for (const std::string& reason : {verdict(token_of(body)), verdict("secret.secret.secret")}) {
    EXPECT_THAT(reason, Not(HasSubstr("secret")));
    EXPECT_THAT(reason, Not(HasSubstr("sss")));
  }
}

}  // namespace
}  // namespace bimip::testing
