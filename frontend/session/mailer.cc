#include "frontend/session/mailer.h"

#include <optional>
#include <string>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/once_name.h"
#include "frontend/session/category.h"
#include "frontend/session/message_times.h"
#include "frontend/session/session.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

namespace {

// What makes a second try of a message the same message: the device that sends it, whereto, and its
// id.
std::string idempotency_key(std::string_view kind, const Bearer& from, const v1::Send& send) {
  return once_name(
      {kind, from.grant().eid, from.device(), send.category(), send.to(), send.message_id()});
}

v1::InboxMessage message_of(const v1::Send& send, const Bearer& bearer,
                            const engine::RecordFields& times, v1::InboxMessageKind kind) {
  v1::InboxMessage message;
  message.set_kind(kind);
  message.set_from(bearer.grant().eid);
  message.set_from_device(bearer.device());
  if (kind == v1::INBOX_MESSAGE_KIND_COPY) message.set_to(send.to());
  message.set_to_device(send.to_device());
  message.set_category(send.category());
  message.set_message_id(send.message_id());
  message.set_body(send.body());
  message.set_content_type(send.content_type());
  *message.mutable_headers() = send.headers();
  message.set_client_time_us(send.client_time_us());
  if (times.expires_at) message.set_expires_at_us(micros(*times.expires_at));
  if (times.not_before) message.set_deliver_at_us(micros(*times.not_before));
  return message;
}

}  // namespace

// A message, and then its copy, on their way to the log.
class Mailer::Sending final : public SessionRequest {
 public:
  struct Letter {
    engine::TopicInfo topic{};
    std::string eid{};  // whose inbox
    std::string once{};
    std::string value{};
    std::optional<engine::Timestamp> expires_at{};
    std::optional<engine::Timestamp> not_before{};
  };
  Sending(std::shared_ptr<Session> session, std::uint64_t id, std::string message_id,
          Letter message, std::optional<Letter> copy)
      : SessionRequest(std::move(session)),
        id_(id),
        message_id_(std::move(message_id)),
        message_(*this, std::move(message)) {
    if (copy) copy_.emplace(*this, std::move(*copy));
  }

  void begin() { session()->host().log().append(message_); }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override { result_ = get<engine::Result<engine::Appended>>(told); }
  void deliver(Moment) override { session()->mailer().on_stored(*this); }

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] const std::string& message_id() const { return message_id_; }
  [[nodiscard]] engine::PartitionId partition() const { return message_.partition; }
  [[nodiscard]] const engine::Result<engine::Appended>& result() const { return result_; }

 private:
  class Part final : public engine::AppendRequest {
   public:
    Part(Sending& sending, Letter letter) : sending_(sending), letter_(std::move(letter)) {
      fields_.key = engine::as_bytes(letter_.eid);
      fields_.idempotency_key = engine::as_bytes(letter_.once);
      fields_.value = engine::as_bytes(letter_.value);
      fields_.expires_at = letter_.expires_at;
      fields_.not_before = letter_.not_before;
      records = {&fields_, 1};
      topic = letter_.topic.id;
      partition = engine::partition_of_key(fields_.key, letter_.topic.config.partitions);
      durability = engine::Durability::kDurable;
    }
    void on_appended(engine::Result<engine::Appended> result) override {
      if (result)
        sending_.session()->host().inboxes().hub().tell({.category = topic, .eid = letter_.eid});
      sending_.stored(*this, std::move(result));
    }

    // Of a copy: where the message is.
    void add_place(engine::PartitionId of, engine::Offset offset) {
      v1::InboxMessage place;
      place.set_message_partition(of.value());
      place.set_message_offset(offset.value());
      letter_.value += place.SerializeAsString();  // which adds its fields to those before
      fields_.value = engine::as_bytes(letter_.value);
    }

   private:
    Sending& sending_;
    Letter letter_;
    engine::RecordFields fields_{};
  };

  // The copy goes when the message is there: nobody has a copy of what was never sent.
  void stored(const Part& part, engine::Result<engine::Appended> result) {
    const bool is_message = &part == &message_;
    if (is_message || !result) result_ = std::move(result);
    if (is_message && result_ && copy_) {
      copy_->add_place(message_.partition, result_->at(0));
      return session()->host().log_elsewhere().append(*copy_);
    }
    session()->host().came_back(*this);
  }

  const std::uint64_t id_;
  const std::string message_id_;
  Part message_;
  std::optional<Part> copy_{};
  engine::Result<engine::Appended> result_{};
};

