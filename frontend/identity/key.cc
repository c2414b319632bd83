#include "frontend/identity/key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "engine/base/assert.h"
#include "frontend/identity/base64url.h"

namespace bimip::frontend {
namespace {

using Json = nlohmann::json;

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using BigNumber = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using ParamBuild = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

constexpr int kRsaBitsMin = 2048;
constexpr int kRsaBitsMax = 8192;
constexpr std::size_t kSecretBytesMin = 32;  // what the hash yields (RFC 7518, section 3.2)
constexpr std::size_t kSecretBytesMax = 1024;
constexpr std::size_t kCoordinateBytes = 32;  // of P-256
constexpr std::size_t kEdBytes = 32;          // of a key of Ed25519

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

std::optional<std::string> text_member(const Json& jwk, const char* name) {
  const auto at = jwk.find(name);
  if (at == jwk.end() || !at->is_string()) return std::nullopt;
  return at->get<std::string>();
}

// The bytes of a base64url member; nothing when it is missing or none.
std::optional<std::string> bytes_member(const Json& jwk, const char* name) {
  const auto text = text_member(jwk, name);
  return text && !text->empty() ? from_base64url(*text) : std::nullopt;
}

BigNumber number_of(std::string_view bytes) {
  return BigNumber(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
}

struct NumberName {
  const char* jwk;
  const char* openssl;
};
constexpr std::array<NumberName, 2> kRsaPublic{
    {{"n", OSSL_PKEY_PARAM_RSA_N}, {"e", OSSL_PKEY_PARAM_RSA_E}}};
constexpr std::array<NumberName, 6> kRsaPrivate{{{"d", OSSL_PKEY_PARAM_RSA_D},
                                                 {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                                 {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                                 {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                                 {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                                 {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}}};

// Gathers what a key is made of; the numbers live until it is made.
class PkeyBuilder {
 public:
  void add_number(const char* name, std::string_view bytes) {
    numbers_.push_back(number_of(bytes));
    OSSL_PARAM_BLD_push_BN(build_.get(), name, numbers_.back().get());
  }
  void add_text(const char* name, const char* text) {
    OSSL_PARAM_BLD_push_utf8_string(build_.get(), name, text, 0);
  }
  void add_bytes(const char* name, std::string bytes) {
    kept_.push_back(std::move(bytes));
    OSSL_PARAM_BLD_push_octet_string(build_.get(), name, kept_.back().data(), kept_.back().size());
  }
  Pkey make(const char* type, KeyParts parts) {
    const Params params(OSSL_PARAM_BLD_to_param(build_.get()));
    const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* made = nullptr;
    const int selection = parts == KeyParts::kPrivate ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, selection, params.get()) != 1)
      return nullptr;
    return Pkey(made);
  }

 private:
  ParamBuild build_{OSSL_PARAM_BLD_new()};
  std::vector<BigNumber> numbers_;
  std::vector<std::string> kept_;
};

bool is_sound(const Pkey& key, KeyParts parts) {
  if (!key) return false;
  const PkeyContext context(EVP_PKEY_CTX_new(key.get(), nullptr));
  if (EVP_PKEY_public_check(context.get()) != 1) return false;
  return parts == KeyParts::kPublic || EVP_PKEY_pairwise_check(context.get()) == 1;
}

Pkey parse_rsa(const Json& jwk, KeyParts parts) {
  PkeyBuilder builder;
  for (const NumberName& name : kRsaPublic) {
    const auto bytes = bytes_member(jwk, name.jwk);
    if (!bytes) return nullptr;
    builder.add_number(name.openssl, *bytes);
  }
  if (parts == KeyParts::kPrivate) {
    for (const NumberName& name : kRsaPrivate) {
      const auto bytes = bytes_member(jwk, name.jwk);
      if (!bytes) return nullptr;
      builder.add_number(name.openssl, *bytes);
    }
  }
  Pkey key = builder.make("RSA", parts);
  if (!key) return nullptr;
  const int bits = EVP_PKEY_get_bits(key.get());
  if (bits < kRsaBitsMin || bits > kRsaBitsMax || !is_sound(key, parts)) return nullptr;
  return key;
}

Pkey parse_ec(const Json& jwk, KeyParts parts) {
  const auto x = bytes_member(jwk, "x");
  const auto y = bytes_member(jwk, "y");
  if (text_member(jwk, "crv") != "P-256" || !x || !y || x->size() != kCoordinateBytes ||
      y->size() != kCoordinateBytes)
    return nullptr;
  PkeyBuilder builder;
  builder.add_text(OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1");
  builder.add_bytes(OSSL_PKEY_PARAM_PUB_KEY, "\x04" + *x + *y);
  if (parts == KeyParts::kPrivate) {
    const auto d = bytes_member(jwk, "d");
    if (!d || d->size() != kCoordinateBytes) return nullptr;
    builder.add_number(OSSL_PKEY_PARAM_PRIV_KEY, *d);
  }
  Pkey key = builder.make("EC", parts);
  return is_sound(key, parts) ? std::move(key) : nullptr;
}

Pkey parse_ed25519(const Json& jwk, KeyParts parts) {
  const auto x = bytes_member(jwk, "x");
  if (text_member(jwk, "crv") != "Ed25519" || !x || x->size() != kEdBytes) return nullptr;
  if (parts == KeyParts::kPublic)
    return Pkey(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(*x), x->size()));
  const auto d = bytes_member(jwk, "d");
  if (!d || d->size() != kEdBytes) return nullptr;
  Pkey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw(*d), d->size()));
  std::string made(kEdBytes, '\0');
  std::size_t size = made.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), raw(made), &size) != 1 || made != *x)
    return nullptr;
  return key;
}

