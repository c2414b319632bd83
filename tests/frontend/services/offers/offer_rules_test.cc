// Whatever both sides do and in whatever order: an offer has one winner and ends once.
#include "frontend/services/offers/offer_rules.h"

#include <gtest/gtest.h>

#include "engine/base/random.h"

namespace bimip::testing {
namespace {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using engine::Timestamp;

constexpr Timestamp kNow(1'000'000s);

Offer offer() {
  return {.key = {.from = "ann", .id = "call"},
          .from_device = "phone",
          .to = "bob",
          .kind = "call",
          .description = "video",
          .proposed_at = kNow,
          .changed_at = kNow,
          .expires_at = kNow + 60s};
}
OfferMove by(const std::string& eid, const std::string& device, OfferAction action,
             const std::string& description = {}) {
  return {.action = action, .eid = eid, .device = device, .description = description};
}
Code code_of(const Offer& offer, const OfferMove& move, Timestamp now = kNow) {
  const auto after = decide(offer, move, now);
  return after ? Code::kUnspecified : after.error().code;
}

TEST(OfferRules, ACallRingsIsAcceptedAndEnds) {
  const auto ringing = decide(offer(), by("bob", "tablet", OfferAction::kRing), kNow + 1s);
  ASSERT_TRUE(ringing);
  EXPECT_EQ(ringing->state, OfferState::kRinging);
  const auto accepted =
      decide(*ringing, by("bob", "tablet", OfferAction::kAccept, "audio only"), kNow + 5s);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->state, OfferState::kAccepted);
  EXPECT_EQ(accepted->to_device, "tablet");
  EXPECT_EQ(accepted->answer, "audio only");
  EXPECT_GT(accepted->expires_at, kNow + 60s);
  EXPECT_EQ(accepted->version, 3U);
  const auto ended = decide(*accepted, by("ann", "phone", OfferAction::kEnd), kNow + 90s);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->state, OfferState::kEnded);
}

TEST(OfferRules, TheSecondDeviceHearsWhoWasFirst) {
  const Offer accepted = *decide(offer(), by("bob", "phone", OfferAction::kAccept), kNow);
  const auto second = decide(accepted, by("bob", "tablet", OfferAction::kAccept), kNow);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAlreadyExists);
  EXPECT_EQ(second.error().why, "the offer is accepted by device 'phone'");
  EXPECT_EQ(*decide(accepted, by("bob", "phone", OfferAction::kAccept), kNow + 1s), accepted)
      << "the first one asks again";
}

// Two programs of one entity that say no device are two all the same.
TEST(OfferRules, OfSessionsWithoutADeviceOneHasIt) {
  const auto by_session = [](const std::string& session, OfferAction action,
                             const std::string& description = {}) {
    OfferMove move = by("bob", "", action, description);
    move.session = session;
    return move;
  };
  for (const OfferAction action : {OfferAction::kAccept, OfferAction::kReject}) {
    const Offer answered = *decide(offer(), by_session("one", action), kNow);
    EXPECT_EQ(*decide(answered, by_session("one", action), kNow + 1s), answered) << "it asks again";
    const auto second = decide(answered, by_session("two", action), kNow);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::kAlreadyExists);
    EXPECT_TRUE(second.error().why.ends_with(" by a session without a device"));
    EXPECT_EQ(code_of(answered, by("bob", "phone", action)), Code::kAlreadyExists);
    const Offer of_device = *decide(offer(), by("bob", "phone", action), kNow);
    EXPECT_EQ(code_of(of_device, by_session("one", action)), Code::kAlreadyExists);
  }
  const Offer accepted = *decide(offer(), by_session("one", OfferAction::kAccept, "yes"), kNow);
  EXPECT_EQ(code_of(accepted, by_session("two", OfferAction::kUpdate, "x")), Code::kAlreadyExists);
  EXPECT_EQ(decide(accepted, by_session("one", OfferAction::kUpdate, "x"), kNow)->answer, "x");
}

