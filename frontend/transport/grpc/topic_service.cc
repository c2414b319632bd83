// Unary calls: each is a session of one request.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

// Abseil, which gRPC brings along, means the same by two of our names.
#undef GUARDED_BY
#undef NO_THREAD_SAFETY_ANALYSIS

#include "bimip/v1/stanza.pb.h"
#include "bimip/v1/topic_service.grpc.pb.h"
#include "frontend/stanza/codes.h"
#include "frontend/stanza/limits.h"
#include "frontend/transport/grpc/bearer_token.h"
#include "frontend/transport/grpc/services.h"

namespace bimip::frontend {
namespace {

constexpr std::uint64_t kIdentityId = 1;
constexpr std::uint64_t kRequestId = 2;
constexpr std::string_view kUnchecked = "grpc";

// For a code without a place in our table: the status as gRPC has it.
grpc::Status refusal(v1::Code code, const std::string& message) {
  if (code <= v1::CODE_UNSPECIFIED || code >= v1::Code_ARRAYSIZE)
    return {grpc::StatusCode::UNKNOWN, message};
  const CodeFacts& facts = facts_of(static_cast<Code>(code));
  return {static_cast<grpc::StatusCode>(facts.grpc_status),
          std::string(facts.name) + ": " + message};
}

// What one call asks, and what it makes of the stanzas that answer. On the peer's thread, but for
// its construction.
struct Question {
  std::string token{};
  std::string address{};
  v1::Identity identity{};
  v1::Stanza request{};
  // True: the response is complete.
  std::function<bool(const v1::Stanza& answer)> on_answer{};
};

class CallReactor;

// Everything is on the owner's thread, but for on_cancelled(), which hands over. What the session
// says is read here, so nothing waits for a socket.
class Call final : public Peer, public std::enable_shared_from_this<Call> {
 public:
  Call(const GrpcHost& host, PeerSeat seat, CallReactor& reactor, Question question)
      : grpc_(host), seat_(std::move(seat)), reactor_(&reactor), question_(std::move(question)) {}

  void begin() {
    const Moment now = seat_.owner.now();
    session_ = grpc_.session(seat_.host, Framing::kLength, now);
    session_->set_peer(this);
    seat_.owner.adopt(shared_from_this());
    if (!question_.token.empty()) session_->set_carried_token(std::move(question_.token));
    // Who it is says the token; a server that checks none wants a name.
    if (seat_.host.tokens() == nullptr) question_.identity.set_eid(std::string(kUnchecked));
    v1::Stanza identity;
    identity.set_id(kIdentityId);
    *identity.mutable_identity() = std::move(question_.identity);
    session_->on_stanza(identity, now);
    question_.request.set_id(kRequestId);
    session_->on_stanza(question_.request, now);
    pump();
  }

  void pump() override;
  void on_tick(Moment now) override {
    session_->on_heard(now);  // the caller waits, and has nothing to say
    pump();
  }
  void on_drain() override { session_->on_drain(); }
  void close() override { leave(refusal(v1::CODE_UNAVAILABLE, "the server is stopping")); }
  [[nodiscard]] Session* session() const override { return session_.get(); }
  [[nodiscard]] PeerFacts facts() const override {
    return {.transport = "grpc", .address = question_.address, .is_call = true};
  }
  void on_cancelled() {
    seat_.owner.post([self = shared_from_this()] { self->leave(grpc::Status::CANCELLED); });
  }

 private:
  // The status that ends the call, once there is one.
  [[nodiscard]] std::optional<grpc::Status> take(const v1::Stanza& answer);
  void leave(const grpc::Status& status);

  const GrpcHost& grpc_;
  const PeerSeat seat_;
  CallReactor* reactor_;  // until it is told to finish
  Question question_;
  std::shared_ptr<Session> session_;
  FrameReader frames_{FrameReader::Begin::kWithFrame};
};

// Lives until gRPC says that it is done, which comes after Finish().
class CallReactor final : public grpc::ServerUnaryReactor {
 public:
  CallReactor(const GrpcHost& host, Question question) {
    std::optional<PeerSeat> seat = host.seat(question.address, GrpcPeer::kCall);
    if (!seat) {
      Finish(refusal(v1::CODE_RESOURCE_EXHAUSTED, "too many connections"));
      return;
    }
    call_ = std::make_shared<Call>(host, std::move(*seat), *this, std::move(question));
    seat->owner.post([call = call_] { call->begin(); });
  }

