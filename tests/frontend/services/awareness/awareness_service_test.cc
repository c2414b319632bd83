// The service on a log: what it keeps, and what it finds when it is opened again.
#include "frontend/services/awareness/awareness_service.h"

#include <gtest/gtest.h>

#include <future>

#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "tests/support/manual_clock.h"

namespace bimip::testing {
namespace {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using engine::ErrorCode;

class Silent final : public AwarenessListener {
 public:
  void on_told(Told) override {}
};

class AwarenessServiceTest : public ::testing::Test {
 protected:
  AwarenessServiceTest() {
    store_ = std::move(*engine::Store::open(
        {.directory = "/data", .free_space_floor = 0, .device = &device_, .clock = &clock}));
    open();
  }
  ~AwarenessServiceTest() override {
    if (service) service->settle();
    store_->close();
  }

  ManualClock clock;
  AwarenessService::Options options{.rules = {.lease = 60s,
                                              .grace = 10s,
                                              .recover_within = 30s,
                                              .coalesce = 1s,
                                              .counts_above = 1000,
                                              .entities_max = 1000,
                                              .relations_max = 1000},
                                    .history = 24h,
                                    .is_driven = true};
  std::unique_ptr<AwarenessService> service;

  void open() {
    auto opened = AwarenessService::open(*store_, clock, options);
    ASSERT_TRUE(opened) << opened.error().message;
    service = std::move(*opened);
  }
  void open_again() {
    service->settle();
    service.reset();
    open();
  }
  void pass(std::chrono::milliseconds time) {
    clock.pass(time);
    while (service->step()) {
    }
  }
  template <typename Do>
  void on_core(Do what) {
    service->post([&what](TapedAwareness& core, Moment now) { what(core, now); });
    service->settle();
  }
  SeatOf sit(const std::string& eid, UserState state) {
    const SeatOf seat{
        .eid = eid, .device = "phone", .seat = service->take_seat(std::make_shared<Silent>())};
    on_core([&](TapedAwareness& core, Moment now) {
      EXPECT_TRUE(core.announce(seat, {.state = state}, now));
    });
    return seat;
  }
  engine::Status act(ConsentAct how, const std::string& actor, const std::string& other) {
    engine::Status done = engine::fail(ErrorCode::kClosed, "not yet");
    on_core([&](TapedAwareness& core, Moment now) {
      service->rules().act(core, how, actor, other, now,
                           [&done](engine::Status status) { done = std::move(status); });
    });
    service->settle();
    return done;
  }
  Seen see(const std::string& viewer, const std::string& owner) {
    Seen seen;
    on_core([&](const TapedAwareness& core, Moment) { seen = core.see(viewer, owner); });
    return seen;
  }
  engine::Store& store() { return *store_; }

