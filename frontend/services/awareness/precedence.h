// What an entity is, from what its devices are. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frontend/services/awareness/awareness_types.h"

namespace bimip::frontend {

// Higher wins: what a person has chosen on any device beats what comes of being there, and being
// there beats being away. Invisible first: it would be no use otherwise.
[[nodiscard]] constexpr std::uint8_t precedence_of(UserState state) {
  switch (state) {
    case UserState::kInvisible:
      return 5;
    case UserState::kDoNotDisturb:
      return 4;
    case UserState::kBusy:
      return 3;
    case UserState::kOnline:
      return 2;
    case UserState::kAway:
      return 1;
    case UserState::kUnspecified:
    case UserState::kOffline:
      return 0;
  }
  return 0;
}

// Whether others are shown that somebody is there.
[[nodiscard]] constexpr bool is_shown(UserState state) {
  return state != UserState::kOffline && state != UserState::kInvisible;
}

// The place of the device that decides: of the highest precedence, and of those the one that said
// so last. `devices` have `state` and `order`; there is at least one.
template <typename Devices>
[[nodiscard]] std::size_t deciding(const Devices& devices) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < devices.size(); ++i) {
    const std::uint8_t mine = precedence_of(devices[i].state);
    const std::uint8_t its = precedence_of(devices[best].state);
    if (mine > its || (mine == its && devices[i].order > devices[best].order)) best = i;
  }
  return best;
}

}  // namespace bimip::frontend
