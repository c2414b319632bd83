#include <gtest/gtest.h>

#include <random>

#include "frontend/identity/grant.h"
#include "frontend/identity/permissions.h"

namespace bimip::frontend {
namespace {

TEST(Pattern, IsATopicsNameOrHasStarsForAnything) {
  EXPECT_TRUE(matches("orders", "orders"));
  EXPECT_FALSE(matches("orders", "orders.eu"));
  EXPECT_FALSE(matches("orders", "order"));
  EXPECT_TRUE(matches("orders.*", "orders.eu.fr"));
  EXPECT_FALSE(matches("orders.*", "orders"));
  EXPECT_FALSE(matches("orders.*", "orders-eu"));
  EXPECT_TRUE(matches("*.eu", "orders.eu"));
  EXPECT_TRUE(matches("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches("a*b*c", "a-c-b"));
  EXPECT_TRUE(matches("*", "anything"));
  EXPECT_TRUE(matches("**", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_FALSE(matches("[a-z]?", "ab"));
}

// The plain definition, to compare with.
bool matches_slowly(std::string_view pattern, std::string_view topic) {
  if (pattern.empty()) return topic.empty();
  if (pattern.front() == '*') {
    return matches_slowly(pattern.substr(1), topic) ||
           (!topic.empty() && matches_slowly(pattern, topic.substr(1)));
  }
  return !topic.empty() && pattern.front() == topic.front() &&
         matches_slowly(pattern.substr(1), topic.substr(1));
}

TEST(Pattern, AgreesWithItsDefinition) {
  std::mt19937 random(7);
  const auto text = [&](const char* letters, std::size_t most) {
    std::string made(random() % (most + 1), ' ');
    for (char& c : made) c = letters[random() % 3];
    return made;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string pattern = text("ab*", 6);
    const std::string topic = text("aba", 8);
    ASSERT_EQ(matches(pattern, topic), matches_slowly(pattern, topic))
        << "seed 7, round " << i << ": " << pattern << " and " << topic;
  }
}

TEST(Permissions, AllowNothingUnlessAPatternDoes) {
  const Permissions permissions{.publish = {"orders.*"}, .subscribe = {"news", "orders.*"}};
  EXPECT_TRUE(permissions.allow(Action::kPublish, "orders.eu"));
  EXPECT_FALSE(permissions.allow(Action::kPublish, "news"));
  EXPECT_TRUE(permissions.allow(Action::kSubscribe, "news"));
  EXPECT_FALSE(permissions.allow(Action::kAdmin, "orders.eu"));
  EXPECT_TRUE(permissions.allow_any("news"));
  EXPECT_FALSE(Permissions{}.allow_any("news"));
}

TEST(Permissions, NeverReachTheServersOwnTopics) {
  for (const Action action : {Action::kPublish, Action::kSubscribe, Action::kAdmin})
    EXPECT_FALSE(Permissions::everything()->allow(action, "$tokens"));
}

TEST(Access, AnswersAsItsPermissionsDoHoweverManyTopicsAreAskedFor) {
  const Permissions permissions{.publish = {"a*"}, .subscribe = {"*1"}};
  Access access(std::make_shared<const Permissions>(permissions));
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 500; ++i) {
      const std::string topic = (i % 2 == 0 ? "a" : "b") + std::to_string(i);
      for (const Action action : {Action::kPublish, Action::kSubscribe, Action::kAdmin})
        ASSERT_EQ(access.may(action, topic), permissions.allow(action, topic)) << topic;
    }
  }
}

}  // namespace
}  // namespace bimip::frontend
