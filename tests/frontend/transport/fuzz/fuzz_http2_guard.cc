// What both ends of an HTTP/2 connection send is judged the same however it is cut, and no more is
// open than may be. The first byte says how it is cut, the second how much of it is the server's.
#include <algorithm>
#include <string_view>

#include "engine/base/assert.h"
#include "frontend/stanza/limits.h"
#include "frontend/transport/grpc/http2_guard.h"

namespace {

using namespace bimip::frontend;  // NOLINT

struct Outcome {
  std::size_t passed = 0;
  std::optional<GuardEnd> end{};
  std::size_t open = 0;
  std::uint32_t last_stream = 0;
  bool between_frames = false;
  bool operator==(const Outcome&) const = default;
};

Outcome judge(std::string_view client, std::string_view server, std::size_t step) {
  GuardsShared shared{.streams = StreamBudget(limits::kGrpcStreamsMax)};
  Http2Guard guard(shared, {});
  Outcome outcome;
  while (outcome.passed < client.size()) {
    const std::string_view part = client.substr(outcome.passed, step);
    const std::size_t passed = guard.on_client(part, {});
    BIMIP_ASSERT(passed <= part.size());
    BIMIP_ASSERT(guard.open_streams() <= limits::kGrpcStreamsMax);
    outcome.passed += passed;
    if (guard.end() || guard.must_wait({})) break;
    BIMIP_ASSERT(passed == part.size());
  }
  for (std::size_t at = 0; at < server.size(); at += step) guard.on_server(server.substr(at, step));
  outcome.end = guard.end();
  // Of what is no preface nothing goes anywhere.
  if (outcome.end == GuardEnd::kNotHttp2) outcome.passed = 0;
  outcome.open = guard.open_streams();
  outcome.last_stream = guard.last_stream();
  outcome.between_frames = guard.is_server_between_frames();
  BIMIP_ASSERT(shared.streams.open() == outcome.open);
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t servers = all.size() * data[1] / 256;
  const std::string_view client = all.substr(servers);
  const std::string_view server = all.substr(0, servers);
  BIMIP_ASSERT(judge(client, server, size) == judge(client, server, 1 + data[0] % 16U));
  return 0;
}