std::string number_member(const EVP_PKEY* key, const char* name, std::size_t bytes_min) {
  BIGNUM* found = nullptr;
  BIMIP_ASSERT(EVP_PKEY_get_bn_param(key, name, &found) == 1);
  const BigNumber number(found);
  std::string bytes(std::max(static_cast<std::size_t>(BN_num_bytes(found)), bytes_min), '\0');
  BN_bn2binpad(found, raw(bytes), static_cast<int>(bytes.size()));
  return to_base64url(bytes);
}

// A JOSE signature is two numbers of 32 bytes; OpenSSL's is DER.
std::string to_der(std::string_view signature) {
  const EcdsaSignature numbers(ECDSA_SIG_new());
  ECDSA_SIG_set0(numbers.get(), number_of(signature.substr(0, kCoordinateBytes)).release(),
                 number_of(signature.substr(kCoordinateBytes)).release());
  unsigned char* der = nullptr;
  const int bytes = i2d_ECDSA_SIG(numbers.get(), &der);
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(bytes));
  OPENSSL_free(der);
  return text;
}

std::string from_der(std::string_view der) {
  const unsigned char* at = raw(der);
  const EcdsaSignature numbers(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  std::string signature(2 * kCoordinateBytes, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(numbers.get()), raw(signature), kCoordinateBytes);
  BN_bn2binpad(ECDSA_SIG_get0_s(numbers.get()), raw(signature) + kCoordinateBytes,
               kCoordinateBytes);
  return signature;
}

std::string hmac(std::string_view secret, std::string_view text) {
  std::string code(SHA256_DIGEST_LENGTH, '\0');
  unsigned size = 0;
  BIMIP_ASSERT(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), raw(text),
                    text.size(), raw(code), &size) != nullptr);
  return code;
}

const EVP_MD* digest_of(TokenAlgorithm algorithm) {
  return algorithm == TokenAlgorithm::kEdDsa ? nullptr : EVP_sha256();
}

std::string_view type_of(TokenAlgorithm algorithm) {
  switch (algorithm) {
    case TokenAlgorithm::kHs256:
      return "oct";
    case TokenAlgorithm::kRs256:
      return "RSA";
    case TokenAlgorithm::kEs256:
      return "EC";
    case TokenAlgorithm::kEdDsa:
      return "OKP";
  }
  return "";
}

