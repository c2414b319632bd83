// Offers on a simulated log against a plain model: random proposals, moves and second tries of
// devices and of sessions without one, refusals of the log, clock steps both ways and power cuts.
#include "tests/frontend/services/offers/offer_model.h"

#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/random.h"
#include "frontend/services/offers/offer_record.h"
#include "frontend/services/offers/offer_service.h"
#include "tests/frontend/scripted_log.h"
#include "tests/frontend/tape_in_memory.h"
#include "tests/support/proof_effort.h"
#include "tests/support/simulated_store.h"

namespace bimip::testing {
namespace {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;

constexpr std::uint64_t kSeeds = 200;
constexpr int kSteps = 250;
constexpr std::uint64_t kDeviceStepsToCrash = 60;
constexpr std::uint64_t kClockStepSeconds = 40;
constexpr std::uint64_t kIds = 3;
const std::array<std::string, 3> kPeople{"ann", "bob", "cyd"};
// The log works in steps; some find nothing to do while a device operation completes, or time
// passes.
constexpr int kIdleSteps = 60;

struct Counts {
  std::uint64_t accepted = 0;
  std::uint64_t missed = 0;
  std::uint64_t crashes = 0;
  std::uint64_t refusals = 0;
};

class Watcher final : public OfferListener {
 public:
  Watcher(OfferModel& model, std::string eid) : model_(model), eid_(std::move(eid)) {}
  void on_changed(OfferRef offer) override { model_.pushed(eid_, *offer); }
  [[nodiscard]] const std::string& eid() const { return eid_; }

 private:
  OfferModel& model_;
  const std::string eid_;
};

class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed), sim_(seed) {
    for (const std::string& person : kPeople) watchers_.emplace_back(model_, person);
    begin();
  }
  ~Life() { end(); }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  void run() {
    for (int i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) step();
    if (!::testing::Test::HasFailure()) finish();
  }
  [[nodiscard]] Counts counts() const {
    return {.accepted = model_.accepted(),
            .missed = model_.missed(),
            .crashes = crashes_,
            .refusals = refusals_};
  }

 private:
  struct Asked {
    Actor who{};
    OfferKey key{};
    OfferMove move{};
  };

  void begin() {
    log_ = std::make_unique<ScriptedLog>(sim_.store());
    // Services read what they are views of before they are there.
    log_->on_read = [this] { drive(); };
    tape_ = std::make_unique<TapeInMemory>(RecordedCore::kOffers);
    auto inboxes = InboxService::open(*log_, {});
    ASSERT_TRUE(inboxes) << inboxes.error().message;
    inboxes_ = std::move(*inboxes);
    auto offers = OfferService::open(*log_, *inboxes_, tape_.get());
    ASSERT_TRUE(offers) << offers.error().message;
    offers_ = std::move(*offers);
    log_->on_read = {};
    for (Watcher& watcher : watchers_)
      model_.listed(watcher.eid(), offers_->watch(watcher.eid(), watcher));
  }
  // Of the services; whoever waits for the log was answered.
  void end() {
    for (Watcher& watcher : watchers_) offers_->unwatch(watcher.eid(), watcher);
    offers_.reset();
    inboxes_.reset();
    expect_replays(tape_->bytes());
  }

  void drive() {
    for (int idle = 0; idle < kIdleSteps; ++idle) {
      if (sim_.store().step()) idle = -1;
      sim_.clock().pass(1ms);
    }
  }
  void settle() {
    log_->let_go();
    drive();
    for (Watcher& watcher : watchers_) {
      Watcher other(model_, watcher.eid());
      const std::vector<OfferRef> open = offers_->watch(watcher.eid(), other);
      offers_->unwatch(watcher.eid(), other);
      model_.check_watcher(watcher.eid(), open);
    }
  }

