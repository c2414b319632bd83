// Acknowledgements of groups that are answered: when, by what, and what a crash leaves of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "engine/base/random.h"
#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

using Answers = std::vector<std::pair<std::uint64_t, std::string>>;

// How far the group is by the answer, or the code of the refusal.
Answers answers_of(const std::vector<v1::Stanza>& said) {
  Answers answers;
  for (const v1::Stanza& stanza : said) {
    if (stanza.has_acknowledged())
      answers.emplace_back(stanza.id(), std::to_string(stanza.acknowledged().end_offset()));
    if (stanza.has_error()) answers.emplace_back(stanza.id(), v1::Code_Name(stanza.error().code()));
  }
  return answers;
}

class Acknowledgements : public ::testing::Test {
 protected:
  Acknowledgements() {
    world.create_topic("jobs", 2);
    publisher = Client::welcomed(world);
    member = Client::welcomed(world);
    publish(4);
    subscribe(*member);
  }
  void publish(int records) {
    for (; records > 0; --records) publisher->publish("jobs", "job");
    (void)publisher->said();
  }
  // What follows is of subscription 1.
  std::vector<v1::Stanza> subscribe(Client& client) {
    v1::Stanza stanza = subscribe_to("jobs", 10);
    stanza.mutable_subscribe()->set_earliest(true);
    stanza.mutable_subscribe()->set_group("workers");
    client.say(stanza);
    return client.said();
  }
  static v1::Stanza acknowledgement(std::uint64_t id, std::uint64_t end, OffsetRange range = {}) {
    v1::Stanza stanza;
    stanza.set_id(id);
    stanza.mutable_acknowledge()->set_subscription_id(1);
    stanza.mutable_acknowledge()->set_end_offset(end);
    if (range.end > range.first) {
      v1::OffsetRange& also = *stanza.mutable_acknowledge()->add_ranges();
      also.set_first_offset(range.first.value());
      also.set_end_offset(range.end.value());
    }
    return stanza;
  }
  void acknowledge(std::uint64_t id, std::uint64_t end, OffsetRange range = {}) {
    member->say(acknowledgement(id, end, range));
  }
  static OffsetRange range(std::uint64_t first, std::uint64_t end) {
    return {.first = engine::Offset(first), .end = engine::Offset(end)};
  }
  Answers answers() { return answers_of(member->said()); }

  World world;
  std::unique_ptr<Client> publisher;
  std::unique_ptr<Client> member;
};

TEST_F(Acknowledgements, AreAnsweredOnceTheLogHasTheCursor) {
  world.scripted().holds = true;
  acknowledge(90, 2);
  acknowledge(0, 3);
  acknowledge(91, 3);
  EXPECT_THAT(answers(), IsEmpty()) << "the group is there, but not in the log";
  world.scripted().let_go();
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "2"), Pair(91, "3")));
  acknowledge(92, 1);
  EXPECT_THAT(answers(), ElementsAre(Pair(92, "3"))) << "it is in the log already";
}

TEST_F(Acknowledgements, WithoutAnIdAreNotAnswered) {
  acknowledge(0, 2);
  EXPECT_THAT(member->said(), IsEmpty());
}

TEST_F(Acknowledgements, OutOfOrderWaitForWhatIsInFrontOfThem) {
  acknowledge(90, 0, range(2, 4));
  acknowledge(91, 1);
  EXPECT_THAT(answers(), ElementsAre(Pair(91, "1")));
  acknowledge(92, 0, range(1, 2));
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "4"), Pair(92, "4")));
}

TEST_F(Acknowledgements, ThatTheLogRefusesAreRefusedAndMayBeSaidAgain) {
  world.scripted().refuse = [](const engine::RecordFields&) {
    return engine::Error{ErrorCode::kNoSpace, "full"};
  };
  acknowledge(90, 2);
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "CODE_NO_SPACE")));
  world.scripted().refuse = nullptr;
  acknowledge(91, 2);
  EXPECT_THAT(answers(), ElementsAre(Pair(91, "2")));
}