 private:
  engine::SimDevice device_{1};
  std::unique_ptr<engine::Store> store_;
};

TEST_F(AwarenessServiceTest, FindsWhoWasThereAndWhatWasGranted) {
  EXPECT_TRUE(act(ConsentAct::kSubscribe, "bob", "ann"));
  EXPECT_TRUE(act(ConsentAct::kGrant, "ann", "bob"));
  EXPECT_TRUE(act(ConsentAct::kBlock, "ann", "eve"));
  sit("ann", UserState::kBusy);
  open_again();
  EXPECT_EQ(see("bob", "ann").state, UserState::kBusy);
  on_core([](const TapedAwareness& core, Moment) {
    EXPECT_EQ(core.relation("ann", "eve").restriction, Restriction::kBlocked);
  });
  pass(31s);
  EXPECT_EQ(see("bob", "ann").state, UserState::kOffline);
}

TEST_F(AwarenessServiceTest, WhatWasTakenBackStaysSo) {
  EXPECT_TRUE(act(ConsentAct::kSubscribeMutual, "bob", "ann"));
  EXPECT_TRUE(act(ConsentAct::kGrant, "ann", "bob"));
  EXPECT_TRUE(act(ConsentAct::kCancel, "ann", "bob"));
  open_again();
  on_core([](const TapedAwareness& core, Moment) {
    EXPECT_EQ(core.relation("ann", "bob"), Relation{});
    EXPECT_EQ(core.relation("bob", "ann").consent, Consent::kGranted);
  });
  EXPECT_EQ(act(ConsentAct::kCancel, "ann", "bob").error().code, ErrorCode::kNotFound);
}

TEST_F(AwarenessServiceTest, IsMarkedAliveWhileSomebodyIsThere) {
  const SeatOf seat = sit("ann", UserState::kOnline);
  EXPECT_TRUE(act(ConsentAct::kSubscribe, "bob", "ann"));
  EXPECT_TRUE(act(ConsentAct::kGrant, "ann", "bob"));
  for (int i = 0; i < 20; ++i) {
    on_core([&](TapedAwareness& core, Moment now) {
      EXPECT_TRUE(core.announce(seat, {.state = UserState::kOnline}, now));
    });
    pass(20s);
    service->settle();
  }
  const engine::Timestamp alive = clock.now();
  service->settle();
  service.reset();
  clock.pass(6h);
  open();
  pass(31s);
  const engine::Timestamp last_seen = see("bob", "ann").last_seen;
  EXPECT_LE(last_seen, alive);
  EXPECT_GE(last_seen, alive - 50s);
}

TEST_F(AwarenessServiceTest, WhoWasNotSeenForAsLongAsHistoryIsKeptIsForgotten) {
  const SeatOf seat = sit("ann", UserState::kOnline);
  service->leave_seat(seat, Leaving::kSaid);
  pass(2s);
  open_again();
  pass(1s);
  EXPECT_EQ(service->numbers().entities, 1U);
  clock.pass(25h);
  open_again();
  pass(1s);
  EXPECT_EQ(service->numbers().entities, 0U);
}

TEST_F(AwarenessServiceTest, KeepsTheHistoryAsLongAsItIsTold) {
  const auto kept = [&] {
    return store().find_topic(AwarenessService::kHistoryTopic)->config.retention_age;
  };
  EXPECT_EQ(kept(), 24h);
  options.history = 48h;
  open_again();
  EXPECT_EQ(kept(), 48h);
}

TEST_F(AwarenessServiceTest, ToldOfLessRoomThanThereIsItDoesNotForget) {
  EXPECT_TRUE(act(ConsentAct::kBlock, "ann", "eve"));
  service->settle();
  service.reset();
  options.rules.entities_max = 1;
  const auto opened = AwarenessService::open(store(), clock, options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kBusy);
  options.rules.entities_max = 1000;
  open();
  on_core([](const TapedAwareness& core, Moment) {
    EXPECT_EQ(core.relation("ann", "eve").restriction, Restriction::kBlocked);
  });
}

TEST_F(AwarenessServiceTest, ReadsTheHistoryPageByPage) {
  const SeatOf seat = sit("ann", UserState::kOnline);
  for (int i = 0; i < 1200; ++i) {
    clock.pass(2s);
    on_core([&](TapedAwareness& core, Moment now) {
      EXPECT_TRUE(
          core.announce(seat, {.state = i % 2 == 0 ? UserState::kAway : UserState::kBusy}, now));
    });
  }
  const auto read = [&](engine::Timestamp from, std::size_t most,
                        engine::Timestamp until = engine::Timestamp::max(),
                        std::size_t records = 5000) {
    std::promise<HistoryAnswer> answer;
    service->history().read({.eid = "ann",
                             .range = {.from = from, .until = until, .most = most},
                             .reader = {.is_own = true},
                             .records_max = records},
                            [&](engine::Result<HistoryAnswer> found) {
                              EXPECT_TRUE(found);
                              answer.set_value(std::move(*found));
                            });
    return answer.get_future().get();
  };
  const HistoryAnswer all = read(engine::Timestamp{}, 2000);
  EXPECT_EQ(all.transitions.size(), 1201U);
  EXPECT_FALSE(all.rest_until);
  const HistoryAnswer newest = read(engine::Timestamp{}, 500);
  EXPECT_EQ(newest.transitions.size(), 500U);
  EXPECT_EQ(newest.rest_until, newest.transitions.front().at);
  EXPECT_EQ(newest.transitions.back().at, all.transitions.back().at);
  const HistoryAnswer part = read(all.transitions[1000].at, 500);
  EXPECT_EQ(part.transitions.size(), 201U);
  // What is behind the range is not read.
  for (const std::size_t i : {1U, 2U, 63U, 500U, 700U, 701U, 1199U}) {
    const HistoryAnswer one = read(all.transitions[i - 1].at, 500, all.transitions[i].at, 1);
    ASSERT_EQ(one.transitions.size(), 1U) << i;
    EXPECT_EQ(one.transitions[0].at, all.transitions[i - 1].at);
    EXPECT_EQ(one.transitions[0].state, all.transitions[i - 1].state);
  }
}

}  // namespace
}  // namespace bimip::testing
