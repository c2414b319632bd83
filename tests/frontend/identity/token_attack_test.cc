// The attacks of RFC 8725 (JSON Web Token Best Current Practices), and some of its kind.
#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "engine/base/random.h"
#include "tests/frontend/identity/tokens.h"

namespace bimip::testing {
namespace {

std::string hs256(const std::string& secret, const std::string& text) {
  std::string code(32, '\0');
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(code.data()), &size);
  return code;
}

std::string forged(const Json& header, const std::string& signature) {
  return to_base64url(header.dump()) + "." + to_base64url(claims().dump()) + "." +
         to_base64url(signature);
}

TEST(TokenAttack, NoneIsNoAlgorithm) {
  for (const char* none : {"none", "None", "NONE", "nOnE", "", "null"}) {
    for (const char* kid : {"hs", "rs", "es", "ed"}) {
      Json header = header_for(kid);
      header["alg"] = none;
      EXPECT_EQ(verdict(forged(header, "")), kNotOurs) << none;
      EXPECT_EQ(verdict(signed_with(*keys().find(kid), header.dump(), claims().dump())), kNotOurs);
    }
  }
}

TEST(TokenAttack, AnEmptyOrShortenedSignatureIsNone) {
  for (const char* kid : {"hs", "rs", "es", "ed"}) {
    const std::string token = token_of(claims(), kid);
    const std::size_t dot = token.rfind('.');
    EXPECT_EQ(verdict(token.substr(0, dot + 1)), kNotOurs);
    EXPECT_NE(verdict(token.substr(0, dot)), "accepted");
    for (std::size_t size = dot + 1; size < token.size(); ++size)
      EXPECT_EQ(verdict(token.substr(0, size)), kNotOurs) << kid << " " << size;
    EXPECT_EQ(verdict(token + "AAAA"), kNotOurs);
  }
}

TEST(TokenAttack, AnEcdsaSignatureOfZerosOrInDerIsNone) {
  EXPECT_EQ(verdict(forged(header_for("es"), std::string(64, '\0'))), kNotOurs);
  EXPECT_EQ(verdict(forged(header_for("es"), std::string("\x30\x06\x02\x01\x00\x02\x01\x00", 8))),
            kNotOurs);
  EXPECT_EQ(verdict(forged(header_for("es"), std::string(64, '\xFF'))), kNotOurs);
}

// The public key, which everybody knows, as the secret of an HMAC: in every form it is written in.
TEST(TokenAttack, APublicKeyIsNoSecret) {
  for (const char* kid : {"rs", "es", "ed"}) {
    const Json jwk = *keys().find(kid)->to_json(KeyParts::kPublic);
    std::vector<std::string> secrets{jwk.dump(), jwk.dump(2)};
    for (const auto& [name, value] : jwk.items()) {
      secrets.push_back(value.get<std::string>());
      secrets.push_back(from_base64url(secrets.back()).value_or(""));
    }
    for (const std::string& secret : secrets) {
      for (const char* alg : {"HS256", "HS384", "HS512"}) {
        Json header = header_for(kid);
        header["alg"] = alg;
        const std::string text = to_base64url(header.dump()) + "." + to_base64url(claims().dump());
        EXPECT_EQ(verdict(text + "." + to_base64url(hs256(secret, text))), kNotOurs);
      }
    }
  }
}

TEST(TokenAttack, AnAlgorithmOtherThanTheKeysIsRefusedWhateverItSigns) {
  const auto algorithms = {"HS256", "RS256", "ES256",  "EdDSA", "HS384",  "RS384",  "RS512",
                           "PS256", "ES384", "ES256K", "hs256", "HS256 ", "Ed25519"};
  for (const TokenKey& key : keys().keys()) {
    for (const char* alg : algorithms) {
      Json header = header_for(key.kid());
      header["alg"] = alg;
      const std::string token = signed_with(key, header.dump(), claims().dump());
      EXPECT_EQ(verdict(token) == "accepted", alg == name_of(key.algorithm())) << alg;
    }
  }
}

TEST(TokenAttack, TheKidNamesOneOfOurKeysAndNothingElse) {
  for (const Json& kid :
       {Json("nobody"), Json(""), Json("ED"), Json("ed "), Json("../../dev/null"),
        Json("/dev/null"), Json("file:///etc/passwd"), Json("' OR 1=1 --"), Json("rs"),
        Json(std::string("ed\0", 3)), Json(7), Json(nullptr), Json::array({"ed"})}) {
    Json header = header_for("ed");
    header["kid"] = kid;
    EXPECT_EQ(verdict(signed_with(*keys().find("ed"), header.dump(), claims().dump())), kNotOurs)
        << kid;
  }
  Json header = header_for("ed");
  header.erase("kid");
  EXPECT_EQ(verdict(signed_with(*keys().find("ed"), header.dump(), claims().dump())), kNotOurs);
}

TEST(TokenAttack, AKeyThatTheTokenBringsIsNotUsed) {
  const TokenKey own = TokenKey::generate(TokenAlgorithm::kEdDsa, "mine");
  for (const char* kid : {"mine", "ed"}) {
    for (const auto& [name, value] :
         std::map<std::string, Json>{{"jwk", *own.to_json(KeyParts::kPublic)},
                                     {"jku", "http://127.0.0.1:1/keys"},
                                     {"x5u", "http://127.0.0.1:1/chain"},
                                     {"x5c", Json::array({"MIIB"})},
                                     {"x5t", "AA"}}) {
      Json header{{"alg", "EdDSA"}, {"kid", kid}, {name, value}};
      EXPECT_EQ(verdict(signed_with(own, header.dump(), claims().dump())), kNotOurs) << name;
      // Nor is it ignored beside a signature that holds.
      header["kid"] = "ed";
      EXPECT_EQ(verdict(signed_with(*keys().find("ed"), header.dump(), claims().dump())), kNotOurs);
    }
  }
}

TEST(TokenAttack, RulesThatTheTokenWouldChangeAreNotFollowed) {
  for (const auto& [name, value] : std::map<std::string, Json>{{"crit", Json::array({"exp"})},
                                                               {"b64", false},
                                                               {"zip", "DEF"},
                                                               {"cty", "JWT"},
                                                               {"enc", "A128GCM"},
                                                               {"typ", "JOSE"},
                                                               {"typ", "refresh+jwt"}}) {
    Json header = header_for("ed");
    header[name] = value;
    EXPECT_EQ(verdict(signed_with(*keys().find("ed"), header.dump(), claims().dump())), kNotOurs)
        << name;
  }
}

TEST(TokenAttack, ATokenInATokenIsNotOpened) {
  const std::string inner = token_of(claims());
  EXPECT_NE(verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), inner)), "accepted");
  EXPECT_NE(verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), Json(inner).dump())),
            "accepted");
}

