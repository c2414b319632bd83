#include "frontend/services/broker/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "engine/base/random.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using engine::Offset;
using engine::OffsetRange;
using ::testing::ElementsAre;

OffsetRange range(std::uint64_t first, std::uint64_t end) {
  return {.first = Offset(first), .end = Offset(end)};
}

TEST(Ledger, HoldsConsecutiveRecordsAsOneRange) {
  Ledger ledger;
  for (const std::uint64_t offset : {3ULL, 4ULL, 5ULL, 9ULL})
    ledger.deliver(Offset(offset), Ledger::kNever);
  EXPECT_THAT(ledger.ranges(), ElementsAre(DeliveredRange{.offsets = range(3, 6)},
                                           DeliveredRange{.offsets = range(9, 10)}));
  EXPECT_EQ(ledger.records(), 4U);
  EXPECT_EQ(ledger.lowest(), Offset(3));
}

TEST(Ledger, LetsTheMiddleBeAcknowledgedFirst) {
  Ledger ledger;
  for (std::uint64_t offset = 0; offset < 10; ++offset)
    ledger.deliver(Offset(offset), Ledger::kNever);
  EXPECT_EQ(ledger.acknowledge(range(4, 6)), 2U);
  EXPECT_EQ(ledger.lowest(), Offset(0));
  EXPECT_EQ(ledger.acknowledge(range(0, 5)), 4U);
  EXPECT_EQ(ledger.lowest(), Offset(6));
  EXPECT_EQ(ledger.acknowledge(range(0, 5)), 0U);
  EXPECT_EQ(ledger.acknowledge(range(6, 100)), 4U);
  EXPECT_TRUE(ledger.is_empty());
}

TEST(Ledger, SaysWhatIsDueAgainAndHowOftenItWasDelivered) {
  Ledger ledger;
  ledger.deliver(Offset(0), 10s);
  ledger.deliver(Offset(1), 10s);
  ledger.deliver(Offset(2), 12s);
  EXPECT_FALSE(ledger.next_due(9s));
  EXPECT_EQ(ledger.next_time(), 10s);
  EXPECT_EQ(ledger.next_due(10s), (DeliveredRange{.offsets = range(0, 2)}));
  ledger.deliver_again(range(0, 1), 20s);
  EXPECT_EQ(ledger.next_due(10s), (DeliveredRange{.offsets = range(1, 2)}));
  ledger.deliver_again(range(1, 2), 20s);
  EXPECT_EQ(ledger.next_due(20s), (DeliveredRange{.offsets = range(0, 1), .deliveries = 2}));
}

TEST(Ledger, LetsARecordBeRejectedBeforeItsTime) {
  Ledger ledger;
  for (std::uint64_t offset = 0; offset < 4; ++offset)
    ledger.deliver(Offset(offset), Ledger::kNever);
  EXPECT_EQ(ledger.reject(range(1, 3), 5s), 2U);
  EXPECT_FALSE(ledger.next_due(4s));
  EXPECT_EQ(ledger.next_due(5s), (DeliveredRange{.offsets = range(1, 3)}));
  EXPECT_EQ(ledger.acknowledge(range(1, 3)), 2U);
  EXPECT_FALSE(ledger.next_due(5s));
}

// One record at a time, as slowly as can be.
struct Model {
  struct Entry {
    Ledger::Time due{};
    std::uint32_t deliveries = 1;
  };
  std::map<std::uint64_t, Entry> records;
};

TEST(Ledger, AgreesWithAModelWhateverIsDone) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    engine::Random random(seed);
    Ledger ledger;
    Model model;
    std::uint64_t next = 0;
    for (int step = 0; step < 200; ++step) {
      const OffsetRange some = range(random.below(60), random.below(60));
      const auto due = Ledger::Time(static_cast<std::int64_t>(random.below(5)));
      const auto inside = [&](std::uint64_t offset) {
        return Offset(offset) >= some.first && Offset(offset) < some.end;
      };
      switch (random.below(5)) {
        case 0:
        case 1:
          next += random.one_in(3) ? 2U : 1U;
          ledger.deliver(Offset(next), due);
          model.records[next] = {.due = due};
          break;
        case 2:
          EXPECT_EQ(ledger.acknowledge(some),
                    std::erase_if(model.records, [&](const auto& r) { return inside(r.first); }));
          break;
        case 3: {
          std::uint64_t rejected = 0;
          for (auto& [offset, entry] : model.records) {
            if (!inside(offset)) continue;
            entry.due = due;
            ++rejected;
          }
          EXPECT_EQ(ledger.reject(some, due), rejected);
          break;
        }
        default:
          if (some.end <= some.first) break;
          ledger.deliver_again(some, due);
          for (auto& [offset, entry] : model.records) {
            if (inside(offset)) entry = {.due = due, .deliveries = entry.deliveries + 1};
          }
      }
      ASSERT_EQ(ledger.records(), model.records.size());
      ASSERT_EQ(ledger.lowest(), model.records.empty()
                                     ? std::nullopt
                                     : std::optional(Offset(model.records.begin()->first)));
      std::map<std::uint64_t, std::uint32_t> told;
      for (const DeliveredRange& one : ledger.ranges()) {
        for (Offset at = one.offsets.first; at < one.offsets.end; ++at)
          told[at.value()] = one.deliveries;
      }
      ASSERT_EQ(told.size(), model.records.size());
      for (const auto& [offset, entry] : model.records)
        ASSERT_EQ(told.at(offset), entry.deliveries);
      const auto now = Ledger::Time(static_cast<std::int64_t>(random.below(6)));
      const auto lowest_due = std::ranges::find_if(
          model.records, [&](const auto& record) { return record.second.due <= now; });
      const auto next_due = ledger.next_due(now);
      ASSERT_EQ(next_due.has_value(), lowest_due != model.records.end());
      if (next_due) {
        ASSERT_EQ(next_due->offsets.first, Offset(lowest_due->first));
      }
    }
  }
}

}  // namespace
}  // namespace bimip::frontend
