// The flags that say when a message may be delivered.
#pragma once

#include <string>

#include "tools/client/publish.h"

namespace CLI {
class App;
}  // namespace CLI

namespace bimip::tools {

struct TimeFlags {
  std::string expires_in{};
  std::string expires_at{};
  std::string deliver_in{};
  std::string deliver_at{};
};

// A check of a flag: what is wrong with it as a duration; empty: nothing.
[[nodiscard]] std::string check_span(const std::string& text);
// `flags` lives as long as the command.
void add_time_flags(CLI::App& command, TimeFlags& flags);
// What the flags' checks let pass.
[[nodiscard]] client::MessageTimes times_of(const TimeFlags& flags);

}  // namespace bimip::tools