TEST(TokenAttack, ANameThatIsThereTwiceIsRefused) {
  std::string body = claims().dump();
  body.insert(1, R"("sub":"admin",)");
  EXPECT_EQ(verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), body)),
            "the token's claims are no JSON object, or have a name twice");
  std::string nested = claims().dump();
  nested.insert(nested.find("\"publish\""), R"("publish":["*"],)");
  EXPECT_NE(verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), nested)), "accepted");
  std::string escaped = claims().dump();
  escaped.insert(1, R"("s\u0075b":"admin",)");
  EXPECT_NE(verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), escaped)), "accepted");
  const std::string header = R"({"alg":"none","alg":"EdDSA","kid":"ed"})";
  EXPECT_EQ(verdict(signed_with(*keys().find("ed"), header, claims().dump())), kNotOurs);
}

TEST(TokenAttack, AnythingButThreePartsOfBase64urlIsRefused) {
  const std::string token = token_of(claims());
  const std::size_t first = token.find('.');
  for (const std::string& broken :
       {std::string(), std::string("."), std::string(".."), std::string("..."), "." + token,
        token + ".", token + "." + token, token.substr(first), " " + token, token + "\n",
        token + "=", "Bearer " + token, token.substr(0, first) + "=" + token.substr(first),
        std::string("\0", 1) + token, R"({"payload":"e30","signatures":[]})" + std::string()})
    EXPECT_NE(verdict(broken), "accepted") << broken.substr(0, 20);
  // Another alphabet, and bits that no byte has: a second text for the same signature.
  std::string other = token_of(claims(), "rs");
  for (char& c : other) c = c == '-' ? '+' : c == '_' ? '/' : c;
  EXPECT_NE(verdict(other), "accepted");
  for (const char* kid : {"hs", "rs", "ed", "es"}) {
    const std::string sound = token_of(claims(), kid);
    int accepted = 0;
    for (const char last :
         std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
      accepted += verdict(sound.substr(0, sound.size() - 1) + last) == "accepted" ? 1 : 0;
    EXPECT_EQ(accepted, 1) << kid;
  }
}

TEST(TokenAttack, AHugeOrDeepTokenCostsNothing) {
  Json body = claims();
  body["padding"] = std::string(8192, 'a');
  EXPECT_EQ(verdict(token_of(body)), "the token is longer than 8192 bytes");
  EXPECT_EQ(verdict(std::string(100'000'000, 'a')), "the token is longer than 8192 bytes");
  EXPECT_EQ(verdict(std::string(8192, '.')), "the token is no JWT in the compact form");
  const std::string deep = std::string(2500, '[') + std::string(2500, ']');
  EXPECT_NE(
      verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), R"({"a":)" + deep + "}")),
      "accepted");
  EXPECT_EQ(verdict(signed_with(*keys().find("ed"), R"({"a":)" + deep.substr(2000, 1000) + "}",
                                claims().dump())),
            kNotOurs);
}

