#include "engine/partition/request_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <thread>
#include <vector>

namespace bimip::testing {
namespace {

using namespace bimip::engine;  // NOLINT: tests read better without it

struct Numbered final : AppendRequest {
  Numbered(std::size_t producer_number, std::size_t turn_number)
      : producer(producer_number), turn(turn_number) {}
  void on_appended(Result<Appended>) override {}
  std::size_t producer;
  std::size_t turn;
};

TEST(RequestList, GivesBackInTheOrderGiven) {
  Numbered a(0, 0);
  Numbered b(0, 1);
  Numbered c(0, 2);
  RequestList list;
  EXPECT_TRUE(list.empty());
  list.push_back(a);
  list.push_back(b);
  EXPECT_EQ(&list.front(), &a);
  EXPECT_EQ(&list.pop_front(), &a);
  list.push_back(c);
  EXPECT_EQ(&list.pop_front(), &b);
  EXPECT_EQ(&list.pop_front(), &c);
  EXPECT_TRUE(list.empty());
  list.push_back(a);
  EXPECT_EQ(&list.pop_front(), &a) << "a request may come again";
}

TEST(RequestQueue, SaysWhenItWasEmpty) {
  Numbered a(0, 0);
  Numbered b(0, 1);
  RequestQueue queue;
  EXPECT_TRUE(queue.push(a));
  EXPECT_FALSE(queue.push(b));
  queue.take_all([](AppendRequest&) {});
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.push(a));
}

TEST(RequestQueue, ARequestMayBePushedAgainWhileItIsVisited) {
  Numbered a(0, 0);
  RequestQueue queue;
  queue.push(a);
  int visits = 0;
  const auto visit = [&](AppendRequest& request) {
    if (++visits == 1) queue.push(request);
  };
  queue.take_all(visit);
  EXPECT_EQ(visits, 1);
  queue.take_all(visit);
  EXPECT_EQ(visits, 2);
}

TEST(RequestQueue, KeepsEveryProducersOrder) {
  constexpr std::size_t kProducers = 4;
  constexpr std::size_t kEach = 20'000;
  std::vector<std::deque<Numbered>> requests(kProducers);
  for (std::size_t p = 0; p < kProducers; ++p) {
    for (std::size_t i = 0; i < kEach; ++i) requests[p].emplace_back(p, i);
  }
  RequestQueue queue;
  std::vector<std::thread> producers;
  for (std::size_t p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (Numbered& request : requests[p]) queue.push(request);
    });
  }
  std::vector<std::size_t> next(kProducers, 0);
  bool in_order = true;
  std::size_t taken = 0;
  while (taken < kProducers * kEach) {
    queue.take_all([&](AppendRequest& request) {
      const auto& numbered = static_cast<const Numbered&>(request);
      in_order = in_order && numbered.turn == next[numbered.producer]++;
      ++taken;
    });
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_TRUE(in_order);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace bimip::testing