// Whether the key may check signatures, by what it says of its use.
bool is_for_signatures(const Json& jwk) {
  if (jwk.contains("use") && text_member(jwk, "use") != "sig") return false;
  const auto operations = jwk.find("key_ops");
  if (operations == jwk.end()) return true;
  return operations->is_array() && std::ranges::any_of(*operations, [](const Json& operation) {
           return operation == "verify" || operation == "sign";
         });
}

}  // namespace

struct TokenKey::Material {
  std::string secret{};  // of kHs256
  Pkey key{};            // of the others
  KeyParts parts = KeyParts::kPublic;

  Material() = default;
  Material(Material&&) = default;
  Material& operator=(Material&&) = default;
  ~Material() { OPENSSL_cleanse(secret.data(), secret.size()); }
};

std::optional<TokenAlgorithm> algorithm_of(std::string_view name) {
  using enum TokenAlgorithm;
  for (const TokenAlgorithm algorithm : {kHs256, kRs256, kEs256, kEdDsa}) {
    if (name_of(algorithm) == name) return algorithm;
  }
  return std::nullopt;
}

std::string_view name_of(TokenAlgorithm algorithm) {
  switch (algorithm) {
    case TokenAlgorithm::kHs256:
      return "HS256";
    case TokenAlgorithm::kRs256:
      return "RS256";
    case TokenAlgorithm::kEs256:
      return "ES256";
    case TokenAlgorithm::kEdDsa:
      return "EdDSA";
  }
  return "";
}

TokenKey::TokenKey(std::string kid, TokenAlgorithm algorithm,
                   std::shared_ptr<const Material> material)
    : kid_(std::move(kid)), algorithm_(algorithm), material_(std::move(material)) {
  const bool is_secret = algorithm_ == TokenAlgorithm::kHs256;
  can_sign_ = is_secret || material_->parts == KeyParts::kPrivate;
  const std::string text = to_json(is_secret ? KeyParts::kPrivate : KeyParts::kPublic)->dump();
  fingerprint_.resize(SHA256_DIGEST_LENGTH);
  SHA256(raw(std::string_view(text)), text.size(), raw(fingerprint_));
}

std::expected<TokenKey, std::string> TokenKey::parse(const Json& jwk) {
  const auto kid = text_member(jwk, "kid");
  if (!kid || kid->empty() || kid->size() > 256) return std::unexpected("a key without a kid");
  const auto refuse = [&](const std::string& what) {
    return std::unexpected("key " + Json(*kid).dump() + ": " + what);
  };
  const auto algorithm = algorithm_of(text_member(jwk, "alg").value_or(""));
  if (!algorithm) return refuse("its alg is none of HS256, RS256, ES256 and EdDSA");
  if (text_member(jwk, "kty") != type_of(*algorithm))
    return refuse("its kty is not the one of its alg");
  if (!is_for_signatures(jwk)) return refuse("it is not for signatures");
  Material material;
  material.parts = jwk.contains("d") ? KeyParts::kPrivate : KeyParts::kPublic;
  switch (*algorithm) {
    case TokenAlgorithm::kHs256:
      material.secret = bytes_member(jwk, "k").value_or("");
      if (material.secret.size() < kSecretBytesMin || material.secret.size() > kSecretBytesMax)
        return refuse("its secret has not 32 to 1024 bytes");
      break;
    case TokenAlgorithm::kRs256:
      material.key = parse_rsa(jwk, material.parts);
      if (!material.key) return refuse("it is no RSA key of 2048 to 8192 bits");
      break;
    case TokenAlgorithm::kEs256:
      material.key = parse_ec(jwk, material.parts);
      if (!material.key) return refuse("it is no key of the curve P-256");
      break;
    case TokenAlgorithm::kEdDsa:
      material.key = parse_ed25519(jwk, material.parts);
      if (!material.key) return refuse("it is no key of Ed25519");
      break;
  }
  return TokenKey(*kid, *algorithm, std::make_shared<const Material>(std::move(material)));
}

