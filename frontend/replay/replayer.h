// Runs a recording through the core it is of again, without sockets, threads, clock or log.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>

#include "engine/base/result.h"
#include "frontend/replay/recording_rest.h"
#include "frontend/replay/replay_tape.h"

namespace bimip::frontend {

struct ReplayReport {
  // How the recording ends.
  enum class End : std::uint8_t {
    kWhole,  // with the server
    kFull,   // at its bound on the disk
    kOpen,   // it does not say: the server was killed, or could write no more
  };
  RecordingHead head{};
  End end = End::kOpen;
  RecordingRest rest{};  // of one that does not say how it ends
  std::uint64_t events = 0;
  std::uint64_t sessions = 0;
  std::uint64_t inputs = 0;
  std::uint64_t states = 0;                // that were compared
  std::uint64_t outputs = 0;               // that were compared
  std::optional<Difference> difference{};  // the first one; nothing follows it
};

// kDamaged, kUnsupportedVersion: it is no recording that this program reads.
[[nodiscard]] engine::Result<ReplayReport> replay(std::istream& recording);

}  // namespace bimip::frontend
