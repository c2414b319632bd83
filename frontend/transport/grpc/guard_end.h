// Why a gRPC connection was ended before gRPC ended it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bimip::frontend {

enum class GuardEnd : std::uint8_t {
  kNotHttp2,     // began with something else
  kHello,        // its preface and SETTINGS did not come in time
  kProtocol,     // a frame that HTTP/2 has no place for
  kHeaderBlock,  // headers of too many bytes or frames
  kStreams,      // more calls at once than it was told it may have
  kAllStreams,   // more than all connections may have together
  kRequest,      // a call's request did not come whole in time
  kIdle,         // no call for long
  kNoRoom,       // the process has no descriptors left
};
inline constexpr std::array<std::string_view, 9> kGuardEndNames{
    "not_http2",   "hello",   "protocol", "header_block", "streams",
    "all_streams", "request", "idle",     "no_room"};

// How many connections ended so, ever. Thread-safe.
class GuardEndCounts {
 public:
  void add(GuardEnd end) {
    counts_[static_cast<std::size_t>(end)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value(std::size_t i) const {
    return counts_[i].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, kGuardEndNames.size()> counts_{};
};

}  // namespace bimip::frontend
