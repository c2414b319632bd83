// Offers on a real log: who was first, what is told, what a restart leaves.
#include "frontend/services/offers/offer_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "engine/store/store.h"
#include "frontend/stanza/limits.h"
#include "tests/frontend/scripted_log.h"
#include "tests/frontend/tape_in_memory.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

using namespace bimip::frontend;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using engine::Timestamp;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Timestamp kBegin(1'000'000s);

class Ear final : public OfferListener {
 public:
  void on_changed(OfferRef offer) override { states.push_back(offer->state); }
  std::vector<OfferState> states;
};

class OfferServiceTest : public ::testing::Test {
 protected:
  using Answer = std::expected<OfferRef, OfferRefusal>;
  OfferServiceTest() { open(); }
  ~OfferServiceTest() override { close(); }

  void open() {
    auto store = engine::Store::open({.directory = directory_.path(), .free_space_floor = 0});
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
    log_ = std::make_unique<ScriptedLog>(*store_);
    inboxes_ = std::move(*InboxService::open(*log_, {}));
    tape_ = std::make_unique<TapeInMemory>(RecordedCore::kOffers);
    auto offers = OfferService::open(*log_, *inboxes_, tape_.get());
    ASSERT_TRUE(offers) << offers.error().message;
    offers_ = std::move(*offers);
  }
  void close() {
    offers_->settle();
    inboxes_->settle();
    store_->close();
    offers_.reset();
    expect_replays(tape_->bytes());
    inboxes_.reset();
    log_.reset();
    store_.reset();
  }
  void reopen() {
    close();
    open();
  }

  Answer propose(const std::string& id, const std::string& description = "video",
                 const std::string& from = "ann", const std::string& to = "bob") {
    return wait([&](OfferService::Done done) {
      offers_->propose(offer(id, description, from, to), std::move(done));
    });
  }
  [[nodiscard]] Offer offer(const std::string& id, const std::string& description,
                            const std::string& from, const std::string& to) const {
    return {.key = {.from = from, .id = id},
            .from_device = "phone",
            .to = to,
            .kind = "call",
            .description = description,
            .proposed_at = now_,
            .changed_at = now_,
            .expires_at = now_ + 60s};
  }
  // They are on their way side by side.
  void propose_many(std::size_t entities) {
    for (std::size_t i = 0; i < entities * frontend::limits::kOffersFromEntityMax; ++i) {
      const std::string number = std::to_string(i / frontend::limits::kOffersFromEntityMax);
      offers_->propose(offer(std::to_string(i), "video", "from-" + number, "to-" + number),
                       [](const Answer& answer) { EXPECT_TRUE(answer); });
    }
    offers_->settle();
  }
  Answer move(const std::string& id, OfferAction action, const std::string& eid,
              const std::string& device = "phone") {
    return wait([&](OfferService::Done done) {
      offers_->move({.from = "ann", .id = id}, {.action = action, .eid = eid, .device = device},
                    now_, std::move(done));
    });
  }
  void refuse_keys_with(const std::string& part) {
    log_->refuse = [part](const engine::RecordFields& fields) -> std::optional<engine::Error> {
      if (!engine::as_text(fields.key).contains(part)) return std::nullopt;
      return engine::Error{engine::ErrorCode::kIo, "the disk is bad"};
    };
  }
  void tick(std::chrono::milliseconds time) {
    now_ += time;
    offers_->on_tick(now_);
    offers_->settle();
  }
  std::size_t missed_by(const std::string& eid) {
    LogClient log(*store_);
    const auto batch = log.read_entity(inboxes_->find("notification")->id, eid, {});
    return batch ? batch->records().size() : 0;
  }

  const TempDirectory directory_;
  std::unique_ptr<engine::Store> store_;
  std::unique_ptr<ScriptedLog> log_;
  std::unique_ptr<InboxService> inboxes_;
  std::unique_ptr<TapeInMemory> tape_;
  std::unique_ptr<OfferService> offers_;
  Timestamp now_ = kBegin;

  static Answer wait(const std::function<void(OfferService::Done)>& ask) {
    std::promise<Answer> promise;
    std::future<Answer> answer = promise.get_future();
    ask([promise = std::move(promise)](Answer result) mutable {
      promise.set_value(std::move(result));
    });
    return answer.get();
  }
};

