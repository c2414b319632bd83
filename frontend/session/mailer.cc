#include "frontend/session/mailer.h"

#include <string>
#include <utility>

#include "frontend/services/once_name.h"
#include "frontend/session/category.h"
#include "frontend/session/message_times.h"
#include "frontend/session/sending.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

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
    host_.metrics().hit(Limit::kSendsInFlight);
    return refuse(Code::kResourceExhausted, "at most " + std::to_string(limits::kSendsInFlightMax) +
                                                " messages are on their way at a time");
  }
  if (send.again() && again_ >= limits::kSendsAgainMax) {
    return refuse(Code::kResourceExhausted, "at most " + std::to_string(limits::kSendsAgainMax) +
                                                " messages are looked for at a time");
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
  const std::string& self = bearer_.grant().eid;
  Sending::What what{
      .id = id,
      .again = send.again(),
      .asked_at = now.monotonic,
      .message = {.topic = *find_category(host_, send.category()),
                  .eid = send.to(),
                  .once = idempotency_key("message", bearer_, send),
                  .message = message_of(send, bearer_, times, v1::INBOX_MESSAGE_KIND_MESSAGE),
                  .expires_at = times.expires_at,
                  .not_before = times.not_before}};
  if (!send.no_copy()) {
    what.copy = {.topic = *find_category(host_, InboxService::kSent),
                 .eid = self,
                 .once = idempotency_key("copy", bearer_, send),
                 .message = message_of(send, bearer_, times, v1::INBOX_MESSAGE_KIND_COPY),
                 .expires_at = times.expires_at};
  }
  ++in_flight_;
  if (send.again()) ++again_;
  std::make_unique<Sending>(session, std::move(what)).release()->begin();
}

void Mailer::on_stored(Sending& sending, Moment now) {
  --in_flight_;
  if (sending.is_again()) --again_;
  if (!sending.result()) {
    const engine::Error& error = sending.result().error();
    outbox_.send_error(sending.id(), error);
  } else {
    v1::Stanza stanza;
    stanza.set_id(sending.id());
    v1::Sent& sent = *stanza.mutable_sent();
    sent.set_message_id(sending.message_id());
    sent.set_partition(sending.partition().value());
    sent.set_offset(sending.result()->value());
    outbox_.send(stanza);
    host_.metrics().messages_sent.add();
    host_.metrics().message_send.observe(
        static_cast<std::uint64_t>((now.monotonic - sending.asked_at()).count()));
  }
  sending.session()->on_answered();
}

}  // namespace bimip::frontend
