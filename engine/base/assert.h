// A broken invariant is a bug in this program: it prints where and aborts, in every build.
#pragma once

namespace bimip::engine {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace bimip::engine

#define BIMIP_ASSERT(expression) \
  (static_cast<bool>(expression) \
       ? void()                  \
       : ::bimip::engine::assertion_failed(#expression, __FILE__, __LINE__))
