// Inboxes and receipts against a model: random entities and devices, sends, looks, marks, lost
// connections, clock steps and power cuts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iostream>

#include "tests/frontend/session/inbox_device.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

constexpr std::uint64_t kSeeds = 150;
constexpr int kSteps = 250;
constexpr std::uint64_t kDeviceStepsToCrash = 40;
const std::array<std::string, 3> kPeople{"ann", "bob", "cyd"};
const std::array<std::string, 3> kDevices{"phone", "desk", "pad"};
const std::array<std::string, 4> kCategories{"chat", "notification", "sent", "receipt"};
const std::array<std::string, 2> kSentTo{"chat", "notification"};
// Less in all than the log remembers what was sent.
constexpr std::uint64_t kClockStepSeconds = 20;

struct Counts {
  std::uint64_t sends = 0;
  std::uint64_t lost_connections = 0;
  std::uint64_t crashes = 0;
  std::uint64_t clock_steps = 0;
};

class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed), world_(std::make_unique<World>()) {
    for (const std::string& person : kPeople) {
      for (const std::string& name : kDevices)
        devices_.push_back(std::make_unique<InboxDevice>(model_, person, name));
    }
    model_.set_wall(wall());
  }

  void run() {
    for (int i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) step();
    if (!::testing::Test::HasFailure()) finish();
  }
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  [[nodiscard]] std::int64_t wall() const { return micros(world_->clock.now()); }
  template <typename Row>
  const auto& any(const Row& row) {
    return row[random_.below(row.size())];
  }
  InboxDevice& device() { return *any(devices_); }
  // One that is connected, and may ask for something more.
  InboxDevice* speaker() {
    InboxDevice& one = device();
    if (!one.is_connected()) {
      one.connect(*world_);
      return nullptr;
    }
    return one.has_room() ? &one : nullptr;
  }

  void step() {
    const std::uint64_t choice = random_.below(100);
    if (choice < 25) return hear();
    if (choice < 27) return move_clock();
    if (choice < 29) return crash();
    if (choice < 32) {
      world_->scripted().holds = true;
      return;
    }
    if (choice < 37) {
      device().disconnect();
      ++counts_.lost_connections;
      return;
    }
    if (InboxDevice* const one = speaker(); one != nullptr) say(*one, choice);
  }
  void say(InboxDevice& one, std::uint64_t choice) {
    const std::string& category = any(kCategories);
    if (choice < 55) return send(one);
    if (choice < 58) return send_again(one);
    if (choice < 70) return open(one, category);
    if (choice < 72) return one.close(category);
    if (choice < 86) return one.acknowledge(category, random_);
    if (choice < 94) {
      if (const std::uint64_t last = one.known_last(category); last > 0)
        one.mark_read(category, 1 + random_.below(last));
      return;
    }
    one.send_receipt(any(kSentTo), random_);
  }

  // Mostly where it was, often with hardly any credit.
  void open(InboxDevice& one, const std::string& category) {
    if (one.has_open(category)) return;
    InboxDevice::Opening opening{
        .credit = 1 + static_cast<std::uint32_t>(random_.below(random_.one_in(3) ? 3 : 20))};
    const std::uint64_t there = known_last(one.eid(), category);
    if (random_.one_in(4)) {
      opening.from = InboxDevice::From::kLatest;
    } else if (random_.one_in(4) && there > 0) {
      opening.from = InboxDevice::From::kNumber;
      opening.number = 1 + random_.below(there + 1);
    }
    one.open(category, opening);
  }
  // Of what is there for sure.
  std::uint64_t known_last(const std::string& person, const std::string& category) {
    std::uint64_t last = 0;
    for (const InboxDevice* one : devices_of(person))
      last = std::max(last, one->known_last(category));
    return last;
  }

  // Under one of a few ids: some will be known.
  void send(InboxDevice& from) {
    v1::Send send;
    send.set_to(any(kPeople));
    send.set_category(any(kSentTo));
    send.set_message_id("m" + std::to_string(random_.below(12)));
    send.set_body("body " + std::to_string(++counts_.sends));
    if (random_.one_in(4)) send.set_to_device(any(kDevices));
    if (random_.one_in(5)) send.set_no_copy(true);
    std::int64_t from_us = wall();
    const auto some_seconds = [&] {
      return static_cast<std::int64_t>(1 + random_.below(2 * kClockStepSeconds)) * 1'000'000;
    };
    if (random_.one_in(5)) send.set_deliver_at_us(from_us += some_seconds());
    if (random_.one_in(4)) send.set_expires_at_us(from_us + some_seconds());
    from.send(send);
  }
  void send_again(InboxDevice& from) {
    const Letter* const letter = model_.letter(random_.next());
    if (letter != nullptr && letter->author == Author(from.eid(), from.name()))
      from.send(letter->send);
  }

  void hear_all(InboxDevice::Server server) {
    for (bool any = true; any;) {
      any = false;
      for (const auto& one : devices_) any = one->hear(server) || any;
    }
  }
  // All that was asked for is done, unless the log holds it.
  void hear() {
    if (world_->scripted().holds && random_.one_in(2)) return hear_all(InboxDevice::Server::kSound);
    settle();
  }
  void settle() {
    world_->scripted().let_go();
    world_->settle();
    hear_all(InboxDevice::Server::kSound);
    model_.settled();
    for (const std::string& person : kPeople) {
      for (const std::string& category : kCategories) expect_same_unread(person, category);
    }
  }
  // Who has an inbox open knows how much there is and how far it is read, also without credit; and
  // with credit, that it has all of it.
  void expect_same_unread(const std::string& person, const std::string& category) {
    std::optional<InboxDevice::Known> told;
    for (const InboxDevice* one : devices_of(person)) {
      const auto mine = one->known_of(category);
      if (!mine) continue;
      SCOPED_TRACE(person + " " + one->name() + " " + category);
      if (category != "receipt") {
        EXPECT_EQ(mine->last, model_.last({person, category}));
      }
      EXPECT_EQ(mine->last, told.value_or(*mine).last);
      EXPECT_EQ(mine->read, told.value_or(*mine).read);
      EXPECT_TRUE(mine->has_all || !mine->has_credit);
      told = mine;
    }
  }
  void move_clock() {
    settle();
    ++counts_.clock_steps;
    const std::chrono::seconds time(1 + random_.below(kClockStepSeconds));
    if (random_.one_in(3)) {
      const bool is_back = random_.one_in(2) &&
                           !model_.has_given_up(wall() - std::chrono::microseconds(time).count());
      world_->clock.step_wall(is_back ? -time : time);
    } else {
      world_->clock.pass(time);
    }
    model_.set_wall(wall());
    settle();
  }
  // The power goes at some step of what is being done, and another server is started on what is
  // left. Who has no answer asks again.
  void crash() {
    settle();
    ++counts_.crashes;
    world_->device().crash_at(world_->device().steps() + 1 + random_.below(kDeviceStepsToCrash));
    for (std::uint64_t i = random_.below(12); i > 0; --i) {
      if (InboxDevice* const one = speaker(); one != nullptr) say(*one, 37 + random_.below(63));
      if (random_.one_in(4)) hear_all(InboxDevice::Server::kDying);
    }
    hear_all(InboxDevice::Server::kDying);
    world_->device().crash();
    auto left = world_->device().image(any(engine::kAllLossModes), random_.next());
    for (const auto& one : devices_) one->disconnect();
    const HandClock clock = world_->clock;
    world_.reset();
    world_ = std::make_unique<World>(std::move(left), clock);
    model_.crashed();
    for (const Letter* letter : model_.unsure()) {
      InboxDevice& from = device_of(letter->author);
      if (!from.is_connected()) from.connect(*world_);
      from.send(letter->send);
    }
    settle();
  }
  InboxDevice& device_of(const Author& author) {
    const auto found = std::ranges::find_if(devices_, [&](const auto& one) {
      return one->eid() == author.first && one->name() == author.second;
    });
    return **found;
  }
  std::vector<InboxDevice*> devices_of(const std::string& person) {
    std::vector<InboxDevice*> found;
    for (const auto& one : devices_) {
      if (one->eid() == person) found.push_back(one.get());
    }
    return found;
  }

  // Every device catches up, then looks at everything.
  void finish() {
    settle();
    for (const auto& one : devices_) {
      one->disconnect();
      one->connect(*world_);
      for (const std::string& category : kCategories) one->open(category, {.credit = 1000});
      settle();
      for (const std::string& category : kCategories) one->acknowledge_all(category);
      settle();
    }
    // Receipts of what was acknowledged last.
    for (const auto& one : devices_) {
      one->disconnect();
      one->connect(*world_);
      for (const std::string& category : kCategories) one->look(category);
      settle();
    }
    for (const auto& one : devices_) {
      for (const std::string& category : kCategories) compare(*one, category);
    }
    model_.finish();
  }
  void compare(InboxDevice& one, const std::string& category) {
    const InboxOf inbox{one.eid(), category};
    SCOPED_TRACE(one.eid() + " " + one.name() + " " + category);
    const InboxDevice::Looked& looked = one.looked_at(category);
    EXPECT_EQ(looked.state.last_increment(), model_.last(inbox));
    EXPECT_EQ(looked.shown, model_.visible({inbox, one.name()}));
    model_.check_read(inbox, looked.state.read_up_to());
    const InboxDevice::Looked& first = devices_of(one.eid()).front()->looked_at(category);
    EXPECT_EQ(looked.state.unread(), first.state.unread()) << "the same on every device";
  }

  engine::Random random_;
  std::unique_ptr<World> world_;
  InboxModel model_;
  std::vector<std::unique_ptr<InboxDevice>> devices_;
  Counts counts_;
};

TEST(InboxModel, EveryDeviceSeesTheModelsInboxesAndEveryAuthorHearsOnce) {
  Counts all;
  for_each_seed(kSeeds, "frontend_session_test --gtest_filter='InboxModel.*'",
                [&](std::uint64_t seed) {
                  Life life(seed);
                  life.run();
                  all.sends += life.counts().sends;
                  all.crashes += life.counts().crashes;
                  all.lost_connections += life.counts().lost_connections;
                  all.clock_steps += life.counts().clock_steps;
                });
  if (::testing::Test::HasFailure()) return;
  std::cout << all.sends << " sends, " << all.lost_connections << " lost connections, "
            << all.crashes << " crashes, " << all.clock_steps << " clock steps\n";
  if (proof_only().empty()) {
    EXPECT_GT(all.sends, 0U);
    EXPECT_GT(all.crashes, 0U);
    EXPECT_GT(all.lost_connections, 0U);
    EXPECT_GT(all.clock_steps, 0U);
  }
}

}  // namespace
}  // namespace bimip::testing
