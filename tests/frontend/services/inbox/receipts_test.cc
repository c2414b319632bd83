#include "frontend/services/inbox/receipts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/stanza/limits.h"
#include "tests/support/simulated_store.h"

namespace bimip::frontend {
namespace {

using engine::IncrementId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class Ear final : public InboxListener {
 public:
  void on_news() override { ++heard; }
  int heard = 0;
};

class ReceiptsTest : public ::testing::Test {
 protected:
  ReceiptsTest() {
    auto service = InboxService::open(sim_.store(), {});
    EXPECT_TRUE(service);
    service_ = std::move(*service);
  }
  ~ReceiptsTest() override { service_->settle(); }

  void message(const std::string& from, const std::string& id,
               std::optional<engine::Timestamp> expires_at = {},
               v1::InboxMessageKind kind = v1::INBOX_MESSAGE_KIND_MESSAGE) {
    v1::InboxMessage message;
    message.set_kind(kind);
    message.set_from(from);
    message.set_message_id(id);
    put(message.SerializeAsString(), expires_at);
  }
  void put(const std::string& value, std::optional<engine::Timestamp> expires_at = {}) {
    engine::RecordFields fields = testing::value_record(value, "bob");
    fields.expires_at = expires_at;
    ASSERT_TRUE(sim_.log().append(service_->find("chat")->id, {fields}));
  }
  [[nodiscard]] ReceiptJob about(std::uint64_t first, std::uint64_t last) const {
    return {.name = "read",
            .category = "chat",
            .inbox = {.category = service_->find("chat")->id, .eid = "bob"},
            .partition = engine::PartitionId(0),
            .device = "phone",
            .first = IncrementId(first),
            .last = IncrementId(last)};
  }
  // Sets `told` when it was, however long the log refuses it.
  void tell_until_told(std::uint64_t increment, std::optional<engine::Status>& told) {
    ReceiptJob job = about(increment, increment);
    job.until_told = true;
    service_->receipts().tell(std::move(job),
                              [&told](engine::Status status) { told = std::move(status); });
  }
  engine::Status tell(std::uint64_t first, std::uint64_t last) {
    std::optional<engine::Status> told;
    service_->receipts().tell(about(first, last),
                              [&](engine::Status status) { told = std::move(status); });
    for (int i = 0; i < 200 && !told; ++i) sim_.step();
    EXPECT_TRUE(told);
    return told.value_or(engine::Status{});
  }
  // Author by author, the ids in each receipt.
  std::vector<std::pair<std::string, std::vector<std::string>>> told() {
    std::vector<std::pair<std::string, std::vector<std::string>>> found;
    const auto all = sim_.log().read_all(service_->find("receipt")->id);
    for (const testing::StoredRecord& record : all->records) {
      v1::InboxMessage message;
      EXPECT_TRUE(message.ParseFromString(record.value));
      EXPECT_EQ(message.kind(), v1::INBOX_MESSAGE_KIND_RECEIPT);
      EXPECT_EQ(message.from(), "bob");
      EXPECT_EQ(message.from_device(), "phone");
      EXPECT_EQ(message.receipt().name(), "read");
      EXPECT_EQ(message.receipt().category(), "chat");
      const auto& ids = message.receipt().message_ids();
      found.emplace_back(record.key, std::vector<std::string>(ids.begin(), ids.end()));
    }
    return found;
  }

