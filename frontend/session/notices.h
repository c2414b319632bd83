// What a session is told that it did not ask for.
#pragma once

#include <cstdint>
#include <memory>

#include "frontend/session/host.h"

namespace bimip::frontend {

// First on a tape. The numbers are the format's: docs/design/format-recording.md.
enum class NoticeKind : std::uint8_t {
  kGroup = 1,
  kInboxNews = 2,
  kTakeover = 3,
  kReply = 4,
  kAwareness = 5,
  kOffer = 6,
};

// One that save() wrote, to be restored from what is left; null: there is no such kind.
[[nodiscard]] std::unique_ptr<SessionRequest> make_notice(const std::shared_ptr<Session>& session,
                                                          TapeReader& from);

}  // namespace bimip::frontend
