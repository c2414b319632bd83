// Awareness as people write it and as they read it. For sources only: it includes the stanzas.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bimip/v1/awareness.pb.h"
#include "bimip/v1/stanza.pb.h"

namespace bimip::tools {

[[nodiscard]] std::optional<v1::UserState> state_named(std::string_view name);
[[nodiscard]] std::optional<v1::Audience> audience_named(std::string_view name);
// In microseconds.
[[nodiscard]] std::optional<std::int64_t> time_named(const std::string& text);

// Of options: what is wrong with one.
[[nodiscard]] std::string state_check(const std::string& text);
[[nodiscard]] std::string audience_check(const std::string& text);
[[nodiscard]] std::string time_check(const std::string& text);

enum class Form : std::uint8_t { kText, kJson };
// An answer.
[[nodiscard]] std::string awareness_text(const v1::Stanza& answer, Form form);
// A line for each entity, relation and count.
[[nodiscard]] std::vector<std::string> awareness_lines(const v1::AwarenessChanged& changed,
                                                       Form form);

}  // namespace bimip::tools
