// Sessions and their tokens: who they are, what they may do, when they end. D1 to D8 in names are
// the defects of the program that this one replaces.
#include "frontend/session/bearer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "tests/frontend/session/token_host.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Json claims_of(const std::string& eid, const std::string& id) {
  Json body = claims();
  body["sub"] = eid;
  body["jti"] = id;
  body["bimip"] = {{"publish", {"orders.*"}}, {"subscribe", {"orders.*"}}, {"admin", {"orders.*"}}};
  return body;
}

std::string alice(const std::string& id = "a-1") {
  return token_of(claims_of("alice@example.com", id));
}

std::string operators() {
  Json body = claims_of("root", "r-1");
  body["bimip"] = {{"operator", true}, {"publish", {"*"}}, {"subscribe", {"*"}}, {"admin", {"*"}}};
  return token_of(body);
}

v1::Stanza publish_to(const std::string& topic) {
  v1::Stanza stanza;
  stanza.set_id(7);
  stanza.mutable_publish()->set_topic(topic);
  stanza.mutable_publish()->set_value("value");
  return stanza;
}

v1::Stanza create(const std::string& topic) {
  v1::Stanza stanza;
  stanza.set_id(5);
  stanza.mutable_create_topic()->set_topic(topic);
  return stanza;
}

v1::Stanza alter(const std::string& topic) {
  v1::Stanza stanza;
  stanza.set_id(6);
  stanza.mutable_alter_topic()->set_topic(topic);
  stanza.mutable_alter_topic()->set_retention_bytes(1);
  return stanza;
}

v1::Stanza refresh_with(const std::string& token) {
  v1::Stanza stanza;
  stanza.set_id(8);
  stanza.mutable_token_refresh()->set_token(token);
  return stanza;
}

v1::Stanza revoke_all_of(const std::string& eid) {
  v1::Stanza stanza;
  stanza.set_id(9);
  stanza.mutable_token_revoke()->set_eid(eid);
  stanza.mutable_token_revoke()->set_all(true);
  return stanza;
}

v1::Code goodbye_of(Talk& talk) {
  for (const v1::Stanza& stanza : talk.receive()) {
    if (stanza.has_goodbye()) return stanza.goodbye().code();
  }
  return v1::CODE_UNSPECIFIED;
}

TEST(Bearer, IsWhoItsTokenSays) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  const v1::Stanza answer = talk.identify(alice(), "", "phone");
  ASSERT_TRUE(answer.has_welcome()) << answer.DebugString();
  EXPECT_EQ(answer.id(), 1U);
  EXPECT_EQ(answer.welcome().eid(), "alice@example.com");
  EXPECT_EQ(answer.welcome().device(), "phone");
  EXPECT_EQ(answer.welcome().token_expires_at_us(), (kNowSeconds + 3600) * 1'000'000);
}

TEST(Bearer, D1IsNobodyElseWhateverTheClientSays) {
  TokenHost host(Checks::kTokens);
  Talk other(host);
  EXPECT_EQ(other.identify(alice(), "bob@example.com").goodbye().code(), v1::CODE_UNAUTHENTICATED);
  Json bound = claims_of("alice@example.com", "a-2");
  bound["device"] = "phone";
  Talk device(host);
  EXPECT_EQ(device.identify(token_of(bound), "", "tablet").goodbye().code(),
            v1::CODE_UNAUTHENTICATED);
  Talk unnamed(host);
  EXPECT_EQ(unnamed.identify(token_of(bound)).welcome().device(), "phone");
}

TEST(Bearer, D2ARefreshTokenOrOneWithoutItsClaimsOpensNoSession) {
  TokenHost host(Checks::kTokens);
  Json refresh = claims_of("alice@example.com", "a-1");
  refresh["type"] = "refresh";
  Json nameless = claims_of("alice@example.com", "a-1");
  nameless.erase("sub");
  for (const Json& body : {refresh, nameless}) {
    Talk talk(host);
    EXPECT_EQ(talk.identify(token_of(body)).goodbye().code(), v1::CODE_UNAUTHENTICATED);
  }
}

