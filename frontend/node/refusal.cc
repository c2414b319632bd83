#include "frontend/node/refusal.h"

#include <fmt/format.h>

#include <chrono>

#include "engine/base/random.h"
#include "frontend/session/outbox.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

std::chrono::milliseconds some_time() {
  constexpr std::chrono::milliseconds kLeast = limits::kComeBackAfter;
  engine::Random random(engine::random_id().low);
  return kLeast + std::chrono::milliseconds(static_cast<std::int64_t>(
                      random.below(static_cast<std::uint64_t>(kLeast.count()))));
}

}  // namespace

std::string refusal_in_stanzas(std::string_view why) {
  std::string bytes;
  append_goodbye(bytes, Framing::kLength,
                 {.code = Code::kResourceExhausted, .message = why, .retry_after = some_time()});
  return bytes;
}

std::string refusal_in_http(std::string_view why) {
  return fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n"
      "Retry-After: {}\r\nConnection: close\r\n\r\n{}\n",
      why.size() + 1, std::chrono::ceil<std::chrono::seconds>(some_time()).count(), why);
}

}  // namespace bimip::frontend
