// The topics of inboxes, as a session asks for them.
#pragma once

#include <optional>
#include <string_view>

#include "frontend/services/inbox/inbox_service.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"

namespace bimip::frontend {

// Nothing: there is no such category.
[[nodiscard]] inline std::optional<engine::TopicInfo> find_category(SessionHost& host,
                                                                    std::string_view name) {
  return learn(host, [&]() -> std::optional<engine::TopicInfo> {
    const engine::TopicInfo* topic = host.inboxes().find(name);
    return topic == nullptr ? std::nullopt : std::optional(*topic);
  });
}

}  // namespace bimip::frontend
