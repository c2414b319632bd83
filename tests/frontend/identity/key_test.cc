#include "frontend/identity/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/identity/tokens.h"

namespace bimip::testing {
namespace {

using ::testing::HasSubstr;

Json jwk(const std::string& kid, KeyParts parts = KeyParts::kPublic) {
  return *keys().find(kid)->to_json(parts);
}

TEST(TokenKey, ReadsBackWhatItWrites) {
  for (const TokenKey& key : keys().keys()) {
    const auto whole = TokenKey::parse(*key.to_json(KeyParts::kPrivate));
    ASSERT_TRUE(whole) << whole.error();
    EXPECT_TRUE(whole->can_sign());
    EXPECT_EQ(whole->fingerprint(), key.fingerprint());
    EXPECT_TRUE(key.verifies("text", whole->sign("text")));
    if (key.algorithm() == TokenAlgorithm::kHs256) continue;
    const auto open = TokenKey::parse(*key.to_json(KeyParts::kPublic));
    ASSERT_TRUE(open) << open.error();
    EXPECT_FALSE(open->can_sign());
    EXPECT_EQ(open->fingerprint(), key.fingerprint());
    EXPECT_TRUE(open->verifies("text", key.sign("text")));
    EXPECT_FALSE(open->verifies("texts", key.sign("text")));
  }
}

// RFC 8037, appendix A: a key, a text and its signature that others made.
TEST(TokenKey, AgreesWithTheExampleOfRfc8037) {
  const auto key = TokenKey::parse({{"kid", "a"},
                                    {"alg", "EdDSA"},
                                    {"kty", "OKP"},
                                    {"crv", "Ed25519"},
                                    {"x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}});
  ASSERT_TRUE(key) << key.error();
  EXPECT_TRUE(key->verifies(
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
      *from_base64url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
                      "9g7sVvpAr_MuM0KAg")));
}

// RFC 7515, appendix A.1 and A.3.
TEST(TokenKey, AgreesWithTheExamplesOfRfc7515) {
  const std::string claims_part =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "fQ";
  const auto secret = TokenKey::parse(
      {{"kid", "a"},
       {"alg", "HS256"},
       {"kty", "oct"},
       {"k",
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}});
  ASSERT_TRUE(secret) << secret.error();
  EXPECT_TRUE(secret->verifies("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims_part,
                               *from_base64url("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")));
  const auto curve = TokenKey::parse({{"kid", "b"},
                                      {"alg", "ES256"},
                                      {"kty", "EC"},
                                      {"crv", "P-256"},
                                      {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                                      {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}});
  ASSERT_TRUE(curve) << curve.error();
  EXPECT_TRUE(curve->verifies(
      "eyJhbGciOiJFUzI1NiJ9." + claims_part,
      *from_base64url(
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP"
          "3-Kg6NU1Q")));
}

TEST(TokenKey, IsRefusedWhenItIsNotWhatItSays) {
  const auto refusal = [](Json changed) {
    const auto key = TokenKey::parse(changed);
    return key ? std::string("accepted") : key.error();
  };
  const auto with = [&](const char* kid, const char* name, const Json& value) {
    Json changed = jwk(kid, KeyParts::kPrivate);
    changed[name] = value;
    return refusal(changed);
  };
  for (const char* kid : {"hs", "rs", "es", "ed"}) {
    EXPECT_EQ(with(kid, "use", "sig"), "accepted");
    for (const char* alg : {"none", "HS512", "PS256", "", "hs256"})
      EXPECT_THAT(with(kid, "alg", alg), HasSubstr("alg")) << kid;
    EXPECT_THAT(with(kid, "kty", "other"), HasSubstr("kty"));
    EXPECT_THAT(with(kid, "use", "enc"), HasSubstr("not for signatures"));
    EXPECT_THAT(with(kid, "key_ops", Json::array({"encrypt"})), HasSubstr("not for signatures"));
    EXPECT_THAT(with(kid, "kid", ""), HasSubstr("without a kid"));
  }
  EXPECT_THAT(with("hs", "k", to_base64url(std::string(31, 'k'))), HasSubstr("secret"));
  EXPECT_THAT(with("hs", "k", 7), HasSubstr("secret"));
  EXPECT_THAT(with("rs", "n", jwk("es")["x"]), HasSubstr("RSA"));
  EXPECT_THAT(with("rs", "d", 1), HasSubstr("RSA"));
  EXPECT_THAT(with("es", "crv", "P-384"), HasSubstr("P-256"));
  EXPECT_THAT(with("es", "x", jwk("es")["y"]), HasSubstr("P-256"));  // no point of the curve
  EXPECT_THAT(with("es", "d", jwk("es")["y"]), HasSubstr("P-256"));  // another key's private part
  EXPECT_THAT(with("ed", "crv", "X25519"), HasSubstr("Ed25519"));
  EXPECT_THAT(with("ed", "x", to_base64url(std::string(32, '\1'))), HasSubstr("Ed25519"));
  // A public key cannot be said to be a secret.
  Json confused = jwk("rs");
  confused["alg"] = "HS256";
  EXPECT_THAT(refusal(confused), HasSubstr("kty"));
}

TEST(TokenKey, SaysNothingOfItsSecretWhenRefused) {
  Json changed = jwk("hs", KeyParts::kPrivate);
  changed["k"] = "c2hvcnQtc2VjcmV0";
  EXPECT_THAT(TokenKey::parse(changed).error(), Not(HasSubstr("c2hvcnQtc2VjcmV0")));
}

TEST(KeySet, HasEachKidOnceAndLeavesSecretsOutOfItsPublicText) {
  const auto again = KeySet::parse(keys().to_text(KeyParts::kPrivate));
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(again->keys().size(), 4U);
  const std::string open = keys().to_text(KeyParts::kPublic);
  EXPECT_EQ(KeySet::parse(open)->keys().size(), 3U);
  for (const char* name : {"\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"qi\"", "\"k\""})
    EXPECT_THAT(open, Not(HasSubstr(name)));
  Json twice{{"keys", {jwk("ed"), jwk("ed")}}};
  EXPECT_THAT(KeySet::parse(twice.dump()).error(), HasSubstr("two keys of the kid"));
  for (const char* text : {"", "[]", "{}", R"({"keys":[]})", R"({"keys":{}})", R"({"keys":[7]})",
                           R"({"keys":[],"keys":[]})", "{"})
    EXPECT_FALSE(KeySet::parse(text)) << text;
}

TEST(Base64url, IsOneTextForEachBytes) {
  for (const std::string& bytes : {std::string(), std::string("f"), std::string("fo"),
                                   std::string("foo"), std::string("\xfb\xff\0", 3)})
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
  for (const char* text : {"A", "AAAAA", "AB", "AAB", "AA==", "A A", "AA+", "AA/", "\xff\xff"})
    EXPECT_FALSE(from_base64url(text)) << text;
}

}  // namespace
}  // namespace bimip::testing
