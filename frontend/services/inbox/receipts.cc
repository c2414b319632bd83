#include "frontend/services/inbox/receipts.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/once_name.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;
using engine::Result;
using engine::Status;

namespace {

// Who is told: an id of a message is the device's that sent it.
struct Author {
  std::string eid{};
  std::string device{};
  friend auto operator<=>(const Author&, const Author&) = default;
};
using MessagesByAuthor = std::map<Author, std::vector<std::string>>;

// How far messages have come is told once anyway: what the marks are for.
bool is_applications_own(std::string_view name) { return name != "delivered" && name != "read"; }

}  // namespace

// One job. Owns itself until it is done.
class Receipts::Run final : public engine::EntityReadRequest {
 public:
  Run(Receipts& receipts, ReceiptJob job, Done done)
      : receipts_(receipts), job_(std::move(job)), done_(std::move(done)) {
    topic = job_.inbox.category;
    partition = job_.partition;
    key = engine::as_bytes(job_.inbox.eid);
    from = job_.first;
    records_max = limits::kReceiptMessagesMax;
  }

  void read() { receipts_.log_.read_entity(*this); }

  void on_entity_read(Result<engine::EntityBatch> result) override {
    // An inbox that never had a message has no author to be told.
    if (!result && result.error().code == ErrorCode::kNotFound) return end({});
    if (!result) return end(std::unexpected(std::move(result.error())));
    MessagesByAuthor by_author;
    for (const engine::Record& record : result->records()) {
      if (record.entity->increment > job_.last) break;
      v1::InboxMessage message;
      if (!message.ParseFromArray(record.value.data(), static_cast<int>(record.value.size())))
        continue;
      if (!is_in_scope(message) || receipts_.blocks_.has(job_.inbox.eid, message.from())) continue;
      by_author[{message.from(), message.from_device()}].push_back(message.message_id());
    }
    next_ = result->next();
    at_end_ = next_ > result->last_increment() || next_ > job_.last;
    append(by_author);
  }

 private:
  class Receipt;

  [[nodiscard]] bool is_in_scope(const v1::InboxMessage& message) const {
    if (message.kind() != v1::INBOX_MESSAGE_KIND_MESSAGE || message.from() == job_.inbox.eid)
      return false;
    if (job_.scope == ReceiptScope::kForAllDevices) return message.to_device().empty();
    return job_.scope == ReceiptScope::kAll || message.to_device() == job_.device;
  }
  void append(const MessagesByAuthor& by_author);
  void appended(const Status& status);
  void go_on() {
    if (failed_) return end(std::unexpected(*failed_));
    if (at_end_) return end({});
    job_.first = next_;
    from = next_;
    read();
  }
  void end(Status status) {
    const std::unique_ptr<Run> self(this);
    if (status || !receipts_.keep(job_, done_)) done_(std::move(status));
    receipts_.in_flight_.ended();
  }

  Receipts& receipts_;
  ReceiptJob job_;  // what is left of it
  Done done_;
  IncrementId next_{};
  bool at_end_ = false;
  std::atomic<std::size_t> waiting_{0};
  engine::Mutex mutex_;
  std::optional<engine::Error> failed_{};
  std::deque<Receipt> receipts_of_page_{};
};

// Of one author.
class Receipts::Run::Receipt final : public engine::AppendRequest {
 public:
  struct What {
    std::string author{};
    std::string value{};
    std::string once{};  // empty: it is told as often as it is said
  };
  Receipt(Run& run, What what) : run_(run), what_(std::move(what)) {
    fields_.key = engine::as_bytes(what_.author);
    fields_.idempotency_key = engine::as_bytes(what_.once);
    fields_.value = engine::as_bytes(what_.value);
    records = {&fields_, 1};
    topic = run_.receipts_.topic_.id;
    partition = engine::partition_of_key(fields_.key, run_.receipts_.topic_.config.partitions);
  }
  void on_appended(Result<engine::Appended> result) override {
    if (result) run_.receipts_.hub_.tell({.category = topic, .eid = what_.author});
    run_.appended(result ? Status{} : std::unexpected(std::move(result.error())));
  }

 private:
  Run& run_;
  const What what_;
  engine::RecordFields fields_{};
};

void Receipts::Run::append(const MessagesByAuthor& by_author) {
  if (by_author.empty()) return go_on();
  receipts_of_page_.clear();
  for (const auto& [author, message_ids] : by_author) {
    v1::InboxMessage message;
    message.set_kind(v1::INBOX_MESSAGE_KIND_RECEIPT);
    message.set_from(job_.inbox.eid);
    message.set_from_device(job_.device);
    v1::Receipt& receipt = *message.mutable_receipt();
    receipt.set_name(job_.name);
    receipt.set_category(job_.category);
    receipt.set_author_device(author.device);
    for (const std::string& id : message_ids) receipt.add_message_ids(id);
    Receipt::What what{.author = author.eid, .value = message.SerializeAsString()};
    if (is_applications_own(job_.name))
      what.once = once_name({"receipt", author.eid, std::to_string(job_.first.value()),
                             std::to_string(job_.last.value()), what.value});
    receipts_of_page_.emplace_back(*this, std::move(what));
  }
  waiting_ = receipts_of_page_.size();
  // The last answer may take all of this away.
  std::vector<Receipt*> all;
  for (Receipt& receipt : receipts_of_page_) all.push_back(&receipt);
  engine::Log& log = receipts_.log_;
  for (Receipt* receipt : all) log.append(*receipt);
}

void Receipts::Run::appended(const Status& status) {
  if (!status) {
    const engine::MutexLock lock(mutex_);
    failed_ = status.error();
  }
  if (--waiting_ == 0) go_on();
}

void Receipts::tell(ReceiptJob job, Done done) {
  in_flight_.begun();
  auto run = std::make_unique<Run>(*this, std::move(job), std::move(done));
  run.release()->read();
}

bool Receipts::keep(const ReceiptJob& job, Done& done) {
  const engine::MutexLock lock(mutex_);
  if (!job.until_told || settling_ || untold_.size() >= limits::kReceiptsUntoldMax) return false;
  untold_.push_back({.job = job, .done = std::move(done)});
  return true;
}

void Receipts::on_tick(std::chrono::nanoseconds now) {
  std::vector<Untold> again;
  {
    const engine::MutexLock lock(mutex_);
    if (untold_.empty() || now - tried_at_ < limits::kReceiptsAgainEvery) return;
    tried_at_ = now;
    while (!untold_.empty() && again.size() < limits::kReceiptsAgainAtOnce) {
      again.push_back(std::move(untold_.front()));
      untold_.pop_front();
    }
  }
  for (Untold& one : again) tell(std::move(one.job), std::move(one.done));
}

void Receipts::settle() {
  std::deque<Untold> left;
  {
    const engine::MutexLock lock(mutex_);
    settling_ = true;
    left = std::exchange(untold_, {});
  }
  for (Untold& one : left)
    one.done(engine::fail(ErrorCode::kClosed, "the server ends before its author was told"));
  in_flight_.wait();
}

}  // namespace bimip::frontend
