// What a peer is told when the server is going to stop.
#pragma once

#include <chrono>

namespace bimip::frontend {

// Each peer has its own, so that they neither leave nor come back all at once.
struct Farewell {
  std::chrono::milliseconds leave_within{};
  std::chrono::milliseconds come_back_after{};  // once it has left
};

}  // namespace bimip::frontend
