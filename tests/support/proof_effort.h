// How much of what could be tried a proof tries: a part of it in the test command, more when asked.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace bimip::testing {

// 1 in the test command's release run, a part of that under a sanitizer, whatever
// BIMIP_PROOF_EFFORT says. Above 1: so many seeds where there would be one.
inline double proof_effort() {
  const char* asked = std::getenv("BIMIP_PROOF_EFFORT");  // NOLINT(concurrency-mt-unsafe)
  if (asked != nullptr) return std::max(0.001, std::atof(asked));
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return 0.04;
#endif
#endif
  return 1;
}

// Of a row of cases, every so many-th is tried.
inline std::uint64_t proof_stride() {
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(1 / proof_effort()));
}
inline std::uint64_t proof_seeds() {
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(proof_effort()));
}

// The one case that BIMIP_PROOF_ONLY asks for; empty: all of them.
inline std::string proof_only() {
  const char* asked = std::getenv("BIMIP_PROOF_ONLY");  // NOLINT(concurrency-mt-unsafe)
  return asked == nullptr ? "" : asked;
}

// Random lives by their seeds, from 1 to `seeds` or as many as are asked for, or the one that is,
// until one fails. `tests`: the program and the filter that live one again.
template <typename Live>
void for_each_seed(std::uint64_t seeds, const std::string& tests, const Live& live) {
  std::uint64_t first = 1;
  std::uint64_t last = seeds * proof_seeds();
  if (!proof_only().empty()) first = last = std::stoull(proof_only());
  for (std::uint64_t seed = first; seed <= last; seed += proof_stride()) {
    SCOPED_TRACE("reproduce: BIMIP_PROOF_ONLY=" + std::to_string(seed) + " " + tests);
    live(seed);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace bimip::testing
