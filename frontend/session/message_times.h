// From when on a message is delivered, and until when, as its stanza says.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "engine/format/record.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

[[nodiscard]] inline engine::Result<engine::Timestamp> moment_in(engine::Timestamp now,
                                                                 std::uint64_t span_ms) {
  constexpr auto kMost =
      static_cast<std::uint64_t>(std::chrono::milliseconds(limits::kMessageSpanMax).count());
  if (span_ms <= kMost) return now + std::chrono::milliseconds(span_ms);
  return engine::fail(engine::ErrorCode::kInvalidArgument, "a span of " + std::to_string(span_ms) +
                                                               " ms; at most " +
                                                               std::to_string(kMost) + " is taken");
}

// `Message`: Publish, one of its batch, or Send, taken at `now`. kInvalidArgument: a span above its
// limit.
template <typename Message>
[[nodiscard]] engine::Status set_times(const Message& message, engine::Timestamp now,
                                       engine::RecordFields& fields) {
  const auto at = [](std::int64_t us) { return engine::Timestamp(std::chrono::microseconds(us)); };
  if (message.has_expires_at_us()) fields.expires_at = at(message.expires_at_us());
  if (message.has_deliver_at_us()) fields.not_before = at(message.deliver_at_us());
  if (message.has_expires_in_ms()) {
    auto moment = moment_in(now, message.expires_in_ms());
    if (!moment) return std::unexpected(std::move(moment.error()));
    fields.expires_at = *moment;
  }
  if (message.has_deliver_in_ms()) {
    auto moment = moment_in(now, message.deliver_in_ms());
    if (!moment) return std::unexpected(std::move(moment.error()));
    fields.not_before = *moment;
  }
  return {};
}

}  // namespace bimip::frontend
