// What checking a token costs, for each algorithm, beside the bare signature check of the same
// token. Usage: token_bench [--json]
#include <chrono>
#include <string>
#include <string_view>

#include "bench/report.h"
#include "frontend/identity/base64url.h"
#include "frontend/identity/token.h"

namespace {

using namespace bimip::frontend;
using Clock = std::chrono::steady_clock;

constexpr auto kFor = std::chrono::seconds(1);

// Calls a second, on one thread.
template <typename Call>
double rate(Call&& call) {
  const auto began = Clock::now();
  std::uint64_t calls = 0;
  while (Clock::now() - began < kFor) {
    for (int i = 0; i < 16; ++i) call();
    calls += 16;
  }
  return static_cast<double>(calls) / std::chrono::duration<double>(Clock::now() - began).count();
}

}  // namespace

int main(int argc, char** argv) {
  const bool json = argc == 2 && std::string_view(argv[1]) == "--json";
  if (argc > 1 && !json) return 2;
  const bimip::bench::Report report(json);
  const bimip::engine::Timestamp now{std::chrono::seconds(1'750'000'000)};
  const TokenRules rules{.issuer = "issuer", .audience = "bimip"};
  using enum TokenAlgorithm;
  for (const TokenAlgorithm algorithm : {kHs256, kRs256, kEs256, kEdDsa}) {
    const KeySet keys({TokenKey::generate(algorithm, "k")});
    const TokenKey& key = keys.keys().front();
    const std::string token = issue_token({.eid = "alice@example.com",
                                           .device = "phone",
                                           .token_id = "0123456789abcdef",
                                           .issuer = "issuer",
                                           .audience = "bimip",
                                           .issued_at = now,
                                           .expires_at = now + std::chrono::hours(1),
                                           .permissions = {.publish = {"a.*"}, .subscribe = {"*"}}},
                                          key);
    const std::string text = token.substr(0, token.rfind('.'));
    const std::string signature = *from_base64url(token.substr(token.rfind('.') + 1));
    const std::string name(name_of(algorithm));
    bool sound = true;
    const double checks = rate([&] { sound &= check_token(token, keys, rules, now).has_value(); });
    const double bare = rate([&] { sound &= key.verifies(text, signature); });
    if (!sound) return 1;
    report.add({.name = name + ": tokens checked, bare signatures beside",
                .value = checks,
                .unit = "1/s",
                .baseline = bare});
  }
}