  void step() {
    const std::uint64_t choice = random_.below(100);
    if (choice < 25) return propose();
    if (choice < 60) return move();
    if (choice < 68) return again();
    if (choice < 78) return offers_->on_tick(now_);
    if (choice < 84) return move_clock();
    if (choice < 88) return settle();
    if (choice < 92) return turn_log();
    if (choice < 94) return watch_anew();
    if (choice < 98) {
      for (std::uint64_t i = random_.below(20); i > 0; --i) sim_.step();
      return;
    }
    crash();
  }

  void watch_anew() {
    Watcher& watcher = watchers_[random_.below(watchers_.size())];
    offers_->unwatch(watcher.eid(), watcher);
    model_.listed(watcher.eid(), offers_->watch(watcher.eid(), watcher));
  }

  Actor someone() {
    Actor who{.eid = kPeople[random_.below(kPeople.size())]};
    const std::uint64_t which = random_.below(4);
    if (which < 2) {
      who.device = which == 0 ? "phone" : "pad";
    } else {
      // Sessions do not outlive their server.
      who.session = std::to_string(which) + " of " + who.eid + " since " + std::to_string(crashes_);
    }
    return who;
  }
  OfferKey some_key(const std::string& from) {
    return {.from = from, .id = std::to_string(random_.below(kIds))};
  }

  // Each is made at a time of its own.
  void propose() {
    const Actor who = someone();
    now_ += 1us;
    Offer offer{.key = some_key(who.eid),
                .from_device = who.device,
                .to = kPeople[random_.below(kPeople.size())],
                .kind = "call",
                .description = std::to_string(random_.below(2)),
                .proposed_at = now_,
                .changed_at = now_,
                .expires_at = now_ + std::chrono::seconds(1 + random_.below(60))};
    offers_->propose(std::move(offer), [this](const OfferResult& result) {
      if (result) model_.said(**result);
    });
  }
  void move() {
    Asked asked{.who = someone()};
    asked.key = some_key(kPeople[random_.below(kPeople.size())]);
    // Calls are answered more often than they are anything else.
    const std::uint64_t action = random_.below(8);
    asked.move = {.action = action < 6 ? static_cast<OfferAction>(action) : OfferAction::kAccept,
                  .eid = asked.who.eid,
                  .device = asked.who.device,
                  .session = asked.who.device.empty() ? asked.who.session : "any",
                  .description = std::to_string(random_.below(3))};
    last_ = asked;
    ask(asked);
  }
  // Who has no answer asks again, over any connection; a session is gone with its server.
  void again() {
    if (!last_) return;
    if (last_->who.device.empty() && last_since_ != crashes_) return;
    ask(*last_);
  }
  void ask(const Asked& asked) {
    last_since_ = crashes_;
    offers_->move(asked.key, asked.move, now_, [this, asked](const OfferResult& result) {
      if (result) return model_.answered(asked.who, asked.move, **result);
      model_.refused(asked.who, asked.move, result.error());
    });
  }

  void move_clock() {
    const std::chrono::seconds time(1 + random_.below(kClockStepSeconds));
    now_ += random_.one_in(4) ? -time : time;
    offers_->on_tick(now_);
  }
  // The log refuses what it is given now and then, holds it back, or does as it should again.
  void turn_log() {
    switch (random_.below(3)) {
      case 0:
        log_->refuse = [this](const engine::RecordFields&) -> std::optional<engine::Error> {
          if (random_.one_in(2)) return std::nullopt;
          ++refusals_;
          return engine::Error{engine::ErrorCode::kIo, "the disk is bad"};
        };
        return;
      case 1:
        log_->holds = true;
        return;
      default:
        log_->refuse = {};
        return log_->let_go();
    }
  }

