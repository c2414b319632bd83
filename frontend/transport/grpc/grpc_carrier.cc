#include "frontend/transport/grpc/grpc_carrier.h"

#include <array>
#include <boost/asio/error.hpp>
#include <utility>

#include "frontend/session/peer.h"
#include "frontend/stanza/limits.h"
#include "frontend/transport/grpc/peer_addresses.h"
#include "frontend/transport/grpc/server_pipe.h"

namespace bimip::frontend {
namespace {

using ErrorCode = boost::system::error_code;

// For somebody who connected with another protocol, and reads what comes back.
constexpr std::string_view kWrongProtocol =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "This port speaks gRPC, over HTTP/2.\n";

bool is_to_wait(const ErrorCode& error) {
  return error == boost::asio::error::would_block || error == boost::asio::error::interrupted;
}

}  // namespace

GrpcCarrier::GrpcCarrier(const GrpcGate& gate, boost::asio::io_context& context,
                         SessionMetrics& metrics, Moment now)
    : gate_(gate),
      context_(context),
      metrics_(metrics),
      guard_(gate.shared, now.monotonic),
      since_(now.monotonic) {}

GrpcCarrier::~GrpcCarrier() = default;

void GrpcCarrier::on_bytes(std::span<char> bytes, Moment now) {
  if (!why_ && !over_) take(bytes, now);
}

void GrpcCarrier::take(std::span<const char> bytes, Moment now) {
  const std::size_t passed = guard_.on_client(bytes, now.monotonic);
  if (guard_.end() == GuardEnd::kNotHttp2)
    speaks_http_ = std::string_view(bytes.data(), bytes.size()).contains(" HTTP/1.");
  if (guard_.end()) return end(*guard_.end(), now.monotonic);
  send_to_server(bytes.first(passed));
  unguarded_.assign(bytes.begin() + static_cast<std::ptrdiff_t>(passed), bytes.end());
  waits_ = guard_.must_wait(now.monotonic);
  if (waits_) metrics_.hit(Limit::kGrpcPacedFrames);
  if (pipe_ == nullptr && guard_.has_said_hello()) open_pipe();
}

void GrpcCarrier::open_pipe() {
  pipe_ = ServerPipe::open(context_, [this](int descriptor) {
    gate_.peers.put(descriptor, peer_->facts().address);
    gate_.serve(descriptor);
  });
  if (pipe_ == nullptr) return end(GuardEnd::kNoRoom, since_);
  await_output();
  send_to_server(std::exchange(to_server_, {}));
}

void GrpcCarrier::send_to_server(std::span<const char> bytes) {
  ErrorCode error;
  while (pipe_ != nullptr && to_server_.empty() && !bytes.empty() && !error)
    bytes = bytes.subspan(pipe_->write_some(bytes, error));
  // What it no longer takes is of no use to it; that it has gone is read from it.
  if (bytes.empty() || (error && !is_to_wait(error))) return;
  to_server_.append(bytes.begin(), bytes.end());
  if (pipe_ != nullptr) await_room();
}

void GrpcCarrier::await_room() {
  pipe_->await(ServerPipe::Until::kWritable, [this] {
    send_to_server(std::exchange(to_server_, {}));
    peer_->pump();
  });
}

void GrpcCarrier::await_output() {
  pipe_->await(ServerPipe::Until::kReadable, [this] {
    read_from_server();
    peer_->pump();
  });
}

void GrpcCarrier::read_from_server() {
  std::array<char, limits::kReadBytes> bytes;  // NOLINT: filled as far as it is read
  ErrorCode error;
  const std::size_t count = pipe_->read_some(bytes, error);
  if (is_to_wait(error)) return await_output();
  if (error) {
    over_ = true;
    return leave_server();
  }
  const std::span<const char> got(bytes.data(), count);
  if (!why_) {
    guard_.on_server(got);
    output_.append(got.begin(), got.end());
  } else {
    const std::size_t rest = guard_.rest_of_server_frame(got);
    output_.append(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(rest));
    if (guard_.is_server_between_frames()) say_goodbye();
  }
}

// Nothing more goes to gRPC. What it is in the middle of saying it may say.
void GrpcCarrier::end(GuardEnd why, std::chrono::nanoseconds now) {
  gate_.ends.add(why);
  why_ = why;
  since_ = now;
  to_server_.clear();
  unguarded_.clear();
  if (pipe_ == nullptr || guard_.is_server_between_frames()) say_goodbye();
}

void GrpcCarrier::say_goodbye() {
  over_ = true;
  leave_server();
  if (speaks_http_) output_.append(kWrongProtocol);
  // Before its hello there is nobody who would understand it.
  if (why_ != GuardEnd::kNotHttp2 && why_ != GuardEnd::kHello)
    output_.append(guard_.goodbye(*why_));
}

void GrpcCarrier::leave_server() {
  if (pipe_ != nullptr) pipe_->close();
}

void GrpcCarrier::on_sent(std::size_t bytes) {
  unsent_ -= bytes;
  // By way of the reactor, so that one busy connection does not keep a thread.
  if (unsent_ == 0 && pipe_ != nullptr && !over_) await_output();
}

std::string GrpcCarrier::take_output() {
  unsent_ = output_.size();
  return std::exchange(output_, {});
}

bool GrpcCarrier::takes_input() const {
  const bool has_room = pipe_ == nullptr || to_server_.empty();
  return !why_ && !over_ && !waits_ && unguarded_.empty() && has_room;
}

void GrpcCarrier::on_tick(Moment now) {
  if (over_) return;
  const std::chrono::nanoseconds passed = now.monotonic - since_;
  if (why_) {
    if (passed < limits::kCloseWithin) return;
    over_ = true;
    return leave_server();
  }
  if (!guard_.has_said_hello()) {
    if (passed >= limits::kGrpcHelloWithin) end(GuardEnd::kHello, now.monotonic);
    return;
  }
  if (guard_.open_streams() > 0 || guard_.last_stream() != last_stream_) since_ = now.monotonic;
  last_stream_ = guard_.last_stream();
  if (guard_.has_late_request(now.monotonic)) return end(GuardEnd::kRequest, now.monotonic);
  if (now.monotonic - since_ >= limits::kGrpcIdleWithin) return end(GuardEnd::kIdle, now.monotonic);
  waits_ = waits_ && guard_.must_wait(now.monotonic);
  if (!waits_ && !unguarded_.empty() && to_server_.empty())
    take(std::exchange(unguarded_, {}), now);
}

void GrpcCarrier::on_closed() {
  over_ = true;
  leave_server();
}

bool GrpcCarrier::is_left() const { return pipe_ == nullptr || pipe_->is_left_by_server(); }

}  // namespace bimip::frontend
