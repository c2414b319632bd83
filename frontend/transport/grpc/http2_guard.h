// What a client of the gRPC port may do to gRPC's HTTP/2. Why: docs/design/transports.md#grpc
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontend/session/pace.h"
#include "frontend/stanza/limits.h"
#include "frontend/transport/grpc/guard_end.h"
#include "frontend/transport/grpc/http2_frames.h"

namespace bimip::frontend {

// How fast all of a node's gRPC connections together reset streams: a bucket that holds one
// second's worth, and as much debt at most. Kept as the time at which it is full again.
// Thread-safe.
class ResetPace {
 public:
  explicit ResetPace(std::uint64_t per_second)
      : each_(std::chrono::nanoseconds(kHolds) / per_second) {}
  void take(std::chrono::nanoseconds now) {
    std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
      next = std::min(std::max(full_at, now.count()) + each_.count(), (now + 2 * kHolds).count());
    } while (!full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed));
  }
  [[nodiscard]] bool is_spent(std::chrono::nanoseconds now) const {
    return full_at_.load(std::memory_order_relaxed) > (now + kHolds).count();
  }

 private:
  static constexpr std::chrono::seconds kHolds{1};
  const std::chrono::nanoseconds each_;
  std::atomic<std::int64_t> full_at_{0};
};

// The streams that are open on all of a node's gRPC connections. Thread-safe.
class StreamBudget {
 public:
  explicit StreamBudget(std::size_t most) : most_(most) {}
  // False: there are as many as there may be.
  [[nodiscard]] bool take() {
    if (open_.fetch_add(1, std::memory_order_relaxed) < most_) return true;
    give_back(1);
    return false;
  }
  void give_back(std::size_t count) { open_.fetch_sub(count, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t open() const { return open_.load(std::memory_order_relaxed); }

 private:
  const std::size_t most_;
  std::atomic<std::size_t> open_{0};
};

// What the guards of a node share. Thread-safe; outlives them.
struct GuardsShared {
  StreamBudget streams;
  ResetPace resets{limits::kGrpcResetsPerSecond};
};

// Follows the frames of one connection, both ways, by their heads alone: what is in them is gRPC's
// to read. A pure state machine; owner-thread only. Holds the numbers of the streams that are open,
// limits::kGrpcStreamsMax at most, and no byte of a frame's.
class Http2Guard {
 public:
  // `shared` has the streams that are open at its end back then.
  Http2Guard(GuardsShared& shared, std::chrono::nanoseconds now);
  ~Http2Guard() { shared_.streams.give_back(open_.size()); }
  Http2Guard(const Http2Guard&) = delete;
  Http2Guard& operator=(const Http2Guard&) = delete;

  // The client sent these. How many of them the server may have: fewer when the connection is to
  // end, or the rest is to wait.
  [[nodiscard]] std::size_t on_client(std::span<const char> bytes, std::chrono::nanoseconds now);
  // The server sent these.
  void on_server(std::span<const char> bytes);

  // Not nothing: nothing more may go to the server, for this reason.
  [[nodiscard]] std::optional<GuardEnd> end() const { return end_; }
  // The client has sent more frames of those that are paced than it may by now, or has reset a
  // stream while all together reset too many.
  [[nodiscard]] bool must_wait(std::chrono::nanoseconds now);
  // A call has waited for its request for longer than it may.
  [[nodiscard]] bool has_late_request(std::chrono::nanoseconds now) const;
  // Preface and SETTINGS have begun as they should.
  [[nodiscard]] bool has_said_hello() const { return said_hello_; }
  [[nodiscard]] std::size_t open_streams() const { return open_.size(); }
  // The client's newest.
  [[nodiscard]] std::uint32_t last_stream() const { return last_stream_; }
  // A frame of our own may follow what the server has sent.
  [[nodiscard]] bool is_server_between_frames() const { return server_.is_between_frames(); }
  // How many of the server's bytes belong to the frame that it is in.
  [[nodiscard]] std::size_t rest_of_server_frame(std::span<const char> bytes);
  // GOAWAY, as the server's next frames; said of a connection that ends for this reason.
  [[nodiscard]] std::string goodbye(GuardEnd end) const;

 private:
  [[nodiscard]] std::size_t take_preface(std::span<const char> bytes);
  [[nodiscard]] std::optional<GuardEnd> judge(const http2::FrameHead& head,
                                              std::chrono::nanoseconds now);
  [[nodiscard]] std::optional<GuardEnd> judge_headers(const http2::FrameHead& head,
                                                      std::chrono::nanoseconds now);
  [[nodiscard]] std::optional<GuardEnd> grow_block(const http2::FrameHead& head);
  [[nodiscard]] std::optional<GuardEnd> open_stream(std::uint32_t stream,
                                                    std::chrono::nanoseconds now);
  void close_stream(std::uint32_t stream);
  void settle_stream(std::uint32_t stream);

  struct OpenStream {
    std::uint32_t stream;
    bool is_settled;  // the request is complete, or has an answer already
    std::chrono::nanoseconds began;
  };
  // The stream's, or the end.
  [[nodiscard]] std::vector<OpenStream>::iterator find(std::uint32_t stream);

  GuardsShared& shared_;
  http2::FrameCursor client_;
  http2::FrameCursor server_;
  std::vector<OpenStream> open_;  // ascending
  std::uint32_t last_stream_ = 0;
  // Of the header block that the client is in the middle of; stream 0: of none.
  struct Block {
    std::uint32_t stream = 0;
    std::size_t bytes = 0;
    std::size_t frames = 0;
  } block_;
  Pace pace_;
  std::optional<std::chrono::nanoseconds> waits_for_others_;  // since then
  std::optional<GuardEnd> end_;
  std::size_t preface_bytes_ = 0;  // that came
  bool said_hello_ = false;
  bool server_spoke_ = false;
};

// As a server says it that has said nothing else yet, and why in words.
[[nodiscard]] std::string http2_refusal(std::string_view why);

}  // namespace bimip::frontend
