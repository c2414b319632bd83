// Keeps blocks that are in doubt, as they are, for somebody to look at.
#pragma once

#include "engine/device/device.h"
#include "tools/log/salvage/salvage.h"

namespace bimip::log_tools {

struct AsideRequest {
  const Evidence& evidence;
  std::vector<Doubt> doubts{};
  Device* device = nullptr;  // none: nothing is written
  Path folder{};
};
// Blocks of one file go, one behind another, into one file: N.blocks. Durable when it returns.
[[nodiscard]] Result<std::vector<KeptBlock>> keep_aside(const AsideRequest& request);

}  // namespace bimip::log_tools
