// Awareness as a session has it: what the log refuses, a peer that takes nothing, signs of life.
#include <gtest/gtest.h>

#include "frontend/stanza/limits.h"
#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

class SessionAwareness : public ::testing::Test {
 protected:
  World world;
  std::unique_ptr<Client> ann = Client::welcomed(world, {}, "ann");
  std::unique_ptr<Client> bob = Client::welcomed(world, {}, "bob");
  std::map<std::string, v1::AwarenessView> seen;  // by bob
  std::size_t pushes = 0;

  v1::Stanza ask(Client& client, v1::Stanza stanza) {
    stanza.set_id(++last_id_);
    client.say(stanza);
    return answer_of(client, stanza.id());
  }
  v1::Stanza answer_of(Client& client, std::uint64_t id) {
    v1::Stanza answer;
    for (const v1::Stanza& said : client.said()) {
      take(said);
      if (said.id() == id) answer = said;
    }
    return answer;
  }
  void take(const v1::Stanza& said) {
    if (!said.has_awareness_changed()) return;
    ++pushes;
    for (const v1::AwarenessView& view : said.awareness_changed().views()) seen[view.eid()] = view;
  }
  void set(Client& client, v1::UserState state) {
    v1::Stanza stanza;
    stanza.mutable_set_awareness()->set_state(state);
    EXPECT_TRUE(ask(client, stanza).has_awareness_set());
  }
  v1::Stanza subscribe() {
    v1::Stanza stanza;
    stanza.mutable_subscribe_awareness()->set_eid("ann");
    return ask(*bob, stanza);
  }
  v1::Stanza answer(bool grant) {
    v1::Stanza stanza;
    stanza.mutable_answer_awareness()->set_eid("bob");
    stanza.mutable_answer_awareness()->set_grant(grant);
    return ask(*ann, stanza);
  }
  void befriend() {
    EXPECT_EQ(subscribe().awareness_relation().taken(), v1::CONSENT_REQUESTED);
    EXPECT_EQ(answer(true).awareness_relation().given(), v1::CONSENT_GRANTED);
  }
  void watch() {
    v1::Stanza stanza;
    stanza.mutable_watch_awareness()->set_contacts(true);
    EXPECT_TRUE(ask(*bob, stanza).has_awareness_watched());
  }
  // What bob is told meanwhile he takes, if he takes anything; both are heard.
  void pass(std::chrono::milliseconds time, bool ann_is_heard = true) {
    world.clock.pass(time);
    if (ann_is_heard) ann->session().on_heard(world.now());
    bob->session().on_heard(world.now());
    for (const v1::Stanza& said : bob->said()) take(said);
  }

 private:
  std::uint64_t last_id_ = 100;
};

TEST_F(SessionAwareness, AConsentThatTheLogRefusesIsNotInForce) {
  set(*ann, v1::USER_STATE_ONLINE);
  EXPECT_EQ(subscribe().awareness_relation().taken(), v1::CONSENT_REQUESTED);
  watch();
  world.scripted().refuse = [](const engine::RecordFields&) {
    return engine::Error{ErrorCode::kNoSpace, "the disk is full"};
  };
  EXPECT_EQ(answer(true).error().code(), v1::CODE_NO_SPACE);
  pass(5s);
  EXPECT_FALSE(seen.contains("ann"));
  world.scripted().refuse = {};
  EXPECT_EQ(answer(true).awareness_relation().given(), v1::CONSENT_GRANTED);
  pass(5s);
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_ONLINE);
}

TEST_F(SessionAwareness, AStateIsAnsweredOnceItSurvivesThePower) {
  world.scripted().holds = true;
  const auto say = [&](std::uint64_t id, v1::UserState state) {
    v1::Stanza stanza;
    stanza.set_id(id);
    stanza.mutable_set_awareness()->set_state(state);
    ann->say(stanza);
  };
  // The second is behind the record of the first, the third like the second.
  say(1, v1::USER_STATE_ONLINE);
  say(2, v1::USER_STATE_INVISIBLE);
  say(3, v1::USER_STATE_UNSPECIFIED);
  EXPECT_TRUE(ann->said().empty());
  world.scripted().holds = false;
  world.scripted().let_go();
  const std::vector<v1::Stanza> said = ann->said();
  ASSERT_EQ(said.size(), 3U);
  EXPECT_EQ(said[0].awareness_set().state(), v1::USER_STATE_ONLINE);
  EXPECT_EQ(said[1].awareness_set().state(), v1::USER_STATE_INVISIBLE);
  EXPECT_EQ(said[2].awareness_set().state(), v1::USER_STATE_INVISIBLE);
}

