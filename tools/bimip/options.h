// Options that several commands have.
#pragma once

#include <chrono>
#include <string>

namespace CLI {
class App;
}

namespace bimip::tools {

// --reconnect-for: empty when it was not given.
void add_reconnect_for(CLI::App& command, std::string& into);
// How long to try once there was a connection, and before there was one: at once to know that there
// is no server is what a person wants, unless he says otherwise.
[[nodiscard]] std::chrono::milliseconds patience(const std::string& reconnect_for);
[[nodiscard]] std::chrono::milliseconds patience_for_first(const std::string& reconnect_for);

// A check for an option: CLI11 takes "-1" for the largest number there is.
[[nodiscard]] std::string not_below_0(const std::string& text);

}  // namespace bimip::tools
