#include "frontend/transport/grpc/http2_guard.h"

#include <algorithm>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using http2::FrameHead;

namespace {

// Whether gRPC answers it, or throws work away for it: these are cheap to send and cost it
// something each.
bool is_paced(const FrameHead& head) {
  switch (head.type) {
    case http2::kRstStream:
    case http2::kPriority:
      return true;
    case http2::kSettings:
    case http2::kPing:
      return !head.has(http2::kAck);
    default:
      return false;
  }
}

bool is_of_connection(const FrameHead& head) {
  return head.type == http2::kSettings || head.type == http2::kPing || head.type == http2::kGoaway;
}

http2::ErrorCode code_of(GuardEnd end) {
  switch (end) {
    case GuardEnd::kIdle:
      return http2::ErrorCode::kNone;
    case GuardEnd::kProtocol:
      return http2::ErrorCode::kProtocol;
    case GuardEnd::kStreams:
    case GuardEnd::kAllStreams:
      return http2::ErrorCode::kRefusedStream;
    default:
      return http2::ErrorCode::kEnhanceYourCalm;
  }
}

void append_goaway(std::string& out, std::uint32_t last_stream, http2::ErrorCode code,
                   std::string_view why) {
  http2::append_head(
      out, {.length = static_cast<std::uint32_t>(8 + why.size()), .type = http2::kGoaway});
  for (const std::uint32_t number : {last_stream, static_cast<std::uint32_t>(code)}) {
    for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(number >> shift));
  }
  out.append(why);
}

}  // namespace

Http2Guard::Http2Guard(GuardsShared& shared, std::chrono::nanoseconds now)
    : shared_(shared), pace_(limits::kGrpcPacedFramesPerSecond, now) {}

std::size_t Http2Guard::on_client(std::span<const char> bytes, std::chrono::nanoseconds now) {
  std::size_t at = take_preface(bytes);
  while (at < bytes.size() && !end_) {
    at += client_.step(bytes.subspan(at));
    if (!client_.is_at_head_end()) continue;
    end_ = judge(client_.head(), now);
    if (must_wait(now)) break;
  }
  return at;
}

std::size_t Http2Guard::take_preface(std::span<const char> bytes) {
  const std::string_view rest = http2::kPreface.substr(preface_bytes_);
  const std::size_t count = std::min(rest.size(), bytes.size());
  if (!std::ranges::equal(rest.substr(0, count), bytes.first(count))) {
    end_ = GuardEnd::kNotHttp2;
    return 0;
  }
  preface_bytes_ += count;
  return count;
}

bool Http2Guard::must_wait(std::chrono::nanoseconds now) {
  pace_.refill(now);
  const bool has_waited =
      waits_for_others_ && now - *waits_for_others_ >= limits::kGrpcResetWaitMax;
  if (has_waited || !shared_.resets.is_spent(now)) waits_for_others_.reset();
  return pace_.is_spent() || waits_for_others_;
}

std::optional<GuardEnd> Http2Guard::judge(const FrameHead& head, std::chrono::nanoseconds now) {
  if (is_paced(head)) pace_.take(now);
  if (!said_hello_ && (head.type != http2::kSettings || head.has(http2::kAck)))
    return GuardEnd::kProtocol;
  said_hello_ = true;
  // In the middle of a header block there is nothing but the rest of it, and the rest nowhere else.
  const bool is_in_block = block_.stream != 0;
  if (is_in_block != (head.type == http2::kContinuation)) return GuardEnd::kProtocol;
  if (is_in_block && head.stream != block_.stream) return GuardEnd::kProtocol;
  if (head.type > http2::kContinuation) return std::nullopt;  // to be ignored, says the RFC
  // WINDOW_UPDATE is of either.
  if (head.type != http2::kWindowUpdate && is_of_connection(head) != (head.stream == 0))
    return GuardEnd::kProtocol;
  switch (head.type) {
    case http2::kHeaders:
      return judge_headers(head, now);
    case http2::kContinuation:
      return grow_block(head);
    case http2::kPushPromise:
      return GuardEnd::kProtocol;
    case http2::kRstStream:
      close_stream(head.stream);
      shared_.resets.take(now);
      waits_for_others_ = now;  // unless there is nothing to wait for
      break;
    case http2::kData:
      if (head.has(http2::kEndStream)) settle_stream(head.stream);
      break;
    case http2::kWindowUpdate:
      break;
    default:
      return std::nullopt;
  }
  const bool is_idle = head.stream > last_stream_;
  return is_idle ? std::optional(GuardEnd::kProtocol) : std::nullopt;
}