  testing::SimulatedStore sim_;
  std::unique_ptr<InboxService> service_;
};

TEST_F(ReceiptsTest, EachAuthorIsToldOfHisOwn) {
  message("alice", "1");
  message("carol", "2");
  message("alice", "3");
  message("alice", "4");
  ASSERT_TRUE(tell(1, 3));
  EXPECT_THAT(told(), UnorderedElementsAre(Pair("alice", ElementsAre("1", "3")),
                                           Pair("carol", ElementsAre("2"))));
}

TEST_F(ReceiptsTest, NobodyIsToldOfWhatIsNoMessageOfAnothers) {
  message("bob", "to himself");
  message("alice", "a copy", {}, v1::INBOX_MESSAGE_KIND_COPY);
  put("no message at all");
  message("alice", "expired", sim_.clock().now() + 1s);
  sim_.pass(2s);
  ASSERT_TRUE(tell(1, 4));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(ReceiptsTest, OfAnInboxThatNeverWasThereIsNothingToTell) {
  EXPECT_TRUE(tell(1, 9));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(ReceiptsTest, MoreThanAPageAreToldPageByPage) {
  for (std::size_t i = 0; i < limits::kReceiptMessagesMax + 3; ++i)
    message("alice", std::to_string(i));
  ASSERT_TRUE(tell(1, limits::kReceiptMessagesMax + 3));
  const auto all = told();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_THAT(all[0].second, SizeIs(limits::kReceiptMessagesMax));
  EXPECT_THAT(all[1].second, SizeIs(3));
}

TEST_F(ReceiptsTest, WhatTheLogRefusedIsToldOnceItTakesItIfThatIsAskedFor) {
  message("alice", "1");
  message("alice", "2");
  const engine::TopicId receipts = service_->find("receipt")->id;
  sim_.device().fail_next(
      {.operation = engine::SimOperation::kWrite, .path_contains = "receipt/0/"});
  EXPECT_FALSE(tell(1, 1));  // the partition is degraded from now on

  std::optional<engine::Status> told_at_last;
  tell_until_told(2, told_at_last);
  const auto wait = [&](std::chrono::seconds time) {
    for (std::chrono::seconds waited{0}; waited < time; waited += 1s) {
      service_->receipts().on_tick(sim_.clock().monotonic());
      sim_.pass(1s);
    }
  };
  wait(5s);
  EXPECT_FALSE(told_at_last);
  ASSERT_TRUE(sim_.reopen(receipts));
  wait(3s);
  ASSERT_TRUE(told_at_last);
  EXPECT_TRUE(*told_at_last);
  EXPECT_THAT(told(), ElementsAre(Pair("alice", ElementsAre("2"))));
}

TEST_F(ReceiptsTest, WhatIsNotYetToldAtTheEndIsSaidToBe) {
  message("alice", "1");
  sim_.device().fail_next(
      {.operation = engine::SimOperation::kWrite, .path_contains = "receipt/0/"});
  std::optional<engine::Status> told;
  tell_until_told(1, told);
  sim_.pass(1s);
  EXPECT_FALSE(told);
  service_->settle();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->error().code, engine::ErrorCode::kClosed);
}

TEST_F(ReceiptsTest, WhoHasHisReceiptsOpenIsToldAtOnce) {
  Ear ear;
  const InboxKey key{.category = service_->find("receipt")->id, .eid = "alice"};
  service_->hub().listen(key, ear);
  message("alice", "1");
  ASSERT_TRUE(tell(1, 1));
  EXPECT_EQ(ear.heard, 1);
  service_->hub().unlisten(key, ear);
}

TEST_F(ReceiptsTest, EveryInboxKeepsAsMuchAsIsAskedForNow) {
  service_->settle();
  const auto reopen = [&](const InboxKept& kept) {
    service_.reset();
    service_ = std::move(*InboxService::open(sim_.store(), {"orders"}, kept));
  };
  for (const InboxKept& kept :
       {InboxKept{.messages_max = 100, .age = 1h}, InboxKept{.messages_max = 7}, InboxKept{}}) {
    reopen(kept);
    for (const char* category : {"chat", "notification", "control", "sent", "receipt", "orders"}) {
      const engine::TopicConfig& config = service_->find(category)->config;
      EXPECT_EQ(config.entity_records_max, kept.messages_max) << category;
      EXPECT_EQ(config.entity_age, kept.age) << category;
    }
  }
}

TEST_F(ReceiptsTest, ACategoryThatEveryServerHasIsNoneOfItsConfiguration) {
  for (const char* category : {"sent", "receipt", "chat"}) {
    const auto opened = InboxService::open(sim_.store(), {"orders", category});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, engine::ErrorCode::kInvalidArgument);
  }
}

TEST_F(ReceiptsTest, WhoHasAnInboxOpenIsToldOfAMessageWhoseTimeHasCome) {
  Ear ear;
  const InboxKey key{.category = service_->find("chat")->id, .eid = "bob"};
  service_->hub().listen(key, ear);
  engine::RecordFields fields = testing::value_record("x", "bob");
  fields.not_before = sim_.clock().now() + 5s;
  ASSERT_TRUE(sim_.log().append(key.category, {fields}));
  sim_.pass(4s);
  EXPECT_EQ(ear.heard, 0);
  sim_.pass(2s);
  EXPECT_EQ(ear.heard, 1);
  service_->hub().unlisten(key, ear);
}

}  // namespace
}  // namespace bimip::frontend