TokenKey TokenKey::generate(TokenAlgorithm algorithm, std::string kid) {
  Material material;
  material.parts = KeyParts::kPrivate;
  switch (algorithm) {
    case TokenAlgorithm::kHs256:
      material.secret.resize(kSecretBytesMin);
      BIMIP_ASSERT(RAND_bytes(raw(material.secret), static_cast<int>(kSecretBytesMin)) == 1);
      break;
    case TokenAlgorithm::kRs256:
      material.key.reset(EVP_RSA_gen(kRsaBitsMin));
      break;
    case TokenAlgorithm::kEs256:
      material.key.reset(EVP_EC_gen("prime256v1"));
      break;
    case TokenAlgorithm::kEdDsa:
      material.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
  }
  BIMIP_ASSERT(algorithm == TokenAlgorithm::kHs256 || material.key);
  return {std::move(kid), algorithm, std::make_shared<const Material>(std::move(material))};
}

bool TokenKey::verifies(std::string_view text, std::string_view signature) const {
  if (algorithm_ == TokenAlgorithm::kHs256) {
    const std::string code = hmac(material_->secret, text);
    return signature.size() == code.size() &&
           CRYPTO_memcmp(signature.data(), code.data(), code.size()) == 0;
  }
  std::string der;
  if (algorithm_ == TokenAlgorithm::kEs256) {
    if (signature.size() != 2 * kCoordinateBytes) return false;
    der = to_der(signature);
    signature = der;
  }
  const DigestContext context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, digest_of(algorithm_), nullptr,
                              material_->key.get()) == 1 &&
         EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(text),
                          text.size()) == 1;
}

std::string TokenKey::sign(std::string_view text) const {
  BIMIP_ASSERT(can_sign_);
  if (algorithm_ == TokenAlgorithm::kHs256) return hmac(material_->secret, text);
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  BIMIP_ASSERT(EVP_DigestSignInit(context.get(), nullptr, digest_of(algorithm_), nullptr,
                                  material_->key.get()) == 1);
  BIMIP_ASSERT(EVP_DigestSign(context.get(), nullptr, &size, raw(text), text.size()) == 1);
  std::string signature(size, '\0');
  BIMIP_ASSERT(EVP_DigestSign(context.get(), raw(signature), &size, raw(text), text.size()) == 1);
  signature.resize(size);
  return algorithm_ == TokenAlgorithm::kEs256 ? from_der(signature) : signature;
}

std::optional<Json> TokenKey::to_json(KeyParts parts) const {
  Json jwk{
      {"kid", kid_}, {"alg", name_of(algorithm_)}, {"kty", type_of(algorithm_)}, {"use", "sig"}};
  const EVP_PKEY* key = material_->key.get();
  const bool whole = parts == KeyParts::kPrivate && can_sign_;
  switch (algorithm_) {
    case TokenAlgorithm::kHs256:
      if (parts == KeyParts::kPublic) return std::nullopt;
      jwk["k"] = to_base64url(material_->secret);
      break;
    case TokenAlgorithm::kRs256:
      for (const NumberName& name : kRsaPublic) jwk[name.jwk] = number_member(key, name.openssl, 1);
      if (!whole) break;
      for (const NumberName& name : kRsaPrivate)
        jwk[name.jwk] = number_member(key, name.openssl, 1);
      break;
    case TokenAlgorithm::kEs256:
      jwk["crv"] = "P-256";
      jwk["x"] = number_member(key, OSSL_PKEY_PARAM_EC_PUB_X, kCoordinateBytes);
      jwk["y"] = number_member(key, OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinateBytes);
      if (whole) jwk["d"] = number_member(key, OSSL_PKEY_PARAM_PRIV_KEY, kCoordinateBytes);
      break;
    case TokenAlgorithm::kEdDsa: {
      std::string bytes(kEdBytes, '\0');
      std::size_t size = bytes.size();
      BIMIP_ASSERT(EVP_PKEY_get_raw_public_key(key, raw(bytes), &size) == 1);
      jwk["crv"] = "Ed25519";
      jwk["x"] = to_base64url(bytes);
      if (!whole) break;
      BIMIP_ASSERT(EVP_PKEY_get_raw_private_key(key, raw(bytes), &size) == 1);
      jwk["d"] = to_base64url(bytes);
      break;
    }
  }
  return jwk;
}

}  // namespace bimip::frontend