TEST(OfferRules, WhoComesTooLateHearsWhoEndedIt) {
  const auto why = [](const Offer& offer) {
    return decide(offer, by("bob", "pad", OfferAction::kAccept), kNow).error().why;
  };
  const Offer accepted = *decide(offer(), by("bob", "phone", OfferAction::kAccept), kNow);
  EXPECT_EQ(why(*decide(accepted, by("bob", "desk", OfferAction::kEnd), kNow)),
            "the offer is ended by device 'desk' of 'bob'");
  EXPECT_EQ(why(*decide(accepted, by("ann", "", OfferAction::kEnd), kNow)),
            "the offer is ended by 'ann'");
  EXPECT_EQ(why(*decide(offer(), by("ann", "phone", OfferAction::kCancel), kNow)),
            "the offer is cancelled by device 'phone' of 'ann'");
  EXPECT_EQ(why(expire(accepted, kNow + 48h)), "the offer is ended");
  EXPECT_EQ(why(expire(offer(), kNow + 60s)), "the offer is expired");
}

TEST(OfferRules, EachSideDoesWhatIsItsOwn) {
  EXPECT_EQ(code_of(offer(), by("carol", "x", OfferAction::kAccept)), Code::kNotFound);
  for (const OfferAction action : {OfferAction::kRing, OfferAction::kAccept, OfferAction::kReject})
    EXPECT_EQ(code_of(offer(), by("ann", "phone", action)), Code::kPermissionDenied);
  EXPECT_EQ(code_of(offer(), by("bob", "phone", OfferAction::kCancel)), Code::kPermissionDenied);
  EXPECT_EQ(code_of(offer(), by("bob", "phone", OfferAction::kUpdate)), Code::kPermissionDenied);
  EXPECT_EQ(code_of(offer(), by("bob", "phone", OfferAction::kEnd)), Code::kAlreadyExists)
      << "it has not begun";
}

TEST(OfferRules, AnOfferWhoseTimeIsOverIsNotAcceptedBeforeItIsTold) {
  EXPECT_EQ(code_of(offer(), by("bob", "phone", OfferAction::kAccept), kNow + 60s),
            Code::kAlreadyExists);
  const Offer expired = expire(offer(), kNow + 61s);
  EXPECT_EQ(expired.state, OfferState::kExpired);
  EXPECT_TRUE(is_missed(expired));
  const Offer accepted = *decide(offer(), by("bob", "phone", OfferAction::kAccept), kNow);
  EXPECT_EQ(expire(accepted, kNow + 48h).state, OfferState::kEnded);
}

TEST(OfferRules, AnUpdateIsOfTheSidesOwnWords) {
  const Offer louder = *decide(offer(), by("ann", "phone", OfferAction::kUpdate, "loud"), kNow);
  EXPECT_EQ(louder.description, "loud");
  const Offer accepted = *decide(louder, by("bob", "phone", OfferAction::kAccept, "yes"), kNow);
  const Offer muted = *decide(accepted, by("bob", "phone", OfferAction::kUpdate, "muted"), kNow);
  EXPECT_EQ(muted.answer, "muted");
  EXPECT_EQ(muted.description, "loud");
  EXPECT_EQ(code_of(accepted, by("bob", "tablet", OfferAction::kUpdate, "x")), Code::kAlreadyExists)
      << "another device has it";
}

// Random moves of two entities with two devices each.
TEST(OfferRulesProperty, HasOneWinnerAndEndsOnce) {
  engine::Random random(1);
  std::uint64_t accepted = 0;
  for (int life = 0; life < 2000; ++life) {
    Offer now = offer();
    Timestamp time = kNow;
    std::string winner;
    for (int step = 0; step < 30; ++step) {
      time += std::chrono::seconds(random.below(5));
      const OfferMove move{.action = static_cast<OfferAction>(random.below(6)),
                           .eid = random.one_in(2) ? "ann" : "bob",
                           .device = random.one_in(2) ? "phone" : "tablet",
                           .description = std::to_string(random.below(3))};
      const auto after = decide(now, move, time);
      if (!after) continue;
      ASSERT_EQ(after->key, now.key);
      if (after->version == now.version) {
        ASSERT_EQ(*after, now);
        continue;
      }
      ASSERT_EQ(after->version, now.version + 1);
      ASSERT_FALSE(is_over(now.state)) << "what is over stays so";
      ASSERT_GT(now.expires_at, time);
      if (after->state == OfferState::kAccepted && now.state != OfferState::kAccepted) {
        ASSERT_TRUE(winner.empty());
        winner = after->to_device;
        ASSERT_EQ(move.eid, "bob");
        ++accepted;
      }
      if (after->state == OfferState::kAccepted) {
        ASSERT_EQ(after->to_device, winner);
      }
      now = *after;
    }
  }
  EXPECT_GT(accepted, 200U);
}

}  // namespace
}  // namespace bimip::testing
