// The offline tools speak the engine's words: its numbers, its formats, its results.
#pragma once

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/types.h"

namespace bimip::log_tools {

using namespace engine;  // NOLINT: everything here is about the engine's files

}  // namespace bimip::log_tools