TEST(Bearer, D3AWrongTokenIsTheClientsFaultAndIsSaidSo) {
  TokenHost host(Checks::kTokens);
  for (const std::string& token : {std::string("garbage"), std::string(9000, 'a'), alice() + "A"}) {
    Talk talk(host);
    const v1::Stanza answer = talk.identify(token);
    EXPECT_EQ(answer.goodbye().code(), v1::CODE_UNAUTHENTICATED);
    EXPECT_FALSE(answer.goodbye().retry());
    EXPECT_THAT(answer.goodbye().message(), HasSubstr("token"));
    EXPECT_TRUE(talk.session().is_over());
  }
  Talk without(host);
  EXPECT_EQ(without.identify("").goodbye().code(), v1::CODE_UNAUTHENTICATED);
}

TEST(Bearer, D4SessionsOfOneDeviceEndEachForItself) {
  TokenHost host(Checks::kTokens);
  Talk old(host);
  (void)old.identify(alice("a-1"), "", "phone");
  Talk young(host);
  (void)young.identify(alice("a-2"), "", "phone");
  old.session().on_disconnected();
  EXPECT_TRUE(young.ask(create("orders.eu")).has_topic_description());
}

TEST(Bearer, D4ADeviceIsItsEntitysOnly) {
  TokenHost host(Checks::kTokens);
  Talk hers(host);
  (void)hers.identify(alice(), "", "phone");
  Talk his(host);
  (void)his.identify(token_of(claims_of("bob", "b-1")), "", "phone");
  v1::Stanza revoke;
  revoke.mutable_token_revoke()->set_device("phone");
  EXPECT_TRUE(hers.ask(revoke).has_token_revoked());
  host.await_change();
  hers.tick();
  his.tick();
  EXPECT_EQ(goodbye_of(hers), v1::CODE_REVOKED);
  EXPECT_FALSE(his.session().is_over());
}

TEST(Bearer, D6StanzasWithNothingInThemCrashNothing) {
  TokenHost host(Checks::kTokens);
  engine::Random random(6);
  for (int round = 0; round < 300; ++round) {
    Talk talk(host);
    if (round % 2 == 0) (void)talk.identify(alice());
    std::string bytes;
    for (std::uint64_t i = random.below(6); i > 0; --i) {
      // A field of the envelope, of no content.
      const std::uint64_t tag = (1 + random.below(48)) << 3 | 2;
      if (tag >= 0x80) bytes += static_cast<char>(tag | 0x80);
      bytes += static_cast<char>(tag >= 0x80 ? tag >> 7 : tag);
      bytes += '\0';
    }
    talk.session().on_frame(engine::as_bytes(bytes), host.moment());
    (void)talk.receive();
  }
}

TEST(Bearer, D7ANameIsNoPath) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(operators());
  for (const char* name : {"../up", "a/b", "..", ".hidden", "a\n"}) {
    const v1::Stanza answer = talk.ask(create(name));
    EXPECT_EQ(answer.error().code(), v1::CODE_INVALID_ARGUMENT) << name;
  }
}

TEST(Bearer, TakesATokenThatItsTransportCarried) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  talk.session().set_carried_token(alice());
  v1::Stanza stanza;
  stanza.mutable_identity()->set_protocol_version(1);
  EXPECT_TRUE(talk.ask(stanza).has_welcome());
}

TEST(Bearer, HoldsWhatCameWithItsIdentityUntilItIsWelcome) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  v1::Stanza identity;
  identity.mutable_identity()->set_protocol_version(1);
  identity.mutable_identity()->set_token(alice());
  talk.send(identity);
  EXPECT_FALSE(talk.session().takes_input());
  talk.send(create("orders.eu"));
  talk.send(publish_to("news"));
  EXPECT_TRUE(talk.receive().empty());
  host.deliver();
  const auto said = talk.receive();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_TRUE(said[0].has_welcome());
  EXPECT_EQ(said[1].error().code(), v1::CODE_PERMISSION_DENIED);
  host.deliver();
  EXPECT_TRUE(talk.answer().has_topic_description());
}

