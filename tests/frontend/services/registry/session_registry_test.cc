#include "frontend/services/registry/session_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/store/store.h"
#include "frontend/stanza/limits.h"
#include "tests/support/temp_directory.h"

namespace bimip::frontend {
namespace {

using ::testing::ElementsAre;

// Time stands still until it is moved.
class StandingClock final : public engine::Clock {
 public:
  [[nodiscard]] engine::Timestamp now() const override { return now_; }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return now_.time_since_epoch();
  }
  void pass(std::chrono::microseconds time) { now_ += time; }

 private:
  engine::Timestamp now_{std::chrono::hours(1)};
};

class Holder final : public DeviceHolder {
 public:
  void on_taken_over() override { ++taken_over; }
  int taken_over = 0;
};

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() { open(); }
  ~RegistryTest() override { close(); }

  void open() {
    auto store = engine::Store::open({.directory = directory_.path(), .free_space_floor = 0});
    EXPECT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    auto registry = SessionRegistry::open(*store_, clock);
    EXPECT_TRUE(registry) << registry.error().message;
    registry_ = std::move(*registry);
  }
  void close() {
    registry_->settle();
    store_->close();
    registry_.reset();
    store_.reset();
  }
  // As after a crash: nobody has left.
  void reopen() {
    close();
    open();
  }
  std::uint64_t enter(Holder& holder, const DeviceKey& key = kPhone) {
    const auto epoch = registry_->enter({.key = key, .session_id = "s", .holder = holder});
    EXPECT_TRUE(epoch) << epoch.error().message;
    return *epoch;
  }
  [[nodiscard]] std::vector<DeviceState> states() const {
    std::vector<DeviceState> states;
    for (const auto& device : registry_->list("", {}, 100)) states.push_back(device.facts.state);
    return states;
  }
  [[nodiscard]] std::uint64_t records() const {
    const auto topic = store_->find_topic(SessionRegistry::kTopic);
    return store_->bounds(topic->id, engine::PartitionId(0))->visible_end.value();
  }

  static inline const DeviceKey kPhone{.eid = "alice", .device = "phone"};
  static inline const DeviceKey kLaptop{.eid = "alice", .device = "laptop"};
  const testing::TempDirectory directory_;
  StandingClock clock;
  std::unique_ptr<engine::Store> store_;
  std::unique_ptr<SessionRegistry> registry_;
};

TEST_F(RegistryTest, GivesADeviceToTheNewestSessionAndTellsTheOlder) {
  Holder older;
  Holder newer;
  EXPECT_EQ(enter(older), 1U);
  EXPECT_EQ(enter(newer), 2U);
  EXPECT_EQ(older.taken_over, 1);
  registry_->leave(kPhone, 1);  // too late to say anything
  clock.pass(limits::kSuspendAfter);
  registry_->on_tick();
  EXPECT_THAT(states(), ElementsAre(DeviceState::kConnected));
  EXPECT_EQ(newer.taken_over, 0);
  EXPECT_EQ(registry_->numbers().taken_over, 1U);
}

TEST_F(RegistryTest, CountsTheSessionsOfADeviceOverARestart) {
  Holder holder;
  enter(holder);
  reopen();
  EXPECT_EQ(enter(holder), 2U);
}

TEST_F(RegistryTest, LetsNobodyStayConnectedForEverAfterACrash) {
  Holder phone;
  Holder laptop;
  enter(phone);
  enter(laptop, kLaptop);
  reopen();
  EXPECT_THAT(states(), ElementsAre(DeviceState::kConnected, DeviceState::kConnected));
  enter(phone);  // it has come back
  clock.pass(limits::kSuspendAfter);
  registry_->on_tick();
  EXPECT_THAT(states(), ElementsAre(DeviceState::kSuspended, DeviceState::kConnected));
  EXPECT_EQ(registry_->numbers().suspended, 1U);
  reopen();
  EXPECT_THAT(states(), ElementsAre(DeviceState::kSuspended, DeviceState::kConnected));
}

TEST_F(RegistryTest, WritesNothingForOneThatComesBackAtOnceButItsNewSession) {
  Holder holder;
  for (int i = 0; i < 3; ++i) {
    registry_->leave(kPhone, enter(holder));
    clock.pass(limits::kSuspendAfter / 2);
    registry_->on_tick();
    registry_->settle();
  }
  EXPECT_EQ(records(), 3U);
  for (int i = 0; i < 100; ++i) {
    clock.pass(limits::kSuspendAfter);
    registry_->on_tick();
  }
  registry_->settle();
  EXPECT_EQ(records(), 4U);
  EXPECT_THAT(states(), ElementsAre(DeviceState::kSuspended));
}

TEST_F(RegistryTest, ForgetsADeviceThatStaysAway) {
  Holder holder;
  registry_->leave(kPhone, enter(holder));
  for (const std::chrono::microseconds time : {std::chrono::microseconds(limits::kSuspendAfter),
                                               std::chrono::microseconds(limits::kExpireAfter),
                                               std::chrono::microseconds(limits::kForgetAfter)}) {
    clock.pass(time);
    registry_->on_tick();
    registry_->settle();
  }
  EXPECT_TRUE(states().empty());
  reopen();
  EXPECT_TRUE(states().empty());
  EXPECT_EQ(enter(holder), 1U);
}

TEST_F(RegistryTest, ListsADeviceOnceWhateverThePageIs) {
  Holder holder;
  for (const char* eid : {"alice", "bob", "carol"}) {
    enter(holder, {.eid = eid, .device = "laptop"});
    enter(holder, {.eid = eid, .device = "phone"});
  }
  DeviceKey after;
  std::vector<std::string> seen;
  while (true) {
    const auto page = registry_->list("", after, 4);
    for (const auto& device : page) seen.push_back(device.key.eid + "/" + device.key.device);
    if (page.empty()) break;
    after = page.back().key;
  }
  EXPECT_THAT(seen, ElementsAre("alice/laptop", "alice/phone", "bob/laptop", "bob/phone",
                                "carol/laptop", "carol/phone"));
  EXPECT_EQ(registry_->list("bob", {}, 10).size(), 2U);
  EXPECT_EQ(registry_->list("bob", {.eid = "bob", .device = "laptop"}, 10).size(), 1U);
  EXPECT_TRUE(registry_->list("dave", {}, 10).empty());
}

}  // namespace
}  // namespace bimip::frontend
