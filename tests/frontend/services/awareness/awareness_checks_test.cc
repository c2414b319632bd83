#include "frontend/services/awareness/awareness_checks.h"

#include <gtest/gtest.h>

#include <limits>

namespace bimip::frontend {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(AwarenessChecks, EveryNumberOfAPlaceIsWithinItsRange) {
  EXPECT_EQ(fault_of(Position{.latitude = -90, .longitude = 180}), "");
  EXPECT_EQ(fault_of(Position{.latitude = 90,
                              .longitude = -180,
                              .accuracy_m = 0,
                              .heading_degrees = 359.9,
                              .speed_mps = 0}),
            "");
  for (const double bad : {kNan, kInfinity, -kInfinity, 1e300, -1e300}) {
    EXPECT_NE(fault_of(Position{.latitude = bad}), "");
    EXPECT_NE(fault_of(Position{.longitude = bad}), "");
    EXPECT_NE(fault_of(Position{.accuracy_m = bad}), "");
    EXPECT_NE(fault_of(Position{.heading_degrees = bad}), "");
    EXPECT_NE(fault_of(Position{.speed_mps = bad}), "");
    EXPECT_NE(fault_of(SystemFacts{.load = bad}), "");
  }
  EXPECT_NE(fault_of(Position{.latitude = 90.0001}), "");
  EXPECT_NE(fault_of(Position{.longitude = -180.0001}), "");
  EXPECT_NE(fault_of(Position{.accuracy_m = -0.1}), "");
  EXPECT_NE(fault_of(Position{.heading_degrees = 360}), "");
  EXPECT_NE(fault_of(Position{.speed_mps = -1}), "");
}

TEST(AwarenessChecks, SystemFactsAreBounded) {
  EXPECT_EQ(fault_of(SystemFacts{.battery_percent = 100, .load = 0.5}), "");
  EXPECT_NE(fault_of(SystemFacts{.battery_percent = 101}), "");
  EXPECT_NE(fault_of(SystemFacts{.load = -0.1}), "");
  EXPECT_NE(fault_of(SystemFacts{.network = std::string(129, 'n')}), "");
  EXPECT_NE(fault_of(SystemFacts{.app_version = std::string(129, 'v')}), "");
  EXPECT_EQ(fault_of(SystemFacts{.fields = {{"k", std::string(128, 'v')}}}), "");
  EXPECT_NE(fault_of(SystemFacts{.fields = {{"k", std::string(129, 'v')}}}), "");
  EXPECT_NE(fault_of(SystemFacts{.fields = {{"", "v"}}}), "");
  SystemFacts many;
  for (int i = 0; i < 17; ++i) many.fields.emplace_back(std::to_string(i), "");
  EXPECT_NE(fault_of(many), "");
}

TEST(AwarenessChecks, WordsAreWords) {
  EXPECT_EQ(fault_of(Activity{.name = "typing"}), "");
  EXPECT_EQ(fault_of(Activity{.name = "Recording-2", .to = "bob"}), "");
  EXPECT_NE(fault_of(Activity{.name = ""}), "");
  EXPECT_NE(fault_of(Activity{.name = std::string(33, 'a')}), "");
  EXPECT_NE(fault_of(Activity{.name = "two words"}), "");
  EXPECT_NE(fault_of(Activity{.name = "typing", .to = std::string(257, 'e')}), "");
  EXPECT_EQ(fault_of_text(std::string(256, 't')), "");
  EXPECT_NE(fault_of_text(std::string(257, 't')), "");
  EXPECT_NE(fault_of_eid(""), "");
  EXPECT_NE(fault_of_eid(std::string("a\0b", 3)), "");
}

}  // namespace
}  // namespace bimip::frontend