bool Mailer::check(std::uint64_t id, const v1::Send& send) {
  const auto refuse = [&](Code code, const std::string& why) {
    outbox_.send_error(id, code, why);
    return false;
  };
  const std::string& self = bearer_.grant().eid;
  if (self.empty())
    return refuse(Code::kInvalidArgument, "who sends has an eid; this session has none");
  if (!send.from().empty() && send.from() != self)
    return refuse(Code::kPermissionDenied, "from: this session is of '" + self + "'");
  if (!find_category(host_, send.category()))
    return refuse(Code::kNotFound, "there is no category '" + send.category() + "'");
  if (InboxService::is_servers_own(send.category()))
    return refuse(Code::kPermissionDenied, "only the server writes '" + send.category() + "'");
  if (send.to().empty() || send.to().size() > limits::kEidBytesMax)
    return refuse(Code::kInvalidArgument, "to: an eid has 1 to 256 bytes");
  if (send.to_device().size() > limits::kDeviceBytesMax)
    return refuse(Code::kInvalidArgument, "to_device: a device has at most 128 bytes");
  if (send.message_id().empty() || send.message_id().size() > limits::kMessageIdBytesMax)
    return refuse(Code::kInvalidArgument, "message_id: has 1 to 128 bytes");
  if (send.ByteSizeLong() > limits::kMessageBytesMax) {
    return refuse(Code::kTooLarge, "the message has " + std::to_string(send.ByteSizeLong()) +
                                       " bytes; at most " +
                                       std::to_string(limits::kMessageBytesMax) + " are taken");
  }
  if (!bearer_.check(Action::kPublish, InboxService::permission_of(send.category()), id))
    return false;
  if (in_flight_ >= limits::kSendsInFlightMax) {
    return refuse(Code::kResourceExhausted, "at most " + std::to_string(limits::kSendsInFlightMax) +
                                                " messages are on their way at a time");
  }
  return true;
}

void Mailer::send(const std::shared_ptr<Session>& session, std::uint64_t id, const v1::Send& asked,
                  Moment now) {
  v1::Send send = asked;
  if (send.category().empty()) send.set_category(std::string(InboxService::kChat));
  if (!check(id, send)) return;
  engine::RecordFields times;
  if (const engine::Status good = set_times(send, now.wall, times); !good)
    return outbox_.send_error(id, good.error());
  const auto value_of = [&](v1::InboxMessageKind kind) {
    return message_of(send, bearer_, times, kind).SerializeAsString();
  };
  const std::string& self = bearer_.grant().eid;
  Sending::Letter message{.topic = *find_category(host_, send.category()),
                          .eid = send.to(),
                          .once = idempotency_key("message", bearer_, send),
                          .value = value_of(v1::INBOX_MESSAGE_KIND_MESSAGE),
                          .expires_at = times.expires_at,
                          .not_before = times.not_before};
  std::optional<Sending::Letter> copy;
  if (!send.no_copy()) {
    copy = {.topic = *find_category(host_, InboxService::kSent),
            .eid = self,
            .once = idempotency_key("copy", bearer_, send),
            .value = value_of(v1::INBOX_MESSAGE_KIND_COPY),
            .expires_at = times.expires_at};
  }
  ++in_flight_;
  auto sending = std::make_unique<Sending>(session, id, send.message_id(), std::move(message),
                                           std::move(copy));
  sending.release()->begin();
}

void Mailer::on_stored(Sending& sending) {
  --in_flight_;
  if (!sending.result()) {
    const engine::Error& error = sending.result().error();
    outbox_.send_error(sending.id(), error);
  } else {
    v1::Stanza stanza;
    stanza.set_id(sending.id());
    v1::Sent& sent = *stanza.mutable_sent();
    sent.set_message_id(sending.message_id());
    sent.set_partition(sending.partition().value());
    sent.set_offset(sending.result()->at(0).value());
    outbox_.send(stanza);
  }
  sending.session()->on_answered();
}

}  // namespace bimip::frontend
