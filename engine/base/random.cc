#include "engine/base/random.h"

#include <random>

namespace bimip::engine {

Id128 random_id() {
  std::random_device entropy;
  const auto word = [&] { return (std::uint64_t{entropy()} << 32) | entropy(); };
  Id128 id{.high = word(), .low = word()};
  if (id.is_none()) id.low = 1;
  return id;
}

}  // namespace bimip::engine
