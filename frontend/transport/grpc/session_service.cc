// A session as a stream of calls' messages.
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <chrono>
#include <memory>
#include <utility>

// Abseil, which gRPC brings along, means the same by two of our names.
#undef GUARDED_BY
#undef NO_THREAD_SAFETY_ANALYSIS

#include "bimip/v1/session_service.grpc.pb.h"
#include "bimip/v1/session_service.pb.h"
#include "frontend/stanza/codes.h"
#include "frontend/transport/grpc/bearer_token.h"
#include "frontend/transport/grpc/services.h"

namespace bimip::frontend {
namespace {

using grpc::ByteBuffer;

grpc::Status status_of(Code code) {
  if (code == Code::kUnspecified) return grpc::Status::OK;
  const CodeFacts& facts = facts_of(code);
  return {static_cast<grpc::StatusCode>(facts.grpc_status), std::string(facts.name)};
}

class StreamReactor;

// Everything but the callbacks below is on the owner's thread. One read and one write are
// outstanding at most; what waits to be written is the session's output, which is bounded. The
// session writes it in the form of a SessionResponse (Framing::kField), so it is sent as it is.
class SessionStream final : public Peer, public std::enable_shared_from_this<SessionStream> {
 public:
  SessionStream(const GrpcHost& host, PeerSeat seat, StreamReactor& reactor,
                const grpc::CallbackServerContext& context, std::string address)
      : grpc_(host),
        seat_(std::move(seat)),
        reactor_(&reactor),
        token_(bearer_token(context)),
        address_(std::move(address)) {}

  void begin() {
    session_ = grpc_.session(seat_.host, Framing::kField, seat_.owner.now());
    if (!token_.empty()) session_->set_carried_token(std::exchange(token_, {}));
    session_->set_peer(this);
    seat_.owner.adopt(shared_from_this());
    pump();
  }

  void pump() override;
  void on_tick(Moment now) override;
  void on_farewell(const Farewell& farewell) override { session_->on_farewell(farewell); }
  void on_drain() override { session_->on_drain(); }
  void close() override { leave(Code::kUnavailable); }
  [[nodiscard]] Session* session() const override { return session_.get(); }
  [[nodiscard]] PeerFacts facts() const override {
    return {.transport = "grpc", .address = address_};
  }

  // Thread-safe: they hand over.
  void on_read(bool ok, ByteBuffer message) {
    hand_over([ok, message = std::move(message)](SessionStream& self) mutable {
      self.read_done(ok, std::move(message));
    });
  }
  void on_written(bool ok) {
    hand_over([ok](SessionStream& self) { self.write_done(ok); });
  }
  void on_cancelled() {
    hand_over([](SessionStream& self) { self.leave(Code::kUnspecified); });
  }

 private:
  template <typename Work>
  void hand_over(Work work) {
    seat_.owner.post(
        [self = shared_from_this(), work = std::move(work)]() mutable { work(*self); });
  }
  void read_done(bool ok, ByteBuffer message);
  void write_done(bool ok);
  void read();
  void write();
  void leave(Code code);
  void finish();

  const GrpcHost& grpc_;
  const PeerSeat seat_;
  StreamReactor* reactor_;  // until it is told to finish
  std::string token_;       // until the session has it
  const std::string address_;
  std::shared_ptr<Session> session_;
  bool reading_ = false;
  bool half_closed_ = false;
  bool left_ = false;        // its owner has forgotten it
  std::size_t writing_ = 0;  // bytes of the outstanding write
  std::chrono::nanoseconds write_began_{};
  Code ends_with_ = Code::kUnspecified;
};

// Lives until gRPC says that it is done, which comes after finish().
class StreamReactor final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  StreamReactor(const GrpcHost& host, grpc::CallbackServerContext* context) : context_(context) {
    std::string address = host.peers.find(context->peer());
    std::optional<PeerSeat> seat = host.seat(address, GrpcPeer::kSession);
    if (!seat) {
      Finish(status_of(Code::kResourceExhausted));
      return;
    }
    stream_ = std::make_shared<SessionStream>(host, std::move(*seat), *this, *context,
                                              std::move(address));
    seat->owner.post([stream = stream_] { stream->begin(); });
  }