TEST_F(Acknowledgements, WaitForTheirAnswersUpToALimit) {
  for (std::uint64_t i = 0; i <= limits::kAcknowledgementsMax; ++i)
    acknowledge(100 + i, 0, range(1, 2));
  const std::uint64_t last = 100 + limits::kAcknowledgementsMax;
  EXPECT_THAT(answers(), ElementsAre(Pair(last, "CODE_RESOURCE_EXHAUSTED")));
  acknowledge(0, 1);
  EXPECT_THAT(answers(), SizeIs(limits::kAcknowledgementsMax));
  acknowledge(90, 3);
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "3"))) << "there is room again";
}

TEST_F(Acknowledgements, OfWhoIsInNoGroupAreRefusedAndGiveNoCreditBack) {
  const auto reader = Client::welcomed(world);
  v1::Stanza stanza = subscribe_to("jobs", 2);
  stanza.mutable_subscribe()->set_earliest(true);
  reader->say(stanza);
  EXPECT_THAT(values_of(reader->said()), SizeIs(2));
  reader->say(acknowledgement(90, 2));
  EXPECT_THAT(answers_of(reader->said()), ElementsAre(Pair(90, "CODE_INVALID_ARGUMENT")));
  reader->say(acknowledgement(0, 2));
  EXPECT_THAT(values_of(reader->said()), SizeIs(2));
}

TEST_F(Acknowledgements, OfWhatWasNotDeliveredAreRefusedAsAWhole) {
  acknowledge(90, 4, range(4, 5));
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "CODE_OUT_OF_RANGE")));
  const auto other = Client::welcomed(world);
  member.reset();
  EXPECT_THAT(values_of(subscribe(*other)), SizeIs(4));
}

TEST_F(Acknowledgements, BehindAGapAreRefusedWhenTheSubscriptionEnds) {
  acknowledge(90, 0, range(2, 3));
  acknowledge(91, 1);
  v1::Stanza unsubscribe;
  unsubscribe.set_id(92);
  unsubscribe.mutable_unsubscribe()->set_subscription_id(1);
  member->say(unsubscribe);
  const std::vector<v1::Stanza> said = member->said();
  EXPECT_THAT(answers_of(said), ElementsAre(Pair(90, "CODE_NOT_FOUND"), Pair(91, "1")));
  EXPECT_THAT(values_of(subscribe(*publisher)), SizeIs(3)) << "out of order is given again";
}

TEST_F(Acknowledgements, BehindAGapAreRefusedWhenThePartitionGoesToAnother) {
  const auto other = Client::welcomed(world);
  publisher->publish("jobs", "job", 0, 1);
  EXPECT_THAT(values_of(member->said()), SizeIs(1));
  v1::Stanza second = acknowledgement(90, 1);
  second.mutable_acknowledge()->set_partition(1);
  acknowledge(91, 0, range(2, 3));
  (void)subscribe(*other);
  v1::Assignment told;
  for (const v1::Stanza& stanza : member->said()) told = stanza.assignment();
  ASSERT_THAT(told.taken(), ElementsAre(1U));
  // What is taken and was acknowledged in time is answered.
  member->say(second);
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "1")));
  EXPECT_THAT(values_of(other->said()), IsEmpty());
  // The first partition stays, and what is behind a gap of it waits on.
  world.clock.pass(limits::kLetGoWithin + 1s);
  member->session().on_tick(world.now());
  EXPECT_THAT(answers(), IsEmpty());
}

TEST_F(Acknowledgements, BehindAGapOfWhatIsTakenAreRefusedWhenItIsLetGo) {
  publisher->publish("jobs", "job", 0, 1);
  publisher->publish("jobs", "job", 0, 1);
  EXPECT_THAT(values_of(member->said()), SizeIs(2));
  v1::Stanza behind_a_gap = acknowledgement(90, 0, range(1, 2));
  behind_a_gap.mutable_acknowledge()->set_partition(1);
  member->say(behind_a_gap);
  const auto other = Client::welcomed(world);
  (void)subscribe(*other);
  EXPECT_THAT(answers(), IsEmpty());
  world.clock.pass(limits::kLetGoWithin + 1s);
  member->session().on_tick(world.now());
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "CODE_NOT_FOUND")));
  EXPECT_THAT(values_of(other->said()), SizeIs(2)) << "both: the log knows of neither";
  member->say(behind_a_gap);
  EXPECT_THAT(answers(), ElementsAre(Pair(90, "CODE_NOT_FOUND"))) << "too late";
}