TEST_F(SessionAwareness, AStateThatTheLogRefusesIsSaidToBeAndIsTriedAgain) {
  int refused = 0;
  world.scripted().refuse = [&](const engine::RecordFields&) -> std::optional<engine::Error> {
    ++refused;
    return engine::Error{ErrorCode::kNoSpace, "the disk is full"};
  };
  v1::Stanza busy;
  busy.mutable_set_awareness()->set_state(v1::USER_STATE_BUSY);
  EXPECT_EQ(ask(*ann, busy).error().code(), v1::CODE_NO_SPACE);
  const int before = refused;
  pass(2s);
  EXPECT_GT(refused, before);
  world.scripted().refuse = {};
  pass(2s);
  EXPECT_EQ(ask(*ann, busy).awareness_set().state(), v1::USER_STATE_BUSY);
}

TEST_F(SessionAwareness, AnAnswerWaitsForTheDiskAndSoDoesTheNextOneAboutThePair) {
  EXPECT_EQ(subscribe().awareness_relation().taken(), v1::CONSENT_REQUESTED);
  world.scripted().holds = true;
  v1::Stanza grant;
  grant.set_id(1);
  grant.mutable_answer_awareness()->set_eid("bob");
  grant.mutable_answer_awareness()->set_grant(true);
  ann->say(grant);
  v1::Stanza cancel;
  cancel.set_id(2);
  cancel.mutable_cancel_awareness()->set_eid("bob");
  ann->say(cancel);
  EXPECT_TRUE(ann->said().empty());
  EXPECT_EQ(world.scripted().held(), 1U);
  world.scripted().holds = false;
  world.scripted().let_go();
  const std::vector<v1::Stanza> said = ann->said();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].awareness_relation().given(), v1::CONSENT_GRANTED);
  EXPECT_EQ(said[1].awareness_relation().given(), v1::CONSENT_NONE);
}

// What was stored of it, not who is there: a disk that is full hides nobody.
TEST_F(SessionAwareness, AStateIsToldThoughTheLogRefusesItsRecord) {
  befriend();
  watch();
  pass(2s);
  world.scripted().refuse = [](const engine::RecordFields&) {
    return engine::Error{ErrorCode::kNoSpace, "the disk is full"};
  };
  v1::Stanza busy;
  busy.mutable_set_awareness()->set_state(v1::USER_STATE_BUSY);
  EXPECT_EQ(ask(*ann, busy).error().code(), v1::CODE_NO_SPACE);
  pass(2s);
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_BUSY);
  EXPECT_GE(world.awareness().numbers().records_refused, 2U);
}

TEST_F(SessionAwareness, D32APeerThatTakesNothingHoldsOnePushAndThenHasTheNewest) {
  world.in_force.output_bytes = 1;
  bob = Client::welcomed(world, {}, "bob");
  befriend();
  watch();
  pass(2s);
  bob->stop_reading();
  set(*ann, v1::USER_STATE_ONLINE);
  pass(2s);
  const std::size_t one = bob->session().outbox().waiting();
  EXPECT_GT(one, 0U);
  for (int i = 0; i < 50; ++i) {
    set(*ann, i % 2 == 0 ? v1::USER_STATE_AWAY : v1::USER_STATE_BUSY);
    pass(2s);
  }
  EXPECT_EQ(bob->session().outbox().waiting(), one);
  bob->read_again();
  pushes = 0;
  pass(2s);
  EXPECT_EQ(pushes, 2U);
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_BUSY);
}

