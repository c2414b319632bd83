#include "frontend/session/requests.h"

#include <charconv>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/notices.h"
#include "frontend/session/session.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

constexpr const char* kReplyTo = "bimip-reply-to";
constexpr const char* kCorrelationId = "bimip-correlation-id";

void add_header(v1::Publish& publish, const char* name, const std::string& value) {
  v1::Header& header = *publish.add_headers();
  header.set_name(name);
  header.set_value(value);
}

}  // namespace

void ReplyNotice::save(TapeWriter& to) const {
  put(to, NoticeKind::kReply);
  put(to, letter_.correlation);
  put(to, letter_.from);
  put(to, letter_.value);
  to.number(letter_.headers.size());
  for (const auto& [name, value] : letter_.headers) {
    put(to, name);
    put(to, value);
  }
}

void ReplyNotice::restore(TapeReader& from) {
  letter_.correlation = get<std::uint64_t>(from);
  letter_.from = get<std::string>(from);
  letter_.value = get<std::string>(from);
  for (std::uint64_t left = from.number(); left > 0 && from.ok(); --left) {
    std::string name = get<std::string>(from);
    letter_.headers.emplace_back(std::move(name), get<std::string>(from));
  }
}

void ReplyNotice::deliver(Moment) { session()->on_reply(letter_); }

Requests::Requests(const std::shared_ptr<Session>& session, SessionHost& host, Outbox& outbox)
    : session_(session), host_(host), outbox_(outbox), address_(session->id()) {
  tell(host_, [this] { host_.replies().listen(address_, *this); }, address_);
}

Requests::~Requests() {
  tell(host_, [this] { host_.replies().unlisten(address_); }, address_);
}

void Requests::ask(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::Request& request, Moment now) {
  const auto refuse = [&](Code code, std::string_view why) { outbox_.send_error(id, code, why); };
  if (waiting_.size() >= limits::kRequestsMax)
    return refuse(Code::kResourceExhausted, "as many requests wait as may at a time");
  const std::chrono::nanoseconds within = request.timeout_ms() == 0
                                              ? std::chrono::nanoseconds(limits::kRequestWithin)
                                              : std::chrono::milliseconds(request.timeout_ms());
  if (within > limits::kRequestWithinMax)
    return refuse(Code::kInvalidArgument, "timeout_ms is above an hour");
  if (request.publish().more_size() > 0)
    return refuse(Code::kInvalidArgument, "a request is one record");
  if (!session->bearer().check(Action::kPublish, request.publish().topic(), id)) return;
  const auto topic = host_.log().find_topic(request.publish().topic());
  if (!topic) return outbox_.send_error(id, topic.error());
  if (!learn(host_, [&] { return host_.replies().has_audience(topic->id); }))
    return refuse(Code::kNotFound, "nobody answers: the topic has no subscriber");
  const std::uint64_t correlation = ++last_correlation_;
  waiting_[correlation] = {.id = id, .until = now.monotonic + within};
  {
    const engine::MutexLock lock(mutex_);
    unanswered_.insert(correlation);
  }
  v1::Publish publish = request.publish();
  add_header(publish, kReplyTo, address_);
  add_header(publish, kCorrelationId, std::to_string(correlation));
  if (!session->publisher().request(session, id, publish, correlation, now)) drop(correlation);
}

bool Requests::claim(std::uint64_t correlation) {
  const engine::MutexLock lock(mutex_);
  return unanswered_.erase(correlation) > 0;
}

void Requests::drop(std::uint64_t correlation) {
  (void)claim(correlation);
  waiting_.erase(correlation);
}

void Requests::on_tick(Moment now) {
  std::erase_if(waiting_, [&](const auto& one) {
    if (now.monotonic < one.second.until) return false;
    // Else its reply is on the way here, and who replied was told so.
    if (!learn(host_, [&] { return claim(one.first); })) return false;
    outbox_.send_error(one.second.id, Code::kTimeout, "no reply came in time");
    return true;
  });
}

void Requests::deliver(const ReplyLetter& letter) {
  const auto at = waiting_.find(letter.correlation);
  if (at == waiting_.end()) return;
  v1::Stanza stanza;
  stanza.set_id(at->second.id);
  v1::Response& response = *stanza.mutable_response();
  response.set_value(letter.value);
  response.set_from(letter.from);
  for (const auto& [name, value] : letter.headers) {
    v1::Header& header = *response.add_headers();
    header.set_name(name);
    header.set_value(value);
  }
  waiting_.erase(at);
  outbox_.send(stanza);
}

// The first counts.
bool Requests::on_reply(ReplyLetter letter) {
  std::shared_ptr<Session> session = session_.lock();
  if (session == nullptr || !claim(letter.correlation)) return false;
  host_.came_back(*std::make_unique<ReplyNotice>(std::move(session), std::move(letter)).release());
  return true;
}

void Requests::mix_into(StateHash& hash) const {
  hash.add(last_correlation_).add(waiting_.size());
  for (const auto& [correlation, one] : waiting_) hash.add(correlation).add(one.id).add(one.until);
}

void send_reply(Session& session, std::uint64_t id, const v1::Reply& reply) {
  std::uint64_t correlation = 0;
  const std::string& text = reply.correlation_id();
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), correlation);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return session.outbox().send_error(id, Code::kInvalidArgument,
                                       "correlation_id: not the record's bimip-correlation-id");
  if (reply.ByteSizeLong() > limits::kMessageBytesMax)
    return session.outbox().send_error(id, Code::kTooLarge, "the reply is larger than a message");
  ReplyLetter letter{
      .correlation = correlation, .from = session.bearer().grant().eid, .value = reply.value()};
  for (const v1::Header& header : reply.headers())
    letter.headers.emplace_back(header.name(), header.value());
  const ReplyOutcome outcome = learn(session.host(), [&] {
    return session.host().replies().send(reply.reply_to(), std::move(letter));
  });
  if (outcome == ReplyOutcome::kNobody)
    return session.outbox().send_error(id, Code::kNotFound, "who asked is not there any more");
  if (outcome == ReplyOutcome::kRequestOver)
    return session.outbox().send_error(
        id, Code::kNotFound, "the request is over: it was answered, or its time had passed");
  v1::Stanza stanza;
  stanza.set_id(id);
  stanza.mutable_replied();
  session.outbox().send(stanza);
}

}  // namespace bimip::frontend
