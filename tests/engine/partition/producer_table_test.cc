#include "engine/partition/producer_table.h"

#include <gtest/gtest.h>

#include "engine/base/limits.h"
#include "engine/base/random.h"

namespace bimip::testing {
namespace {

using namespace bimip::engine;  // NOLINT: tests read better without it
using namespace std::chrono_literals;
using Known = ProducerTable::Known;

const Timestamp kNow{std::chrono::microseconds(1'700'000'000'000'000)};

RecordFields from(std::uint64_t producer, std::uint64_t number) {
  RecordFields fields;
  fields.producer =
      ProducerMark{.id = {.high = 1, .low = producer}, .number = ProducerNumber(number)};
  return fields;
}
RecordFields keyed(std::string_view key) {
  RecordFields fields;
  fields.idempotency_key = as_bytes(key);
  return fields;
}

TEST(ProducerTable, KnowsNothingOfAStranger) {
  const ProducerTable table;
  EXPECT_EQ(table.look(from(1, 1), kNow).known, Known::kNew);
  EXPECT_EQ(table.look(keyed("k"), kNow).known, Known::kNew);
  EXPECT_EQ(table.look({}, kNow).known, Known::kNew);
}

TEST(ProducerTable, AnswersARetryWithItsOffset) {
  ProducerTable table;
  table.add(from(1, 5), Offset(100), kNow);
  table.add(from(1, 6), Offset(101), kNow);
  table.add(from(2, 6), Offset(102), kNow);
  table.add(from(1, 9), Offset(103), kNow);
  EXPECT_EQ(table.look(from(1, 5), kNow).offset, Offset(100));
  EXPECT_EQ(table.look(from(1, 6), kNow).offset, Offset(101));
  EXPECT_EQ(table.look(from(2, 6), kNow).offset, Offset(102));
  EXPECT_EQ(table.look(from(1, 9), kNow).offset, Offset(103));
  EXPECT_EQ(table.look(from(1, 10), kNow).known, Known::kNew);
}

TEST(ProducerTable, WillNotSayWhatItDoesNotRemember) {
  ProducerTable table;
  table.add(from(1, 5), Offset(0), kNow);
  table.add(from(1, 9), Offset(1), kNow);
  EXPECT_EQ(table.look(from(1, 4), kNow).known, Known::kSuperseded);
  EXPECT_EQ(table.look(from(1, 7), kNow).known, Known::kSuperseded) << "skipped, then overtaken";
}

TEST(ProducerTable, RemembersSoManyNumbersOfAProducer) {
  ProducerTable table;
  // Every second number, so that each is a run of its own.
  for (std::uint64_t i = 0; i < 3 * limits::kProducerNumbersKept; ++i)
    table.add(from(1, 2 * i), Offset(i), kNow);
  const std::uint64_t newest = 2 * (3 * limits::kProducerNumbersKept - 1);
  EXPECT_EQ(table.look(from(1, newest), kNow).known, Known::kStored);
  EXPECT_EQ(table.look(from(1, newest - 2 * (limits::kProducerNumbersKept - 1)), kNow).known,
            Known::kStored);
  EXPECT_EQ(table.look(from(1, 2), kNow).known, Known::kSuperseded);
  EXPECT_LE(table.snapshot().producers[0].runs.size(), limits::kProducerNumbersKept);
}

TEST(ProducerTable, ForgetsWhoWasIdleForLong) {
  ProducerTable table;
  table.add(from(1, 5), Offset(0), kNow);
  table.add(from(2, 5), Offset(1), kNow + 24h);
  const Timestamp later = kNow + limits::kProducerIdleMax + 1h;
  table.add(from(3, 1), Offset(2), later);
  EXPECT_EQ(table.look(from(1, 5), later).known, Known::kNew);
  EXPECT_EQ(table.look(from(2, 5), later).known, Known::kStored);
}

TEST(ProducerTable, HoldsNoMoreProducersThanItMay) {
  ProducerTable table;
  for (std::uint64_t i = 0; i < limits::kProducersMax + 1000; ++i)
    table.add(from(i, 1), Offset(i), kNow);
  EXPECT_LE(table.snapshot().producers.size(), limits::kProducersMax + 1);
  EXPECT_EQ(table.look(from(0, 1), kNow).known, Known::kNew) << "the longest idle goes first";
  EXPECT_EQ(table.look(from(limits::kProducersMax + 999, 1), kNow).known, Known::kStored);
}

TEST(ProducerTable, HonoursAKeyWithinItsWindow) {
  ProducerTable table;
  table.add(keyed("payment 1"), Offset(7), kNow);
  const Timestamp end = kNow + limits::kIdempotencyWindow;
  EXPECT_EQ(table.look(keyed("payment 1"), end).offset, Offset(7));
  EXPECT_EQ(table.look(keyed("payment 1"), end + 1us).known, Known::kNew);
  table.add(keyed("payment 1"), Offset(9), end + 1s);
  EXPECT_EQ(table.look(keyed("payment 1"), end + 2s).offset, Offset(9)) << "stored anew";
}

TEST(ProducerTable, HoldsNoMoreKeysThanItMay) {
  ProducerTable table;
  for (std::size_t i = 0; i < limits::kIdempotencyKeysMax + 10; ++i)
    table.add(keyed(std::to_string(i)), Offset(i), kNow);
  EXPECT_EQ(table.snapshot().idempotency_keys.size(), limits::kIdempotencyKeysMax);
  EXPECT_EQ(table.look(keyed("3"), kNow).known, Known::kNew);
  EXPECT_EQ(table.look(keyed("20"), kNow).known, Known::kStored);
}

TEST(ProducerTable, IsTheSameAfterASnapshot) {
  Random random(5);
  ProducerTable table;
  std::vector<std::uint64_t> next(20, 1);
  Timestamp now = kNow;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const std::uint64_t producer = random.below(next.size());
    now += std::chrono::microseconds(random.below(1'000'000));
    RecordFields record = from(producer, next[producer] += 1 + random.below(2));
    const std::string key = std::to_string(random.below(300));
    if (random.one_in(3)) record.idempotency_key = as_bytes(key);
    table.add(record, Offset(i), now);
  }
  const ProducerState state = table.snapshot();
  ProducerTable again(state);
  EXPECT_EQ(again.snapshot(), state);
  const SegmentIdentity segment{.epoch = Epoch(1)};
  const auto decoded = decode_producer_state(segment, encode_producer_state(segment, state));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, state);
  for (std::uint64_t producer = 0; producer < next.size(); ++producer) {
    for (std::uint64_t number = 1; number < next[producer] + 3; ++number) {
      const auto a = table.look(from(producer, number), now);
      const auto b = again.look(from(producer, number), now);
      ASSERT_EQ(a.known, b.known);
      ASSERT_EQ(a.offset, b.offset);
    }
  }
  const double estimate = static_cast<double>(table.snapshot_bytes());
  const double real = static_cast<double>(encode_producer_state(segment, state).size());
  EXPECT_LT(estimate, real * 1.5);
  EXPECT_GT(estimate, real * 0.5);
}

}  // namespace
}  // namespace bimip::testing
