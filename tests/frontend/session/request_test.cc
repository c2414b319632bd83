// Requests that are answered by replies, over two sessions.
#include <gtest/gtest.h>

#include "frontend/stanza/limits.h"
#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

class RequestTest : public ::testing::Test {
 protected:
  RequestTest() {
    world.create_topic("prices");
    asker = Client::welcomed(world, {}, "alice");
    replier = Client::welcomed(world, {}, "bob");
  }
  void listen() {
    v1::Stanza stanza = subscribe_to("prices", 10);
    stanza.mutable_subscribe()->set_latest(true);
    EXPECT_TRUE(replier->ask(stanza).has_subscribed());
  }
  static v1::Stanza request(std::uint64_t id, std::uint32_t timeout_ms = 0) {
    v1::Stanza stanza;
    stanza.set_id(id);
    stanza.mutable_request()->mutable_publish()->set_topic("prices");
    stanza.mutable_request()->mutable_publish()->set_value("how much?");
    stanza.mutable_request()->set_timeout_ms(timeout_ms);
    return stanza;
  }
  // To the newest request that the replier was delivered.
  v1::Stanza reply() {
    v1::Stanza stanza;
    v1::Reply& reply = *stanza.mutable_reply();
    for (const v1::Stanza& said : replier->said()) {
      for (const v1::DeliveredRecord& record : said.delivery().records()) {
        for (const v1::Header& header : record.headers()) {
          if (header.name() == "bimip-reply-to") reply.set_reply_to(header.value());
          if (header.name() == "bimip-correlation-id") reply.set_correlation_id(header.value());
        }
      }
    }
    EXPECT_FALSE(reply.reply_to().empty());
    reply.set_value("42");
    return stanza;
  }
  World world;
  std::unique_ptr<Client> asker;
  std::unique_ptr<Client> replier;
};

TEST_F(RequestTest, IsAnsweredByTheFirstReply) {
  listen();
  asker->say(request(70));
  const v1::Stanza answer = reply();
  EXPECT_TRUE(asker->said().empty()) << "the record is stored, and nobody has replied";
  EXPECT_TRUE(replier->ask(answer).has_replied());
  EXPECT_EQ(replier->ask(answer).error().code(), v1::CODE_NOT_FOUND) << "one reply counts";
  const std::vector<v1::Stanza> said = asker->said();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].id(), 70U);
  EXPECT_EQ(said[0].response().value(), "42");
  EXPECT_EQ(said[0].response().from(), "bob");
}

TEST_F(RequestTest, IsRefusedAtOnceWhereNobodyListens) {
  EXPECT_EQ(asker->ask(request(0)).error().code(), v1::CODE_NOT_FOUND);
  listen();
  replier.reset();
  EXPECT_EQ(asker->ask(request(0)).error().code(), v1::CODE_NOT_FOUND);
  const auto topic = world.scripted().find_topic("prices");
  EXPECT_EQ(world.scripted().bounds(topic->id, PartitionId(0))->visible_end, engine::Offset(0));
}

TEST_F(RequestTest, EndsWhenNobodyRepliesInTime) {
  listen();
  asker->say(request(70, 2000));
  const v1::Stanza answer = reply();
  world.clock.pass(1999ms);
  asker->session().on_tick(world.now());
  EXPECT_TRUE(asker->said().empty());
  world.clock.pass(1ms);
  asker->session().on_tick(world.now());
  EXPECT_EQ(asker->said().at(0).error().code(), v1::CODE_TIMEOUT);
  EXPECT_EQ(replier->ask(answer).error().code(), v1::CODE_NOT_FOUND) << "too late";
  EXPECT_TRUE(asker->said().empty());
}

TEST_F(RequestTest, IsAnsweredByAReplyThatWasTakenBeforeItsTimeHadPassed) {
  listen();
  asker->say(request(70, 2000));
  replier->say(reply());
  world.clock.pass(3s);
  asker->session().on_tick(world.now());
  const std::vector<v1::Stanza> said = asker->said();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].response().value(), "42");
  EXPECT_TRUE(replier->said().at(0).has_replied());
}

TEST_F(RequestTest, IsAnsweredWithTheLogsRefusal) {
  listen();
  world.scripted().refuse = [](const engine::RecordFields&) {
    return std::optional(engine::Error{.code = ErrorCode::kNoSpace, .message = "full"});
  };
  EXPECT_EQ(asker->ask(request(0, 1000)).error().code(), v1::CODE_NO_SPACE);
  world.clock.pass(2s);
  asker->session().on_tick(world.now());
  EXPECT_TRUE(asker->said().empty()) << "it is answered once";
}

TEST_F(RequestTest, RefusesRepliesToNobody) {
  listen();
  asker->say(request(70));
  v1::Stanza answer = reply();
  asker.reset();
  EXPECT_EQ(replier->ask(answer).error().code(), v1::CODE_NOT_FOUND);
  answer.mutable_reply()->set_correlation_id("seven");
  EXPECT_EQ(replier->ask(answer).error().code(), v1::CODE_INVALID_ARGUMENT);
}

TEST_F(RequestTest, WaitsForABoundedNumberOfReplies) {
  listen();
  for (std::uint64_t id = 1; id <= limits::kRequestsMax; ++id) asker->say(request(id + 100));
  (void)asker->said();
  EXPECT_EQ(asker->ask(request(0)).error().code(), v1::CODE_RESOURCE_EXHAUSTED);
  EXPECT_EQ(asker->ask(request(0, 3'600'001)).error().code(), v1::CODE_RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace bimip::testing
