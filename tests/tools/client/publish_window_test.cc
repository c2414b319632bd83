#include "tools/client/publish_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "engine/base/random.h"

namespace bimip::client {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const PublishWindow::Time kStart{};

std::vector<std::uint64_t> send_all(PublishWindow& window, PublishWindow::Time now = kStart) {
  std::vector<std::uint64_t> numbers;
  while (const PublishWindow::Entry* entry = window.next_to_send(now))
    numbers.push_back(entry->number);
  return numbers;
}

PublishWindow window_of(int messages) {
  PublishWindow window({});
  for (int i = 1; i <= messages; ++i) window.add("message " + std::to_string(i));
  return window;
}

TEST(PublishWindow, SendsEachMessageOnceAndInOrder) {
  PublishWindow window = window_of(3);
  EXPECT_THAT(send_all(window), ElementsAre(1, 2, 3));
  EXPECT_THAT(send_all(window), IsEmpty());
  for (const std::uint64_t number : {2U, 1U, 3U}) window.on_stored(number);
  EXPECT_TRUE(window.is_settled());
  EXPECT_EQ(window.stored(), 3U);
  EXPECT_EQ(window.sent_again(), 0U);
}

TEST(PublishWindow, SendsAllThatIsNotStoredAgainAfterALostConnection) {
  PublishWindow window = window_of(4);
  send_all(window);
  window.on_stored(1);
  window.on_stored(3);
  window.on_disconnected();
  EXPECT_THAT(send_all(window), ElementsAre(2, 4));
  EXPECT_EQ(window.sent_again(), 2U);
  EXPECT_EQ(window.oldest_number(), 2U);
}

TEST(PublishWindow, WaitsAfterARefusalUntilAllIsAnsweredAndTheTimeHasCome) {
  PublishWindow window = window_of(4);
  send_all(window);
  window.on_refused(2, kStart + 10ms);
  EXPECT_THAT(send_all(window, kStart + 20ms), IsEmpty());
  EXPECT_FALSE(window.wakes_at());
  window.on_stored(1);
  window.on_refused(3, kStart + 30ms);
  window.on_refused(4, kStart + 5ms);
  EXPECT_EQ(window.wakes_at(), kStart + 30ms);
  EXPECT_THAT(send_all(window, kStart + 29ms), IsEmpty());
  EXPECT_THAT(send_all(window, kStart + 30ms), ElementsAre(2, 3, 4));
}

TEST(PublishWindow, HasRoomForSoManyMessagesAndBytes) {
  PublishWindow window({.messages = 2, .bytes = 100});
  window.add("x");
  EXPECT_TRUE(window.has_room());
  window.add("x");
  EXPECT_FALSE(window.has_room());
  send_all(window);
  window.on_stored(1);
  EXPECT_TRUE(window.has_room());
  window.add(std::string(99, 'x'));
  window.set_messages_max(9);
  EXPECT_FALSE(window.has_room());
}

TEST(PublishWindow, IgnoresAnswersForWhatIsNotOnItsWay) {
  PublishWindow window = window_of(2);
  window.on_stored(1);
  window.on_refused(2, kStart);
  window.on_dropped(7);
  EXPECT_THAT(send_all(window), ElementsAre(1, 2));
  window.on_stored(1);
  window.on_stored(1);
  EXPECT_EQ(window.stored(), 1U);
}

TEST(PublishWindow, SettlesWithoutTheRestOnceItStopsSending) {
  PublishWindow window = window_of(4);
  for (int i = 0; i < 3; ++i) (void)window.next_to_send(kStart);
  window.on_dropped(2);
  window.stop_sending();
  EXPECT_FALSE(window.is_settled());
  EXPECT_EQ(window.unanswered(), 2U);
  window.on_stored(1);
  window.on_stored(3);
  EXPECT_TRUE(window.is_settled());
  EXPECT_EQ(window.unanswered(), 0U);
  EXPECT_EQ(window.stored(), 2U);
  EXPECT_EQ(window.next_to_send(kStart), nullptr);
}

// A server that loses connections and refuses as it likes, and stores each number once, in order,
// as ours does.
TEST(PublishWindow, GetsEveryMessageStoredOnceAndInOrderWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    engine::Random random(seed);
    PublishWindow window({.messages = 16, .bytes = 1000});
    constexpr std::uint64_t kMessages = 200;
    PublishWindow::Time now = kStart;
    std::uint64_t added = 0;
    std::uint64_t stored = 0;  // numbers up to this one
    std::vector<std::uint64_t> pipe;
    while (added < kMessages || !window.is_settled()) {
      while (added < kMessages && window.has_room()) added = window.add("m");
      const std::vector<std::uint64_t> sent = send_all(window, now);
      pipe.insert(pipe.end(), sent.begin(), sent.end());
      now += 1ms;
      bool fenced = false;
      const std::uint64_t fate = random.below(10);
      const std::size_t answered = fate == 0 ? random.below(pipe.size() + 1) : pipe.size();
      for (std::size_t i = 0; i < answered; ++i) {
        const std::uint64_t number = pipe[i];
        fenced = fenced || random.below(20) == 0;
        if (fenced && number > stored) {
          window.on_refused(number, now + 3ms);
          continue;
        }
        if (number > stored) {
          ASSERT_EQ(number, stored + 1) << "seed " << seed;
        }
        stored = std::max(stored, number);
        window.on_stored(number);
      }
      if (fate == 0) {
        // Some of what was on its way was stored, and nobody heard of it.
        for (std::size_t i = answered; i < pipe.size() && random.below(2) == 0; ++i)
          if (pipe[i] == stored + 1) ++stored;
        window.on_disconnected();
      }
      pipe.clear();
    }
    EXPECT_EQ(stored, kMessages) << "seed " << seed;
    EXPECT_EQ(window.stored(), kMessages) << "seed " << seed;
  }
}

}  // namespace
}  // namespace bimip::client