  // The power goes at some step of what is being done, and another server is started on what is
  // left.
  void crash() {
    sim_.device().crash_at(sim_.device().steps() + 1 + random_.below(kDeviceStepsToCrash));
    for (std::uint64_t i = random_.below(12); i > 0; --i) {
      random_.one_in(2) ? propose() : move();
      if (random_.one_in(3)) offers_->on_tick(now_);
      if (random_.one_in(2)) drive();
    }
    drive();
    log_->refuse = {};
    log_->let_go();
    ++crashes_;
    sim_.lose_power(engine::kAllLossModes[random_.below(engine::kAllLossModes.size())],
                    random_.next());
    end();
    begin();
  }

  // Time passes, and everything is over and forgotten.
  void finish() {
    log_->refuse = {};
    settle();
    for (const std::chrono::seconds time : {25h + 0s, 2min + 0s, 2min + 0s, 2min + 0s}) {
      now_ += time;
      offers_->on_tick(now_);
      settle();
    }
    EXPECT_EQ(offers_->open_offers(), 0U);
    read("$offers", [this](const engine::Record& record) {
      if (record.kind != engine::RecordKind::kTombstone) {
        const auto offer = parse_offer(engine::as_text(record.value));
        ASSERT_TRUE(offer);
        keys_[std::string(engine::as_text(record.key))] = offer->key;
        return model_.record(offer->key, &*offer);
      }
      model_.record(keys_.at(std::string(engine::as_text(record.key))), nullptr);
    });
    read(inboxes_->find(InboxService::kNotification)->name, [this](const engine::Record& record) {
      v1::InboxMessage message;
      const std::string_view value = engine::as_text(record.value);
      ASSERT_TRUE(message.ParseFromArray(value.data(), static_cast<int>(value.size())));
      const auto offer = parse_offer(message.offer().SerializeAsString());
      ASSERT_TRUE(offer);
      model_.note(std::string(engine::as_text(record.key)), *offer);
    });
    model_.finish();
  }
  template <typename Visit>
  void read(const std::string& topic, const Visit& visit) {
    const auto info = sim_.store().find_topic(topic);
    ASSERT_TRUE(info) << info.error().message;
    for (std::uint32_t i = 0; i < info->config.partitions; ++i) {
      engine::Offset from(0);
      while (true) {
        const auto batch = sim_.log().read(info->id, from, engine::PartitionId(i));
        ASSERT_TRUE(batch) << batch.error().message;
        if (batch->range().first == batch->range().end) break;
        ASSERT_TRUE(batch->for_each(visit));
        from = batch->range().end;
      }
    }
  }

  engine::Random random_;
  SimulatedStore sim_;
  OfferModel model_;
  std::deque<Watcher> watchers_;
  std::unique_ptr<ScriptedLog> log_;
  std::unique_ptr<TapeInMemory> tape_;
  std::unique_ptr<InboxService> inboxes_;
  std::unique_ptr<OfferService> offers_;
  engine::Timestamp now_{1'700'000'000s};
  std::optional<Asked> last_;
  std::uint64_t last_since_ = 0;
  std::map<std::string, OfferKey> keys_;
  std::uint64_t crashes_ = 0;
  std::uint64_t refusals_ = 0;
};

TEST(OfferModel, EachHasOneWinnerOneEndAndTheNoteItShould) {
  Counts all;
  for_each_seed(kSeeds, "frontend_services_offers_test --gtest_filter='OfferModel.*'",
                [&](std::uint64_t seed) {
                  Life life(seed);
                  life.run();
                  all.accepted += life.counts().accepted;
                  all.missed += life.counts().missed;
                  all.crashes += life.counts().crashes;
                  all.refusals += life.counts().refusals;
                });
  if (::testing::Test::HasFailure()) return;
  std::cout << all.accepted << " accepted, " << all.missed << " missed, " << all.crashes
            << " crashes, " << all.refusals << " refusals\n";
  if (proof_only().empty()) {
    EXPECT_GT(all.accepted, 0U);
    EXPECT_GT(all.missed, 0U);
    EXPECT_GT(all.crashes, 0U);
    EXPECT_GT(all.refusals, 0U);
  }
}

}  // namespace
}  // namespace bimip::testing