 private:
  void OnCancel() override {
    if (call_) call_->on_cancelled();
  }
  void OnDone() override { delete this; }
  std::shared_ptr<Call> call_;
};

void Call::pump() {
  if (reactor_ == nullptr) return;
  std::optional<grpc::Status> status;
  while (!status && session_->has_output()) {
    const std::string output = session_->take_output();
    const auto fed = frames_.feed(engine::as_bytes(output), [&](Bytes frame) {
      v1::Stanza answer;
      if (answer.ParseFromArray(frame.data(), static_cast<int>(frame.size())))
        status = take(answer);
      return !status.has_value();
    });
    if (!fed) status = refusal(v1::CODE_INTERNAL, "an answer without end");
    session_->on_sent(output.size());
  }
  if (status) leave(*status);
}

std::optional<grpc::Status> Call::take(const v1::Stanza& answer) {
  switch (answer.body_case()) {
    case v1::Stanza::kError:
      return refusal(answer.error().code(), answer.error().message());
    case v1::Stanza::kGoodbye:
      return refusal(answer.goodbye().code(), answer.goodbye().message());
    case v1::Stanza::kWelcome:
      return std::nullopt;
    default:
      if (question_.on_answer(answer)) return grpc::Status::OK;
      return std::nullopt;
  }
}

void Call::leave(const grpc::Status& status) {
  if (reactor_ == nullptr) return;
  session_->on_disconnected();
  session_->set_peer(nullptr);
  std::exchange(reactor_, nullptr)->Finish(status);
  seat_.owner.on_closed(*this, session_.get());
}

Question question_of(const GrpcHost& host, const grpc::CallbackServerContext& context) {
  Question question{.token = bearer_token(context), .address = host.peers.find(context.peer())};
  question.identity.set_protocol_version(kProtocolVersion);
  return question;
}

// Reads on until the end there was at the call, the records asked for, or as many as one answer
// holds.
Question fetch_question(Question question, const v1::FetchRequest& asked,
                        v1::FetchResponse& response) {
  v1::Subscribe& subscribe = *question.request.mutable_subscribe();
  subscribe.set_topic(asked.topic());
  subscribe.add_partitions(asked.partition());
  subscribe.set_offset(asked.offset());
  const std::uint32_t most = asked.records_max() == 0
                                 ? limits::kFetchRecordsMax
                                 : std::min(asked.records_max(), limits::kFetchRecordsMax);
  subscribe.set_credit(most);
  subscribe.set_tell_end(true);
  question.on_answer = [&response, most, bytes = std::size_t{0}](const v1::Stanza& answer) mutable {
    if (answer.has_subscribed()) {
      response.set_next_offset(answer.subscribed().partitions(0).start_offset());
      response.set_end_offset(answer.subscribed().partitions(0).end_offset());
    } else if (answer.has_gap()) {
      *response.add_gaps() = answer.gap();
      response.set_next_offset(answer.gap().end_offset());
    } else if (answer.has_end_reached()) {
      response.set_next_offset(answer.end_reached().end_offset());
    } else if (answer.has_delivery()) {
      for (const v1::DeliveredRecord& record : answer.delivery().records()) {
        bytes += record.ByteSizeLong();
        if (bytes > limits::kFetchBytes && response.records_size() > 0) return true;
        *response.add_records() = record;
        response.set_next_offset(record.offset() + 1);
      }
    }
    return response.next_offset() >= response.end_offset() ||
           std::cmp_greater_equal(response.records_size(), most);
  };
  return question;
}

class Service final : public v1::TopicService::CallbackService {
 public:
  explicit Service(const GrpcHost& host) : host_(host) {}

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context,
                                    const v1::PublishRequest* asked,
                                    v1::PublishResponse* response) override {
    Question question = question_of(host_, *context);
    question.identity.set_producer_id(asked->producer_id());
    *question.request.mutable_publish() = asked->publish();
    question.on_answer = [response](const v1::Stanza& answer) {
      *response->mutable_published() = answer.published();
      return answer.has_published();
    };
    return new CallReactor(host_, std::move(question));
  }

  grpc::ServerUnaryReactor* Fetch(grpc::CallbackServerContext* context,
                                  const v1::FetchRequest* asked,
                                  v1::FetchResponse* response) override {
    return new CallReactor(host_, fetch_question(question_of(host_, *context), *asked, *response));
  }

  grpc::ServerUnaryReactor* CreateTopic(grpc::CallbackServerContext* context,
                                        const v1::CreateTopicRequest* asked,
                                        v1::CreateTopicResponse* response) override {
    Question question = question_of(host_, *context);
    *question.request.mutable_create_topic() = asked->create_topic();
    return ask_for_topic(std::move(question), *response->mutable_topic());
  }

  grpc::ServerUnaryReactor* AlterTopic(grpc::CallbackServerContext* context,
                                       const v1::AlterTopicRequest* asked,
                                       v1::AlterTopicResponse* response) override {
    Question question = question_of(host_, *context);
    *question.request.mutable_alter_topic() = asked->alter_topic();
    return ask_for_topic(std::move(question), *response->mutable_topic());
  }

  grpc::ServerUnaryReactor* DescribeTopic(grpc::CallbackServerContext* context,
                                          const v1::DescribeTopicRequest* asked,
                                          v1::DescribeTopicResponse* response) override {
    Question question = question_of(host_, *context);
    question.request.mutable_describe_topic()->set_topic(asked->topic());
    return ask_for_topic(std::move(question), *response->mutable_topic());
  }

  grpc::ServerUnaryReactor* ListTopics(grpc::CallbackServerContext* context,
                                       const v1::ListTopicsRequest* asked,
                                       v1::ListTopicsResponse* response) override {
    Question question = question_of(host_, *context);
    question.request.mutable_list_topics()->set_after(asked->after());
    question.on_answer = [response](const v1::Stanza& answer) {
      *response->mutable_list() = answer.topic_list();
      return answer.has_topic_list();
    };
    return new CallReactor(host_, std::move(question));
  }

 private:
  grpc::ServerUnaryReactor* ask_for_topic(Question question, v1::TopicDescription& into) {
    question.on_answer = [&into](const v1::Stanza& answer) {
      into = answer.topic_description();
      return answer.has_topic_description();
    };
    return new CallReactor(host_, std::move(question));
  }

  const GrpcHost& host_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_topic_service(const GrpcHost& host) {
  return std::make_shared<Service>(host);
}

}  // namespace bimip::frontend