TEST_F(OfferServiceTest, TellsBothSidesOfEachChange) {
  Ear ann;
  Ear bob;
  Ear carol;
  EXPECT_THAT(offers_->watch("ann", ann), IsEmpty());
  EXPECT_THAT(offers_->watch("bob", bob), IsEmpty());
  EXPECT_THAT(offers_->watch("carol", carol), IsEmpty());
  ASSERT_TRUE(propose("a"));
  ASSERT_TRUE(move("a", OfferAction::kRing, "bob"));
  ASSERT_TRUE(move("a", OfferAction::kAccept, "bob"));
  ASSERT_TRUE(move("a", OfferAction::kEnd, "ann"));
  const auto all = ElementsAre(OfferState::kProposed, OfferState::kRinging, OfferState::kAccepted,
                               OfferState::kEnded);
  EXPECT_THAT(ann.states, all);
  EXPECT_THAT(bob.states, all);
  EXPECT_THAT(carol.states, IsEmpty());
  for (Ear* ear : {&ann, &bob, &carol})
    offers_->unwatch(ear == &ann ? "ann" : ear == &bob ? "bob" : "carol", *ear);
  EXPECT_EQ(offers_->open_offers(), 0U);
  EXPECT_EQ(offers_->counters().accepted, 1U);
}

TEST_F(OfferServiceTest, OneOfManyDevicesHasIt) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = std::to_string(round);
    ASSERT_TRUE(propose(id));
    std::atomic<int> winners = 0;
    std::vector<std::thread> devices;
    for (int i = 0; i < 8; ++i) {
      devices.emplace_back([&, i] {
        const Answer answer = move(id, OfferAction::kAccept, "bob", "device-" + std::to_string(i));
        if (answer) {
          ++winners;
        } else {
          EXPECT_EQ(answer.error().code, Code::kAlreadyExists) << answer.error().why;
        }
      });
    }
    for (std::thread& device : devices) device.join();
    EXPECT_EQ(winners, 1);
    ASSERT_TRUE(move(id, OfferAction::kEnd, "bob"));
  }
}

TEST_F(OfferServiceTest, ProposedAgainItIsTheSame) {
  const Answer first = propose("a");
  ASSERT_TRUE(first);
  const Answer again = propose("a");
  ASSERT_TRUE(again);
  EXPECT_EQ((*again)->version, (*first)->version);
  const Answer other = propose("a", "something else");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kAlreadyExists);
}