  void read() { StartRead(&incoming_); }
  void write(ByteBuffer message) {
    outgoing_ = std::move(message);
    StartWrite(&outgoing_);
  }
  void cancel() { context_->TryCancel(); }

 private:
  void OnReadDone(bool ok) override { stream_->on_read(ok, std::exchange(incoming_, {})); }
  void OnWriteDone(bool ok) override { stream_->on_written(ok); }
  void OnCancel() override {
    if (stream_) stream_->on_cancelled();
  }
  void OnDone() override { delete this; }

  grpc::CallbackServerContext* const context_;
  std::shared_ptr<SessionStream> stream_;
  ByteBuffer incoming_;
  ByteBuffer outgoing_;
};

void SessionStream::pump() {
  if (left_) return;
  write();
  const bool sent_all = writing_ == 0 && !session_->has_output();
  if (sent_all && session_->is_over()) return leave(session_->ended_with());
  if (sent_all && half_closed_ && session_->publishes_in_flight() == 0)
    return leave(Code::kUnspecified);
  read();
}

void SessionStream::read() {
  if (reading_ || half_closed_ || !session_->takes_input()) return;
  reading_ = true;
  reactor_->read();
}

void SessionStream::write() {
  if (writing_ > 0 || !session_->has_output()) return;
  auto output = std::make_unique<std::string>(session_->take_output());
  writing_ = output->size();
  write_began_ = seat_.owner.now().monotonic;
  std::string* const bytes = output.release();
  const grpc::Slice slice(
      bytes->data(), bytes->size(), [](void* owned) { delete static_cast<std::string*>(owned); },
      bytes);
  reactor_->write(ByteBuffer(&slice, 1));
}

void SessionStream::read_done(bool ok, ByteBuffer message) {
  reading_ = false;
  if (left_) return;
  if (ok) {
    v1::SessionRequest request;
    const Moment now = seat_.owner.now();
    if (!grpc::SerializationTraits<v1::SessionRequest>::Deserialize(&message, &request).ok()) {
      session_->on_malformed("the message is no SessionRequest");
    } else {
      for (const v1::Stanza& stanza : request.stanzas()) session_->on_stanza(stanza, now);
    }
  } else {
    half_closed_ = true;
  }
  pump();
}

void SessionStream::write_done(bool ok) {
  const std::size_t wrote = std::exchange(writing_, 0);
  if (left_) return finish();
  if (!ok) return leave(Code::kUnspecified);
  session_->on_sent(wrote);
  pump();
}

void SessionStream::on_tick(Moment now) {
  if (left_) return;
  if (writing_ > 0 && now.monotonic - write_began_ >= seat_.owner.write_stall()) {
    seat_.owner.metrics().hit(Limit::kWriteStall);
    session_->on_stalled();
    return close();
  }
  session_->on_tick(now);
  pump();
}

void SessionStream::leave(Code code) {
  if (left_) return;
  left_ = true;
  ends_with_ = code;
  session_->on_disconnected();
  session_->set_peer(nullptr);
  // A status may not overtake a write: that is given up first.
  if (writing_ > 0) {
    reactor_->cancel();
  } else {
    finish();
  }
  seat_.owner.on_closed(*this, session_.get());
}

void SessionStream::finish() { std::exchange(reactor_, nullptr)->Finish(status_of(ends_with_)); }

class Service final
    : public v1::SessionService::WithRawCallbackMethod_Session<v1::SessionService::Service> {
 public:
  explicit Service(const GrpcHost& host) : host_(host) {}
  grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>* Session(
      grpc::CallbackServerContext* context) override {
    return new StreamReactor(host_, context);
  }

 private:
  const GrpcHost& host_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_session_service(const GrpcHost& host) {
  return std::make_shared<Service>(host);
}

}  // namespace bimip::frontend
