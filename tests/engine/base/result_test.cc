#include "engine/base/result.h"

#include <gtest/gtest.h>

#include <set>

namespace bimip::engine {
namespace {

TEST(Result, CarriesItsErrorWithTheRange) {
  const Result<int> result =
      fail(ErrorCode::kDamaged, "rot", {.first = Offset(3), .end = Offset(5)});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kDamaged);
  EXPECT_EQ(result.error().message, "rot");
  EXPECT_EQ(result.error().range, (OffsetRange{.first = Offset(3), .end = Offset(5)}));
}

TEST(Result, AnErrorGetsThePlaceItHappenedPutBeforeIt) {
  const Status status = fail_at("a/manifest", {ErrorCode::kForeign, "of another store"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kForeign);
  EXPECT_EQ(status.error().message, "a/manifest: of another store");
}

TEST(ErrorCode, EveryOneHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kIo); ++code) {
    const std::string_view name = name_of(static_cast<ErrorCode>(code));
    EXPECT_NE(name, "unknown") << code;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(name_of(static_cast<ErrorCode>(static_cast<int>(ErrorCode::kIo) + 1)), "unknown");
}

}  // namespace
}  // namespace bimip::engine