TEST_F(Acknowledgements, OnTheirWayAreAnsweredBeforeTheServerStops) {
  world.scripted().holds = true;
  acknowledge(90, 1);
  acknowledge(91, 0, range(2, 3));
  member->session().on_drain();
  EXPECT_THAT(member->said(), IsEmpty());
  world.scripted().let_go();
  const std::vector<v1::Stanza> said = member->said();
  ASSERT_THAT(said, SizeIs(2));
  EXPECT_EQ(said[0].id(), 90U);
  EXPECT_EQ(said[1].goodbye().code(), v1::CODE_UNAVAILABLE);
}

TEST_F(Acknowledgements, OutliveTheirSession) {
  world.scripted().holds = true;
  acknowledge(90, 2);
  acknowledge(91, 0, range(3, 4));
  member.reset();
  world.scripted().let_go();
  world.settle();
  EXPECT_THAT(values_of(subscribe(*publisher)), SizeIs(2));
}

// As a restore to an earlier moment leaves it.
TEST_F(Acknowledgements, MoveAGroupThatWasBeyondTheLogsEnd) {
  const auto topic = world.scripted().find_topic("jobs");
  const GroupKey group{.topic = topic->id, .group = "others"};
  world.broker().commit(group, PartitionId(0), engine::Offset(500), world.clock.now());
  auto other = Client::welcomed(world);
  v1::Stanza stanza = subscribe_to("jobs", 10);
  stanza.mutable_subscribe()->set_earliest(true);
  stanza.mutable_subscribe()->set_group("others");
  other->say(stanza);
  EXPECT_THAT(answers_of(other->said()), ElementsAre(Pair(0, "CODE_OUT_OF_RANGE")));
  publish(3);
  EXPECT_THAT(values_of(other->said()), SizeIs(3));
  world.scripted().holds = true;
  other->say(acknowledgement(90, 6));
  EXPECT_THAT(other->said(), IsEmpty()) << "what the log has is of another life";
  world.scripted().let_go();
  EXPECT_THAT(answers_of(other->said()), ElementsAre(Pair(90, "6")));
  other.reset();
  const auto next = Client::welcomed(world);
  next->say(stanza);
  EXPECT_THAT(values_of(next->said()), SizeIs(1));
}

// A group through the lives of a server that loses its power at any step of the disk: what was
// answered is given to nobody again, and what nobody acknowledged is not passed over.
class GroupLives {
 public:
  explicit GroupLives(std::uint64_t seed) : random_(seed) {
    world_->create_topic("jobs", kPartitions);
  }
  void run() {
    for (int life = 0; life < 4; ++life) {
      publish();
      for (int step = 0; step < 40; ++step) act(1 + random_.below(kMembers));
      crash();
    }
    finish();
  }
  std::uint64_t answered = 0;
  std::uint64_t given_again = 0;

 private:
  static constexpr std::uint32_t kPartitions = 3;
  static constexpr std::uint64_t kMembers = 2;
  static constexpr std::uint64_t kDeviceStepsToCrash = 20;
  using Offsets = std::array<std::set<std::uint64_t>, kPartitions>;
  struct Member {
    std::unique_ptr<Client> client{};
    std::array<std::uint64_t, kPartitions> next{};           // what was delivered is below it
    std::array<std::set<std::uint64_t>, kPartitions> has{};  // and not acknowledged
    std::map<std::uint64_t, std::pair<std::uint32_t, std::set<std::uint64_t>>> asked{};
  };