TEST_F(OfferServiceTest, ExpiresAndLeavesWordInTheInboxOnce) {
  Ear bob;
  (void)offers_->watch("bob", bob);
  ASSERT_TRUE(propose("a"));
  tick(59'999ms);
  EXPECT_THAT(bob.states, SizeIs(1)) << "never before its time";
  tick(1ms);
  EXPECT_EQ(bob.states.back(), OfferState::kExpired);
  tick(1s);
  EXPECT_EQ(missed_by("bob"), 1U);
  EXPECT_FALSE(move("a", OfferAction::kAccept, "bob"));
  ASSERT_TRUE(propose("b"));
  ASSERT_TRUE(move("b", OfferAction::kReject, "bob"));
  tick(120s);
  EXPECT_EQ(missed_by("bob"), 1U) << "what was turned down was not missed";
  EXPECT_EQ(move("a", OfferAction::kAccept, "bob").error().code, Code::kNotFound) << "forgotten";
  ASSERT_TRUE(propose("a")) << "its name is free again";
  tick(60s);
  tick(1s);
  EXPECT_EQ(missed_by("bob"), 2U) << "and was missed again";
  offers_->unwatch("bob", bob);
}

TEST_F(OfferServiceTest, TheLongestNamesExpireAndAreCancelledAsAnyOther) {
  const std::string from(frontend::limits::kEidBytesMax, 'f');
  const std::string to(frontend::limits::kEidBytesMax, 't');
  const std::string expires(frontend::limits::kMessageIdBytesMax, 'x');
  const std::string cancelled(frontend::limits::kMessageIdBytesMax, 'y');
  ASSERT_TRUE(propose(expires, "video", from, to));
  ASSERT_TRUE(propose(cancelled, "video", from, to));
  const Answer answer = wait([&](OfferService::Done done) {
    offers_->move({.from = from, .id = cancelled}, {.action = OfferAction::kCancel, .eid = from},
                  now_, std::move(done));
  });
  EXPECT_TRUE(answer) << answer.error().why;
  tick(60s);
  EXPECT_EQ(offers_->open_offers(), 0U);
  EXPECT_EQ(missed_by(to), 2U);
}

// All of them are looked at in two ticks.
constexpr std::size_t kManyEntities = 40;
constexpr std::size_t kTicks = 2;
constexpr std::size_t kMany = kManyEntities * frontend::limits::kOffersFromEntityMax;

TEST_F(OfferServiceTest, OnesWhoseEndCannotBeStoredStandInNobodysWay) {
  propose_many(kManyEntities);
  ASSERT_TRUE(propose("a", "video", "zoe")) << "who is behind the others";
  refuse_keys_with("from-");
  Ear bob;
  (void)offers_->watch("bob", bob);
  now_ += 60s;
  for (std::size_t i = 0; i < kTicks; ++i) tick(250ms);
  EXPECT_THAT(bob.states, ElementsAre(OfferState::kExpired));
  EXPECT_EQ(missed_by("bob"), 1U);
  EXPECT_EQ(offers_->open_offers(), kMany);
  EXPECT_EQ(missed_by("to-0"), 0U) << "it is not over";
  log_->refuse = {};
  for (std::size_t i = 0; i < kTicks; ++i) tick(frontend::limits::kOfferTriedAgain);
  EXPECT_EQ(offers_->open_offers(), 0U) << "they are tried again";
  EXPECT_EQ(missed_by("to-0"), frontend::limits::kOffersFromEntityMax);
  offers_->unwatch("bob", bob);
}

TEST_F(OfferServiceTest, OneWhoseNoteCannotBeStoredIsOverAndNotedLater) {
  propose_many(kManyEntities);
  Ear watcher;
  (void)offers_->watch("to-0", watcher);
  refuse_keys_with("to-");
  now_ += 60s;
  for (std::size_t i = 0; i < kTicks; ++i) tick(250ms);
  EXPECT_EQ(offers_->open_offers(), 0U);
  EXPECT_EQ(offers_->counters().missed, kMany);
  EXPECT_THAT(watcher.states, SizeIs(frontend::limits::kOffersFromEntityMax));
  for (int i = 0; i < 3; ++i) tick(60s);
  EXPECT_EQ(missed_by("to-0"), 0U);
  offers_->unwatch("to-0", watcher);
  reopen();
  for (std::size_t i = 0; i < kTicks; ++i) tick(frontend::limits::kOfferTriedAgain);
  EXPECT_EQ(missed_by("to-0"), frontend::limits::kOffersFromEntityMax) << "after a restart, too";
  for (int i = 0; i < 3; ++i) tick(60s);
  EXPECT_EQ(missed_by("to-0"), frontend::limits::kOffersFromEntityMax) << "and once";
  EXPECT_EQ(offers_->counters().missed, 0U) << "none was missed since";
}

TEST_F(OfferServiceTest, ThoseOnTheirWayCountAsWell) {
  log_->holds = true;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < frontend::limits::kOffersFromEntityMax + 3; ++i) {
    offers_->propose(offer(std::to_string(i), "video", "ann", "bob"), [&](const Answer& answer) {
      if (!answer) ++refused;
    });
  }
  EXPECT_EQ(refused, 3U);
  log_->let_go();
  offers_->settle();
  EXPECT_EQ(refused, 3U);
  EXPECT_EQ(offers_->open_offers(), frontend::limits::kOffersFromEntityMax);
}

TEST_F(OfferServiceTest, ARestartLosesNone) {
  ASSERT_TRUE(propose("waits"));
  ASSERT_TRUE(propose("accepted"));
  ASSERT_TRUE(move("accepted", OfferAction::kAccept, "bob", "tablet"));
  ASSERT_TRUE(propose("over"));
  ASSERT_TRUE(move("over", OfferAction::kCancel, "ann"));
  reopen();
  Ear bob;
  const std::vector<OfferRef> there = offers_->watch("bob", bob);
  ASSERT_THAT(there, SizeIs(2));
  const Answer late = move("accepted", OfferAction::kAccept, "bob", "phone");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().why, "the offer is accepted by device 'tablet'");
  ASSERT_TRUE(move("waits", OfferAction::kAccept, "bob"));
  EXPECT_THAT(bob.states, ElementsAre(OfferState::kAccepted));
  EXPECT_EQ(missed_by("bob"), 1U);
  offers_->unwatch("bob", bob);
  tick(90s);
  reopen();
  EXPECT_EQ(move("over", OfferAction::kCancel, "ann").error().code, Code::kNotFound);
}

TEST_F(OfferServiceTest, AnEntityHasAMostOfOffers) {
  for (std::size_t i = 0; i < frontend::limits::kOffersFromEntityMax; ++i)
    ASSERT_TRUE(propose(std::to_string(i)));
  EXPECT_EQ(propose("more").error().code, Code::kResourceExhausted);
  ASSERT_TRUE(propose("more", "video", "dora"));
  ASSERT_TRUE(move("0", OfferAction::kCancel, "ann"));
  ASSERT_TRUE(propose("more"));
}

}  // namespace
}  // namespace bimip::testing