// Of a call that begins, or what ends it (trailers).
std::optional<GuardEnd> Http2Guard::judge_headers(const FrameHead& head,
                                                  std::chrono::nanoseconds now) {
  if (head.stream % 2 == 0) return GuardEnd::kProtocol;  // those are a server's
  if (head.stream > last_stream_) {
    if (const auto problem = open_stream(head.stream, now)) return problem;
  }
  if (head.has(http2::kEndStream)) settle_stream(head.stream);
  block_ = {.stream = head.stream};
  return grow_block(head);
}

std::optional<GuardEnd> Http2Guard::grow_block(const FrameHead& head) {
  block_.bytes += head.length;
  ++block_.frames;
  if (block_.bytes > limits::kGrpcHeaderBlockBytesMax ||
      block_.frames > limits::kGrpcHeaderBlockFramesMax)
    return GuardEnd::kHeaderBlock;
  if (head.has(http2::kEndHeaders)) block_ = {};
  return std::nullopt;
}

std::optional<GuardEnd> Http2Guard::open_stream(std::uint32_t stream,
                                                std::chrono::nanoseconds now) {
  if (open_.size() >= limits::kGrpcStreamsMax) return GuardEnd::kStreams;
  if (!shared_.streams.take()) return GuardEnd::kAllStreams;
  last_stream_ = stream;
  open_.push_back({.stream = stream, .is_settled = false, .began = now});
  return std::nullopt;
}

void Http2Guard::close_stream(std::uint32_t stream) {
  const auto at = find(stream);
  if (at == open_.end()) return;
  open_.erase(at);
  shared_.streams.give_back(1);
  if (open_.empty()) open_ = {};  // an idle connection holds nothing
}

void Http2Guard::settle_stream(std::uint32_t stream) {
  const auto at = find(stream);
  if (at != open_.end()) at->is_settled = true;
}

std::vector<Http2Guard::OpenStream>::iterator Http2Guard::find(std::uint32_t stream) {
  const auto at = std::ranges::lower_bound(open_, stream, {}, &OpenStream::stream);
  return at != open_.end() && at->stream == stream ? at : open_.end();
}

bool Http2Guard::has_late_request(std::chrono::nanoseconds now) const {
  return std::ranges::any_of(open_, [&](const OpenStream& open) {
    return !open.is_settled && now - open.began >= limits::kGrpcRequestWithin;
  });
}

void Http2Guard::on_server(std::span<const char> bytes) {
  server_spoke_ = server_spoke_ || !bytes.empty();
  for (std::size_t at = 0; at < bytes.size();) {
    at += server_.step(bytes.subspan(at));
    if (!server_.is_at_head_end()) continue;
    const FrameHead head = server_.head();
    const bool may_end = head.type == http2::kHeaders || head.type == http2::kData;
    if (head.type == http2::kRstStream || (may_end && head.has(http2::kEndStream))) {
      close_stream(head.stream);
    } else if (head.type == http2::kHeaders) {
      settle_stream(head.stream);
    }
  }
}

std::size_t Http2Guard::rest_of_server_frame(std::span<const char> bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !server_.is_between_frames()) at += server_.step(bytes.subspan(at));
  return at;
}

std::string Http2Guard::goodbye(GuardEnd end) const {
  std::string out;
  if (!server_spoke_) http2::append_head(out, {.type = http2::kSettings});
  append_goaway(out, last_stream_, code_of(end), kGuardEndNames[static_cast<std::size_t>(end)]);
  return out;
}

std::string http2_refusal(std::string_view why) {
  std::string out;
  http2::append_head(out, {.type = http2::kSettings});
  append_goaway(out, 0, http2::ErrorCode::kEnhanceYourCalm, why);
  return out;
}

}  // namespace bimip::frontend