TEST(Bearer, HoldsNoMoreThanAFrame) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  v1::Stanza identity;
  identity.mutable_identity()->set_protocol_version(1);
  identity.mutable_identity()->set_token(alice());
  talk.send(identity);
  v1::Stanza large = publish_to("orders.eu");
  large.mutable_publish()->set_value(std::string(limits::kMessageBytesMax, 'v'));
  talk.send(large);
  EXPECT_FALSE(talk.session().is_over());
  talk.send(large);
  EXPECT_TRUE(talk.session().is_over());
}

TEST(Bearer, DoesWhatItsPermissionsSayAndLivesOnWhenRefused) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice());
  EXPECT_TRUE(talk.ask(create("orders.eu")).has_topic_description());
  EXPECT_TRUE(talk.ask(publish_to("orders.eu")).has_published());
  v1::Stanza describe;
  describe.mutable_describe_topic()->set_topic("news");
  v1::Stanza subscribe;
  subscribe.mutable_subscribe()->set_topic("news");
  subscribe.mutable_subscribe()->set_earliest(true);
  v1::Stanza reopen;
  reopen.mutable_reopen_topic()->set_topic("news");
  for (const v1::Stanza& request : {create("news"), alter("news"), publish_to("news"), subscribe,
                                    describe, reopen, publish_to("$tokens"), create("$mine")}) {
    EXPECT_EQ(talk.ask(request).error().code(), v1::CODE_PERMISSION_DENIED);
    EXPECT_TRUE(talk.session().is_open());
  }
  EXPECT_TRUE(talk.ask(publish_to("orders.eu")).has_published());
}

TEST(Bearer, SeesOnlyTopicsThatItMayUse) {
  TokenHost host(Checks::kTokens);
  Talk boss(host);
  (void)boss.identify(operators());
  (void)boss.ask(create("orders.eu"));
  (void)boss.ask(create("secret"));
  Talk talk(host);
  (void)talk.identify(alice());
  v1::Stanza list;
  list.mutable_list_topics();
  const v1::Stanza hers = talk.ask(list);
  ASSERT_EQ(hers.topic_list().topics_size(), 1);
  EXPECT_EQ(hers.topic_list().topics(0).topic(), "orders.eu");
  EXPECT_EQ(boss.ask(list).topic_list().topics_size(), 2) << "the server's own are nobody's";
}

TEST(Bearer, IsWarnedOnceAndEndsWithItsToken) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice());
  host.clock.advance(3600s - host.limits().token_warning - 1s);
  talk.session().on_heard(host.moment());
  talk.tick();
  EXPECT_TRUE(talk.receive().empty());
  host.clock.advance(1s);
  talk.tick();
  const v1::Stanza warning = talk.answer();
  ASSERT_TRUE(warning.has_token_expiring());
  EXPECT_EQ(warning.token_expiring().expires_at_us(), (kNowSeconds + 3600) * 1'000'000);
  EXPECT_EQ(warning.token_expiring().remaining_ms(), 120'000U) << "to the end and the clock skew";
  talk.tick();
  EXPECT_TRUE(talk.receive().empty());
  host.clock.advance(host.limits().token_warning + 60s);
  talk.session().on_heard(host.moment());
  talk.tick();
  EXPECT_EQ(goodbye_of(talk), v1::CODE_TOKEN_EXPIRED);
  EXPECT_TRUE(talk.session().is_over());
}

TEST(Bearer, GoesOnWithAFreshToken) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice(), "", "phone");
  host.clock.advance(3500s);
  Json fresh = claims_of("alice@example.com", "a-2");
  fresh["exp"] = kNowSeconds + 7200;
  const v1::Stanza answer = talk.ask(refresh_with(token_of(fresh)));
  ASSERT_TRUE(answer.has_token_refreshed()) << answer.DebugString();
  EXPECT_EQ(answer.token_refreshed().expires_at_us(), (kNowSeconds + 7200) * 1'000'000);
  host.clock.advance(3000s);
  talk.session().on_heard(host.moment());
  talk.tick();
  EXPECT_TRUE(talk.receive().empty());
  EXPECT_TRUE(talk.session().is_open());
}

