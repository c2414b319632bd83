#include "frontend/identity/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/frontend/identity/tokens.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

using ::testing::HasSubstr;

class KeyRingTest : public ::testing::Test {
 protected:
  void write(const std::string& text) const { std::ofstream(path()) << text; }
  [[nodiscard]] std::string path() const { return (folder_.path() / "keys.json").string(); }

 private:
  TempDirectory folder_;
};

TEST_F(KeyRingTest, TakesUpAFileThatHasChanged) {
  write(keys().to_text(KeyParts::kPublic));
  auto ring = KeyRing::open(path());
  ASSERT_TRUE(ring) << ring.error();
  EXPECT_EQ((*ring)->reload(), KeyRing::Reload::kUnchanged);
  const auto before = (*ring)->keys();
  const KeySet next({TokenKey::generate(TokenAlgorithm::kEdDsa, "next")});
  write(next.to_text(KeyParts::kPublic));
  EXPECT_EQ((*ring)->reload(), KeyRing::Reload::kChanged);
  EXPECT_NE((*ring)->keys()->find("next"), nullptr);
  EXPECT_EQ((*ring)->keys()->find("ed"), nullptr);
  EXPECT_NE(before->find("ed"), nullptr) << "whoever checks with the keys before still can";
}

TEST_F(KeyRingTest, KeepsItsKeysWhenTheFileIsNoKeySetAnyMore) {
  const std::string sound = keys().to_text(KeyParts::kPublic);
  write(sound);
  auto ring = KeyRing::open(path());
  ASSERT_TRUE(ring);
  write(sound.substr(0, sound.size() / 2));
  const auto half = (*ring)->reload();
  ASSERT_FALSE(half);
  EXPECT_THAT(half.error(), HasSubstr("keys.json: "));
  EXPECT_NE((*ring)->keys()->find("ed"), nullptr);
  EXPECT_EQ((*ring)->reload(), KeyRing::Reload::kUnchanged) << "said once for each file";
  write(sound);
  EXPECT_EQ((*ring)->reload(), KeyRing::Reload::kChanged);
}

TEST_F(KeyRingTest, SaysWhyItCannotBegin) {
  EXPECT_THAT(KeyRing::open(path()).error(), HasSubstr("cannot read"));
  write(R"({"keys":[{"kid":"a","alg":"none","kty":"oct"}]})");
  EXPECT_THAT(KeyRing::open(path()).error(), HasSubstr("keys.json: key \"a\": its alg"));
}

}  // namespace
}  // namespace bimip::testing
