#include "frontend/stanza/codes.h"

#include <gtest/gtest.h>

#include "bimip/v1/code.pb.h"

namespace bimip::frontend {
namespace {

TEST(Codes, HaveTheNamesOfTheStanzas) {
  ASSERT_EQ(all_codes().size(), static_cast<std::size_t>(v1::Code_ARRAYSIZE));
  for (const CodeFacts& facts : all_codes()) {
    const auto number = static_cast<v1::Code>(facts.code);
    EXPECT_EQ("CODE_" + std::string(facts.name), v1::Code_Name(number));
  }
}

TEST(Codes, SayWhatToDoAboutEveryErrorOfTheLog) {
  using engine::ErrorCode;
  EXPECT_EQ(facts_of(code_of(ErrorCode::kNoSpace)).retry, Retry::kYes);
  EXPECT_EQ(facts_of(code_of(ErrorCode::kBusy)).retry, Retry::kYes);
  EXPECT_EQ(facts_of(code_of(ErrorCode::kClosed)).retry, Retry::kYes);
  for (const ErrorCode code :
       {ErrorCode::kInvalidArgument, ErrorCode::kTooLarge, ErrorCode::kNotFound,
        ErrorCode::kSuperseded, ErrorCode::kDegraded, ErrorCode::kTooManyHeld}) {
    EXPECT_EQ(facts_of(code_of(code)).retry, Retry::kNo) << engine::name_of(code);
  }
}

}  // namespace
}  // namespace bimip::frontend
