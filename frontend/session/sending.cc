#include "frontend/session/sending.h"

#include <utility>

#include "frontend/services/inbox/inbox_service.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::Offset;
using engine::Result;

namespace {

engine::PartitionId partition_of(const Letter& letter) {
  return engine::partition_of_key(engine::as_bytes(letter.eid), letter.topic.config.partitions);
}

InboxKey inbox_of(const Letter& letter) { return {.category = letter.topic.id, .eid = letter.eid}; }

// What its sender means by it. Times may be said anew: a span begins when the server has it.
bool says_the_same(const v1::InboxMessage& one, const v1::InboxMessage& other) {
  const auto meant = [](const v1::InboxMessage& message) {
    v1::InboxMessage plain;
    plain.set_to_device(message.to_device());
    plain.set_body(message.body());
    plain.set_content_type(message.content_type());
    *plain.mutable_headers() = message.headers();
    return plain.SerializeAsString();
  };
  return meant(one) == meant(other);
}

engine::Error other_of_that_name(const v1::InboxMessage& message) {
  return {ErrorCode::kAlreadyExists,
          "message_id: another message of this device has the id '" + message.message_id() + "'"};
}

}  // namespace

class Mailer::Sending::Append final : public engine::AppendRequest {
 public:
  using Done = void (Sending::*)(Result<engine::Appended>);
  Append(Sending& sending, const Letter& letter, Done done)
      : sending_(sending),
        done_(done),
        key_(inbox_of(letter)),
        once_(letter.once),
        value_(letter.message.SerializeAsString()) {
    fields_.key = engine::as_bytes(key_.eid);
    fields_.idempotency_key = engine::as_bytes(once_);
    fields_.value = engine::as_bytes(value_);
    fields_.expires_at = letter.expires_at;
    fields_.not_before = letter.not_before;
    records = {&fields_, 1};
    topic = letter.topic.id;
    partition = partition_of(letter);
    durability = engine::Durability::kDurable;
  }
  void on_appended(Result<engine::Appended> result) override {
    if (result) sending_.session()->host().inboxes().hub().tell(key_);
    (sending_.*done_)(std::move(result));
  }

 private:
  Sending& sending_;
  const Done done_;
  const InboxKey key_;
  const std::string once_;
  const std::string value_;
  engine::RecordFields fields_{};
};

// The log has known the message's name: is it the message?
class Mailer::Sending::Compare final : public engine::ReadRequest {
 public:
  Compare(Sending& sending, Offset offset) : sending_(sending) {
    topic = sending.what_.message.topic.id;
    partition = sending.partition();
    from = offset;
    bytes_max = 1;  // its block
  }
  // What is not there any more was the message, as far as anybody knows.
  void on_read(Result<engine::RecordBatch> result) override {
    bool is_other = false;
    if (result) {
      (void)result->for_each_stored([&](const engine::Record& record) {
        v1::InboxMessage stored;
        if (record.offset != from ||
            !stored.ParseFromArray(record.value.data(), static_cast<int>(record.value.size())))
          return;
        is_other = !says_the_same(stored, sending_.what_.message.message);
      });
    }
    if (is_other)
      return sending_.end(std::unexpected(other_of_that_name(sending_.what_.message.message)));
    sending_.append_copy();
  }

 private:
  Sending& sending_;
};

Mailer::Sending::Sending(std::shared_ptr<Session> session, What what)
    : SessionRequest(std::move(session)), what_(std::move(what)) {}
Mailer::Sending::~Sending() = default;

engine::PartitionId Mailer::Sending::partition() const { return partition_of(what_.message); }

void Mailer::Sending::begin() {
  if (!what_.again) return append_message(session()->host().log());
  look_for_message();
}

void Mailer::Sending::look_for_message() {
  message_search_.emplace(
      session()->host(), inbox_of(what_.message), partition(),
      [this](const engine::Record& record, const v1::InboxMessage& message) {
        return is_message(record, message);
      },
      [this](const Result<bool>& found) {
        if (!found) return end(std::unexpected(found.error()));
        if (*found && !result_) return end(std::move(result_));
        has_message_ = *found;
        if (what_.copy) return look_for_copy();
        if (!has_message_) return append_message(session()->host().log_elsewhere());
        end(std::move(result_));
      });
  message_search_->begin();
}

bool Mailer::Sending::is_message(const engine::Record& record, const v1::InboxMessage& message) {
  const v1::InboxMessage& mine = what_.message.message;
  if (message.kind() != mine.kind() || message.from() != mine.from() ||
      message.from_device() != mine.from_device() || message.message_id() != mine.message_id())
    return false;
  result_ = engine::held_at(record).value_or(record.offset);
  if (!says_the_same(message, mine)) result_ = std::unexpected(other_of_that_name(mine));
  return true;
}

// Who has a copy has sent it: the message waits for its time, or is gone, or lies too far back.
void Mailer::Sending::look_for_copy() {
  copy_search_.emplace(
      session()->host(), inbox_of(*what_.copy), partition_of(*what_.copy),
      [this](const engine::Record&, const v1::InboxMessage& message) { return is_copy(message); },
      [this](const Result<bool>& found) {
        if (!found) return end(std::unexpected(found.error()));
        if (*found) return end(std::move(result_));
        if (has_message_) return append_copy();
        append_message(session()->host().log_elsewhere());
      });
  copy_search_->begin_elsewhere();
}

bool Mailer::Sending::is_copy(const v1::InboxMessage& message) {
  const v1::InboxMessage& mine = what_.copy->message;
  if (message.kind() != mine.kind() || message.to() != mine.to() ||
      message.category() != mine.category() || message.from_device() != mine.from_device() ||
      message.message_id() != mine.message_id())
    return false;
  if (has_message_) return true;
  result_ = Offset(message.message_offset());
  if (!says_the_same(message, mine)) result_ = std::unexpected(other_of_that_name(mine));
  return true;
}

void Mailer::Sending::append_message(engine::Log& log) {
  message_append_ = std::make_unique<Append>(*this, what_.message, &Sending::message_stored);
  log.append(*message_append_);
}

void Mailer::Sending::message_stored(Result<engine::Appended> result) {
  if (!result) return end(std::unexpected(std::move(result.error())));
  result_ = result->at(0);
  const bool was_known = !result->offsets.empty();
  if (was_known) return compare(*result_);
  append_copy();
}

void Mailer::Sending::compare(Offset offset) {
  compare_ = std::make_unique<Compare>(*this, offset);
  session()->host().log_elsewhere().read(*compare_);
}

void Mailer::Sending::append_copy() {
  if (!what_.copy) return end(std::move(result_));
  what_.copy->message.set_message_partition(partition().value());
  what_.copy->message.set_message_offset(result_->value());
  copy_append_ = std::make_unique<Append>(*this, *what_.copy, &Sending::copy_stored);
  session()->host().log_elsewhere().append(*copy_append_);
}

void Mailer::Sending::copy_stored(Result<engine::Appended> result) {
  if (!result) return end(std::unexpected(std::move(result.error())));
  end(std::move(result_));
}

void Mailer::Sending::end(Result<Offset> result) {
  result_ = std::move(result);
  session()->host().came_back(*this);
}

}  // namespace bimip::frontend