TEST(Bearer, IsNotRefreshedByAnothersOrAWrongToken) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice(), "", "phone");
  Json others_device = claims_of("alice@example.com", "a-2");
  others_device["device"] = "tablet";
  Json expired = claims_of("alice@example.com", "a-3");
  expired["exp"] = kNowSeconds - 100;
  EXPECT_EQ(talk.ask(refresh_with(token_of(claims_of("bob", "b-1")))).error().code(),
            v1::CODE_PERMISSION_DENIED);
  EXPECT_EQ(talk.ask(refresh_with(token_of(others_device))).error().code(),
            v1::CODE_PERMISSION_DENIED);
  EXPECT_EQ(talk.ask(refresh_with(token_of(expired))).error().code(), v1::CODE_UNAUTHENTICATED);
  EXPECT_EQ(talk.ask(refresh_with("")).error().code(), v1::CODE_UNAUTHENTICATED);
  EXPECT_TRUE(talk.session().is_open());
  EXPECT_EQ(talk.session().bearer().grant().token->id, "a-1");
}

TEST(Bearer, LosesWhatTheFreshTokenDoesNotPermit) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice());
  (void)talk.ask(create("orders.eu"));
  v1::Stanza subscribe;
  subscribe.set_id(3);
  subscribe.mutable_subscribe()->set_topic("orders.eu");
  subscribe.mutable_subscribe()->set_latest(true);
  ASSERT_TRUE(talk.ask(subscribe).has_subscribed());
  Json narrower = claims_of("alice@example.com", "a-2");
  narrower["bimip"] = {{"publish", {"orders.*"}}};
  talk.send(refresh_with(token_of(narrower)));
  host.deliver();
  const auto said = talk.receive();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_TRUE(said[0].has_token_refreshed());
  EXPECT_EQ(said[1].error().code(), v1::CODE_PERMISSION_DENIED);
  EXPECT_EQ(talk.ask(subscribe).error().code(), v1::CODE_PERMISSION_DENIED);
  EXPECT_TRUE(talk.ask(publish_to("orders.eu")).has_published());
}

TEST(Bearer, EndsAtOnceWhenItsTokenIsRevokedAndOpensNoneAgain) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice("a-1"));
  Talk same(host);
  (void)same.identify(alice("a-1"));
  Talk other(host);
  (void)other.identify(alice("a-2"));
  v1::Stanza revoke;
  revoke.mutable_token_revoke()->set_token_id("a-1");
  EXPECT_TRUE(talk.ask(revoke).has_token_revoked());
  host.await_change();
  for (Talk* each : {&talk, &same, &other}) each->tick();
  EXPECT_EQ(goodbye_of(talk), v1::CODE_REVOKED);
  EXPECT_EQ(goodbye_of(same), v1::CODE_REVOKED);
  EXPECT_TRUE(other.session().is_open());
  Talk again(host);
  const v1::Stanza refused = again.identify(alice("a-1"));
  EXPECT_EQ(refused.goodbye().code(), v1::CODE_REVOKED);
  EXPECT_FALSE(refused.goodbye().retry());
  EXPECT_EQ(other.ask(refresh_with(alice("a-1"))).error().code(), v1::CODE_UNAUTHENTICATED);
}

TEST(Bearer, IsRevokedByItselfOrAnOperatorOnly) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice());
  EXPECT_EQ(talk.ask(revoke_all_of("bob")).error().code(), v1::CODE_PERMISSION_DENIED);
  Talk boss(host);
  (void)boss.identify(operators());
  EXPECT_TRUE(boss.ask(revoke_all_of("alice@example.com")).has_token_revoked());
  host.await_change();
  talk.tick();
  boss.tick();
  EXPECT_EQ(goodbye_of(talk), v1::CODE_REVOKED);
  EXPECT_TRUE(boss.session().is_open());
}