  void publish() {
    const auto publisher = Client::welcomed(*world_);
    for (std::uint32_t partition = 0; partition < kPartitions; ++partition) {
      for (std::uint64_t i = random_.below(10); i > 0; --i, ++published_.at(partition))
        publisher->publish("jobs", "job", 0, partition);
    }
    (void)publisher->said();
  }
  void act(std::uint64_t number) {
    Member& member = members_[number];
    if (!member.client) return join(member);
    switch (random_.below(8)) {
      case 0:
        return random_.one_in(3) ? leave(member) : hear(member);
      case 1:
        world_->clock.pass(1s);
        return member.client->session().on_tick(world_->now());
      case 2:
      case 3:
        return hear(member);
      default:
        acknowledge(member);
    }
  }
  void join(Member& member) {
    member.client = Client::welcomed(*world_);
    v1::Stanza stanza = subscribe_to("jobs", 1000);
    stanza.mutable_subscribe()->set_earliest(true);
    stanza.mutable_subscribe()->set_group("workers");
    member.client->say(stanza);
  }
  static void leave(Member& member) { member = {}; }
  // Up to some record that it has, or one of them alone.
  void acknowledge(Member& member) {
    const auto partition = static_cast<std::uint32_t>(random_.below(kPartitions));
    std::set<std::uint64_t>& has = member.has.at(partition);
    if (has.empty()) return;
    const std::uint64_t one =
        *std::next(has.begin(), static_cast<std::ptrdiff_t>(random_.below(has.size())));
    v1::Stanza stanza;
    v1::Acknowledge& said = *stanza.mutable_acknowledge();
    said.set_subscription_id(1);
    said.set_partition(partition);
    std::set<std::uint64_t> named{one};
    if (random_.one_in(2)) {
      said.set_end_offset(one + 1);
      named = {has.begin(), has.upper_bound(one)};
    } else {
      said.add_ranges()->set_first_offset(one);
      said.mutable_ranges(0)->set_end_offset(one + 1);
    }
    for (const std::uint64_t offset : named) {
      has.erase(offset);
      acknowledged_.at(partition).insert(offset);
    }
    if (random_.one_in(2)) {
      stanza.set_id(++last_id_);
      member.asked[last_id_] = {partition, named};
    }
    member.client->say(stanza);
  }
  void hear(Member& member) {
    for (const v1::Stanza& stanza : member.client->said()) {
      if (stanza.has_acknowledged()) {
        const auto& [partition, named] = member.asked.at(stanza.id());
        answered_.at(partition).insert(named.begin(), named.end());
        answered += named.size();
        EXPECT_LT(*named.rbegin(), stanza.acknowledged().end_offset());
      }
      const std::uint32_t partition = stanza.delivery().partition();
      for (const v1::DeliveredRecord& record : stanza.delivery().records()) {
        EXPECT_FALSE(answered_.at(partition).contains(record.offset()))
            << "offset " << record.offset() << " of partition " << partition;
        if (acknowledged_.at(partition).contains(record.offset())) ++given_again;
        member.has.at(partition).insert(record.offset());
      }
    }
  }
  void crash() {
    engine::SimDevice& device = world_->device();
    device.crash_at(device.steps() + 1 + random_.below(kDeviceStepsToCrash));
    for (int step = 0; step < 12; ++step) {
      Member& member = members_[1 + random_.below(kMembers)];
      if (!member.client) continue;
      acknowledge(member);
      hear(member);
    }
    device.crash();
    auto left = device.image(engine::kAllLossModes[random_.below(std::size(engine::kAllLossModes))],
                             random_.next());
    members_.clear();
    const HandClock clock = world_->clock;
    world_.reset();
    world_ = std::make_unique<World>(std::move(left), clock);
  }
  // One member has the rest.
  void finish() {
    Member& last = members_[1];
    join(last);
    hear(last);
    for (std::uint32_t partition = 0; partition < kPartitions; ++partition) {
      for (std::uint64_t offset = 0; offset < published_.at(partition); ++offset) {
        EXPECT_TRUE(acknowledged_.at(partition).contains(offset) ||
                    last.has.at(partition).contains(offset))
            << "offset " << offset << " of partition " << partition << " was passed over";
      }
    }
  }

  engine::Random random_;
  std::unique_ptr<World> world_ = std::make_unique<World>();
  std::map<std::uint64_t, Member> members_;
  std::array<std::uint64_t, kPartitions> published_{};
  Offsets acknowledged_{};  // said
  Offsets answered_{};
  std::uint64_t last_id_ = 1000;
};

TEST(AcknowledgementsProperty, WhatWasAnsweredIsNotGivenAgainAndNothingIsPassedOver) {
  std::uint64_t answered = 0;
  std::uint64_t given_again = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    GroupLives lives(seed);
    lives.run();
    answered += lives.answered;
    given_again += lives.given_again;
  }
  EXPECT_GT(answered, 1000U);
  EXPECT_GT(given_again, 0U) << "no crash took an acknowledgement that was not answered";
}

}  // namespace
}  // namespace bimip::testing