TEST(TokenAttack, ASubjectIsTextThatLooksLikeWhatItIs) {
  const auto subject = [](const std::string& escaped) {
    std::string body = claims().dump();
    const std::string old = "alice@example.com";
    body.replace(body.find(old), old.size(), escaped);
    return verdict(signed_with(*keys().find("ed"), header_for("ed").dump(), body));
  };
  EXPECT_EQ(subject("\u4f60\u597d"), "accepted");
  for (const char* text : {R"(alice\u0000)", R"(\u0000)", R"(a\nb)", R"(a\u007f)", R"(a\u0085b)",
                           R"(\ud800)", "a\xffz", "a\xc0\xaf", "a\x01z"})
    EXPECT_NE(subject(text), "accepted") << text;
  // Letters that look alike are other entities.
  const auto grant = check(token_of([] {
    Json body = claims();
    body["sub"] = "\u0430lice@example.com";
    return body;
  }()));
  ASSERT_TRUE(grant);
  EXPECT_NE(grant->eid, "alice@example.com");
}

TEST(TokenAttack, AKeyIsNotTakenForAnotherTenantsOrTime) {
  const KeySet others({TokenKey::generate(TokenAlgorithm::kEdDsa, "ed")});
  EXPECT_FALSE(check_token(token_of(claims()), others, rules(), kNow));
  EXPECT_FALSE(check_token(token_of(claims()), keys(), rules(), kNow + std::chrono::hours(2)));
}

TEST(TokenAttack, OneChangedCharacterIsNoticed) {
  engine::Random random(20260101);
  for (const char* kid : {"hs", "rs", "es", "ed"}) {
    const std::string token = token_of(claims(), kid);
    for (int i = 0; i < 300; ++i) {
      std::string changed = token;
      changed[random.below(changed.size())] = static_cast<char>(random.below(256));
      if (changed == token) continue;
      EXPECT_NE(verdict(changed), "accepted") << "seed 20260101, " << kid << ", round " << i;
    }
  }
}

}  // namespace
}  // namespace bimip::testing
