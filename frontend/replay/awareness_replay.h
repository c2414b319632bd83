// Runs the recording of a node's awareness through its core again.
#pragma once

#include "frontend/replay/replayer.h"

namespace bimip::frontend {

[[nodiscard]] ReplayReport replay_awareness(RecordingReader recording);

}  // namespace bimip::frontend
