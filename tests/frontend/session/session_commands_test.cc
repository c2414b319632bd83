#include "frontend/session/session_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

std::vector<std::string> eids_of(const v1::Stanza& answer) {
  EXPECT_TRUE(answer.has_session_list()) << answer.ShortDebugString();
  std::vector<std::string> eids;
  for (const v1::SessionDescription& one : answer.session_list().sessions())
    eids.push_back(one.eid());
  return eids;
}

v1::Stanza list_of(const std::function<void(v1::ListSessions&)>& change = {}) {
  v1::Stanza stanza;
  v1::ListSessions& asked = *stanza.mutable_list_sessions();
  if (change) change(asked);
  return stanza;
}

v1::Stanza kick_of(const std::string& eid, const std::string& reason) {
  v1::Stanza stanza;
  stanza.mutable_kick_sessions()->set_eid(eid);
  stanza.mutable_kick_sessions()->set_reason(reason);
  return stanza;
}

TEST(SessionCommands, ListThoseThatAreThere) {
  World world;
  world.create_topic("events");
  const auto ann = Client::welcomed(world, {}, "ann");
  const auto bob = Client::welcomed(world, {}, "bob");
  v1::Stanza subscribe = subscribe_to("events", 1);
  subscribe.mutable_subscribe()->set_latest(true);
  EXPECT_TRUE(bob->ask(subscribe).has_subscribed());
  EXPECT_THAT(eids_of(ann->ask(list_of())), UnorderedElementsAre("ann", "bob"));
  const v1::Stanza only_bob = ann->ask(list_of([](auto& asked) { asked.set_eid("bob"); }));
  EXPECT_THAT(eids_of(only_bob), ElementsAre("bob"));
  EXPECT_EQ(only_bob.session_list().sessions(0).subscriptions(), 1U);
  EXPECT_EQ(only_bob.session_list().sessions(0).opened_at_us(), micros(world.clock.now()));
  EXPECT_THAT(eids_of(ann->ask(list_of([](auto& asked) { asked.set_session_id("none"); }))),
              ElementsAre());
}

TEST(SessionCommands, RememberWhoHasLeftAndWhy) {
  World world;
  const auto ann = Client::welcomed(world, {}, "ann");
  Client::welcomed(world, {}, "bob");
  world.clock.pass(1s);
  const auto cat = Client::welcomed(world, {}, "cat");
  cat->session().on_frame(engine::as_bytes("\xFF\xFF\xFF"), world.now());
  const auto closed = [](v1::ListSessions& asked) { asked.set_closed(true); };
  const v1::Stanza answer = ann->ask(list_of(closed));
  EXPECT_THAT(eids_of(answer), ElementsAre("cat", "bob"));
  EXPECT_EQ(answer.session_list().sessions(0).code(), v1::CODE_MALFORMED);
  EXPECT_EQ(answer.session_list().sessions(0).closed_at_us(), micros(world.clock.now()));
  EXPECT_EQ(answer.session_list().sessions(0).output_bytes(), 0U)
      << "its Goodbye is not what it kept waiting";
  EXPECT_EQ(answer.session_list().sessions(1).code(), v1::CODE_UNSPECIFIED);
  {
    const Client stranger(world);
  }
  EXPECT_THAT(eids_of(ann->ask(list_of(closed))), ElementsAre("cat", "bob"));
}

TEST(SessionCommands, RememberSoManyAndNoMore) {
  World world;
  for (std::size_t i = 0; i <= limits::kClosedSessionsKept; ++i)
    world.closed_sessions().add({.eid = std::to_string(i)});
  std::size_t count = 0;
  std::string oldest;
  world.closed_sessions().for_each([&](const SessionFacts& facts) {
    ++count;
    oldest = facts.eid;
    return true;
  });
  EXPECT_EQ(count, limits::kClosedSessionsKept);
  EXPECT_EQ(oldest, "1");
}

TEST(SessionCommands, AnswerNoMoreThanAFrameHolds) {
  World world;
  const auto ann = Client::welcomed(world, {}, "ann");
  for (std::size_t i = 0; i < limits::kClosedSessionsKept; ++i)
    world.closed_sessions().add({.eid = "bob", .message = std::string(200, 'x')});
  const v1::Stanza answer = ann->ask(list_of([](auto& asked) { asked.set_closed(true); }));
  EXPECT_TRUE(answer.session_list().more());
  EXPECT_GT(answer.session_list().sessions_size(), 1000);
  EXPECT_LE(answer.ByteSizeLong(), limits::kFrameBytesMax);
}

TEST(SessionCommands, EndThoseOfAnEntityButNotTheAskers) {
  World world;
  const auto ann = Client::welcomed(world, {}, "ann");
  const auto anns_other = Client::welcomed(world, {}, "ann");
  const auto bob = Client::welcomed(world, {}, "bob");
  EXPECT_EQ(ann->ask(kick_of("bob", "too busy")).sessions_kicked().sessions(), 1U);
  const std::vector<v1::Stanza> said = bob->said();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].goodbye().code(), v1::CODE_KICKED);
  EXPECT_EQ(said[0].goodbye().message(), "ended by ann: too busy");
  EXPECT_FALSE(said[0].goodbye().retry());
  EXPECT_EQ(ann->ask(kick_of("ann", "")).sessions_kicked().sessions(), 1U);
  EXPECT_TRUE(anns_other->session().is_over());
  EXPECT_EQ(ann->ask(kick_of("nobody", "")).sessions_kicked().sessions(), 0U);
  EXPECT_EQ(ann->ask(kick_of("", "")).error().code(), v1::CODE_INVALID_ARGUMENT);
  EXPECT_EQ(ann->ask(kick_of("bob", std::string(257, 'x'))).error().code(),
            v1::CODE_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace bimip::testing
