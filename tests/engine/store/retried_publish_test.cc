#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "engine/partition/producer_table.h"
#include "engine/store/store.h"
#include "tests/support/log_client.h"
#include "tests/support/temp_directory.h"

namespace bimip::testing {
namespace {

constexpr ProducerId kFirst{.high = 1, .low = 1};
constexpr ProducerId kSecond{.high = 2, .low = 2};

RecordFields numbered(const ProducerId& producer, std::uint64_t number) {
  RecordFields fields = value_record("x");
  fields.producer = ProducerMark{.id = producer, .number = ProducerNumber(number)};
  return fields;
}

// Two producers in turn: no two numbers of one have consecutive offsets.
ProducerTable interleaved(std::uint64_t numbers) {
  ProducerTable table;
  std::uint64_t offset = 0;
  for (std::uint64_t n = 1; n <= numbers; ++n) {
    for (const ProducerId& id : {kFirst, kSecond})
      table.add(numbered(id, n), Offset(offset++), Timestamp{});
  }
  return table;
}

TEST(RetriedPublish, IsRememberedAsFarBackAsAProducerMayHaveUnanswered) {
  const ProducerTable table = interleaved(3 * limits::kProducerNumbersKept);
  const std::uint64_t oldest = 2 * limits::kProducerNumbersKept + 1;
  const ProducerTable::Answer kept = table.look(numbered(kFirst, oldest), Timestamp{});
  EXPECT_EQ(kept.known, ProducerTable::Known::kStored);
  EXPECT_EQ(kept.offset, Offset(2 * (oldest - 1)));
  EXPECT_EQ(table.look(numbered(kFirst, oldest - 1), Timestamp{}).known,
            ProducerTable::Known::kSuperseded);
}

TEST(RetriedPublish, CostsNothingForNumbersThatAreSettled) {
  ProducerTable table = interleaved(limits::kProducerNumbersKept);
  const std::size_t before = table.snapshot_bytes();
  table.settle(kFirst, ProducerNumber(limits::kProducerNumbersKept - 1));
  EXPECT_EQ(before - table.snapshot_bytes(), (limits::kProducerNumbersKept - 2) * 24);
  const auto known = [&](const ProducerId& id, std::uint64_t number) {
    return table.look(numbered(id, number), Timestamp{}).known;
  };
  EXPECT_EQ(known(kFirst, 10), ProducerTable::Known::kSuperseded);
  EXPECT_EQ(known(kFirst, limits::kProducerNumbersKept - 1), ProducerTable::Known::kStored);
  EXPECT_EQ(known(kFirst, limits::kProducerNumbersKept + 1), ProducerTable::Known::kNew);
  EXPECT_EQ(known(kSecond, 10), ProducerTable::Known::kStored);
}

TEST(RetriedPublish, KnowsTheNewestNumberWhateverWasSettled) {
  ProducerTable table = interleaved(5);
  table.settle(kFirst, ProducerNumber(1'000'000));
  EXPECT_EQ(table.look(numbered(kFirst, 5), Timestamp{}).known, ProducerTable::Known::kStored);
  EXPECT_EQ(table.look(numbered(kFirst, 4), Timestamp{}).known, ProducerTable::Known::kSuperseded);
  table.settle({.high = 9, .low = 9}, ProducerNumber(1));  // one that is not known
}

TEST(RetriedPublish, OfWhatIsNotSettledIsAnsweredWithItsFirstOffset) {
  const TempDirectory directory;
  auto store = *Store::open({.directory = directory.path() / "data", .free_space_floor = 0});
  const TopicId topic = store->create_topic("orders", {})->id;
  const auto append = [&](std::uint64_t number, std::uint64_t settled_below) {
    PendingAppend request({numbered(kFirst, number)});
    request.topic = topic;
    request.settled_below = ProducerNumber(settled_below);
    store->append(request);
    while (!request.done()) std::this_thread::yield();
    return request.answer();
  };
  LogClient log(*store);
  for (std::uint64_t n = 1; n <= 10; ++n) {
    ASSERT_EQ(append(n, 1)->first, Offset(2 * (n - 1)));
    ASSERT_TRUE(log.append(topic, {numbered(kSecond, n)}));
  }
  EXPECT_EQ(append(11, 8)->first, Offset(20));
  EXPECT_EQ(append(8, 8)->first, Offset(14));
  const Result<Appended> settled = append(7, 8);
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().code, ErrorCode::kSuperseded);
  EXPECT_EQ(append(12, 8)->first, Offset(21));
}

}  // namespace
}  // namespace bimip::testing
