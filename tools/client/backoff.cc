#include "tools/client/backoff.h"

#include <algorithm>

namespace bimip::client {

std::chrono::milliseconds Backoff::next() {
  const auto half = static_cast<std::uint64_t>(current_.count()) / 2;
  const auto wait = std::chrono::milliseconds(half + random_.below(half + 1));
  current_ = std::min(current_ * 2, range_.last);
  return wait;
}

}  // namespace bimip::client