TEST(Bearer, StaysRevokedOverARestartAndComesBackWithAYoungerToken) {
  TokenHost host(Checks::kTokens);
  {
    Talk boss(host);
    (void)boss.identify(operators());
    (void)boss.ask(revoke_all_of("alice@example.com"));
  }
  host.restart();
  Talk talk(host);
  EXPECT_EQ(talk.identify(alice()).goodbye().code(), v1::CODE_REVOKED);
  Json undated = claims_of("alice@example.com", "a-2");
  undated.erase("iat");
  Talk unknown(host);
  EXPECT_EQ(unknown.identify(token_of(undated)).goodbye().code(), v1::CODE_REVOKED);
  host.clock.advance(1s);
  Json younger = claims_of("alice@example.com", "a-3");
  younger["iat"] = kNowSeconds + 1;
  Talk back(host);
  EXPECT_TRUE(back.identify(token_of(younger)).has_welcome());
}

TEST(Bearer, RevokesNoMoreThanTheServerKeeps) {
  TokenHost host(Checks::kTokens, 2);
  Talk boss(host);
  (void)boss.identify(operators());
  EXPECT_TRUE(boss.ask(revoke_all_of("a")).has_token_revoked());
  EXPECT_TRUE(boss.ask(revoke_all_of("b")).has_token_revoked());
  const v1::Stanza refused = boss.ask(revoke_all_of("c"));
  EXPECT_EQ(refused.error().code(), v1::CODE_RESOURCE_EXHAUSTED);
  EXPECT_TRUE(refused.error().retry());
  // When the tokens that they are about have expired, there is room again.
  host.clock.advance(rules().life_max + 2 * rules().clock_skew);
  EXPECT_TRUE(boss.ask(revoke_all_of("c")).has_token_revoked());
}

TEST(Bearer, RefusesARevocationOfNothing) {
  TokenHost host(Checks::kTokens);
  Talk talk(host);
  (void)talk.identify(alice());
  v1::Stanza nothing;
  nothing.mutable_token_revoke();
  v1::Stanza unnamed;
  unnamed.mutable_token_revoke()->set_device("");
  v1::Stanza huge;
  huge.mutable_token_revoke()->set_token_id(std::string(200, 'x'));
  for (const v1::Stanza& request : {nothing, unnamed, huge})
    EXPECT_EQ(talk.ask(request).error().code(), v1::CODE_INVALID_ARGUMENT);
}

TEST(Bearer, EndsWhenItsKeyIsTakenAway) {
  TokenHost host(Checks::kTokens);
  Talk by_ed(host);
  (void)by_ed.identify(alice());
  Talk by_es(host);
  (void)by_es.identify(token_of(claims_of("bob", "b-1"), "es"));
  host.write_keys(KeySet({*keys().find("es")}));
  EXPECT_EQ(host.tokens()->refresh(), KeyRing::Reload::kChanged);
  by_ed.tick();
  by_es.tick();
  EXPECT_EQ(goodbye_of(by_ed), v1::CODE_UNAUTHENTICATED);
  EXPECT_TRUE(by_es.session().is_open());
}

TEST(Bearer, OfAServerWithoutTokensIsWhoItSaysAndMayDoAll) {
  TokenHost host(Checks::kNothing);
  Talk talk(host);
  EXPECT_EQ(talk.identify("", "carol", "desk").welcome().eid(), "carol");
  EXPECT_TRUE(talk.ask(create("anything")).has_topic_description());
  EXPECT_EQ(talk.ask(create("$mine")).error().code(), v1::CODE_PERMISSION_DENIED);
  EXPECT_EQ(talk.ask(refresh_with("x")).error().code(), v1::CODE_UNIMPLEMENTED);
  EXPECT_EQ(talk.ask(revoke_all_of("carol")).error().code(), v1::CODE_UNIMPLEMENTED);
  Talk nobody(host);
  EXPECT_EQ(nobody.identify("").goodbye().code(), v1::CODE_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace bimip::testing