// A dead peer is not kept there by the Pings that are sent to it.
TEST_F(SessionAwareness, D28OnlyWhatIsHeardKeepsADeviceThere) {
  befriend();
  watch();
  set(*ann, v1::USER_STATE_ONLINE);
  for (int i = 0; i < 20; ++i) pass(20s);
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_ONLINE);
  for (int i = 0; i < 400; ++i) {
    world.clock.pass(200ms);
    ann->session().on_tick(world.now());
    pass(0ms, false);
  }
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_OFFLINE);
}

TEST_F(SessionAwareness, D29BeingHeardSendsAndStoresNothingAndLiftsNoBlock) {
  befriend();
  watch();
  set(*ann, v1::USER_STATE_ONLINE);
  pass(2s);
  v1::Stanza block;
  block.mutable_restrict_awareness()->set_eid("bob");
  block.mutable_restrict_awareness()->set_restriction(v1::RESTRICTION_BLOCKED);
  EXPECT_EQ(ask(*ann, block).awareness_relation().restriction(), v1::RESTRICTION_BLOCKED);
  pass(2s);
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_OFFLINE);
  pushes = 0;
  const std::uint64_t transitions = world.awareness().numbers().transitions;
  for (int i = 0; i < 100; ++i) {
    v1::Stanza ping;
    ping.mutable_ping();
    EXPECT_TRUE(ask(*ann, ping).has_pong());
    pass(5s);
  }
  EXPECT_EQ(pushes, 0U);
  EXPECT_EQ(world.awareness().numbers().transitions, transitions);
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_OFFLINE);
}

// Who is busy is there, and is told of others as before.
TEST_F(SessionAwareness, D26WhoIsBusyIsStillTold) {
  befriend();
  watch();
  set(*bob, v1::USER_STATE_DO_NOT_DISTURB);
  set(*ann, v1::USER_STATE_AWAY);
  pass(2s);
  EXPECT_EQ(seen["ann"].state(), v1::USER_STATE_AWAY);
}

TEST_F(SessionAwareness, D6StanzasWithNothingInThemAreAnswered) {
  const auto* const stanzas = v1::Stanza::descriptor();
  for (int number = 96; number < 128; ++number) {
    const auto* const field = stanzas->FindFieldByNumber(number);
    if (field == nullptr) continue;
    v1::Stanza stanza;
    stanza.GetReflection()->MutableMessage(&stanza, field);
    const bool is_silent = field->name() == "set_activity";
    if (is_silent) set(*ann, v1::USER_STATE_ONLINE);
    EXPECT_EQ(ask(*ann, stanza).body_case() == v1::Stanza::BODY_NOT_SET, is_silent)
        << field->name();
    EXPECT_TRUE(ann->session().is_open());
  }
}

TEST_F(SessionAwareness, WhatWasTakenIsAnsweredBeforeADrainEndsTheSession) {
  world.scripted().holds = true;
  v1::Stanza stanza;
  stanza.set_id(7);
  stanza.mutable_subscribe_awareness()->set_eid("ann");
  bob->say(stanza);
  EXPECT_TRUE(bob->said().empty());
  bob->session().on_drain();
  EXPECT_FALSE(bob->session().is_over());
  world.scripted().holds = false;
  world.scripted().let_go();
  const std::vector<v1::Stanza> said = bob->said();
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[0].awareness_relation().taken(), v1::CONSENT_REQUESTED);
  EXPECT_EQ(said[1].goodbye().code(), v1::CODE_UNAVAILABLE);
}

TEST_F(SessionAwareness, RequestsOnTheirWayAreBounded) {
  world.scripted().holds = true;
  for (std::size_t i = 0; i <= limits::kAwarenessRequestsMax; ++i) {
    v1::Stanza stanza;
    stanza.set_id(i + 1);
    stanza.mutable_subscribe_awareness()->set_eid("friend" + std::to_string(i));
    ann->say(stanza);
  }
  const std::vector<v1::Stanza> refused = ann->said();
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].error().code(), v1::CODE_RESOURCE_EXHAUSTED);
  world.scripted().holds = false;
  world.scripted().let_go();
  EXPECT_EQ(ann->said().size(), limits::kAwarenessRequestsMax);
}

}  // namespace
}  // namespace bimip::testing
