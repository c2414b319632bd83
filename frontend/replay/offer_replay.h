// Runs the recording of a node's offers through their core again.
#pragma once

#include "frontend/replay/replayer.h"

namespace bimip::frontend {

[[nodiscard]] ReplayReport replay_offers(RecordingReader recording);

}  // namespace bimip::frontend
