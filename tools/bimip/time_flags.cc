#include "tools/bimip/time_flags.h"

#include <CLI/CLI.hpp>

#include "tools/bimip/console.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

std::string check_moment(const std::string& text) {
  const engine::Result<engine::Timestamp> moment = log_tools::parse_time(text);
  return moment ? "" : moment.error().message;
}

}  // namespace

std::string check_span(const std::string& text) {
  return parse_duration(text) ? "" : "'" + text + "' is no duration: 90s, 15m, 1h, 30d";
}

void add_time_flags(CLI::App& command, TimeFlags& flags) {
  CLI::Option* expires_in =
      command
          .add_option("--expires-in", flags.expires_in, "Nobody is given it after this time: 1h")
          ->type_name("DURATION")
          ->check(check_span);
  command
      .add_option("--expires-at", flags.expires_at,
                  "Nobody is given it from then on (UTC): 2031-05-01T12:00:00")
      ->type_name("TIME")
      ->check(check_moment)
      ->excludes(expires_in);
  CLI::Option* deliver_in =
      command.add_option("--deliver-in", flags.deliver_in, "Nobody is given it before: 15m")
          ->type_name("DURATION")
          ->check(check_span);
  command
      .add_option("--deliver-at", flags.deliver_at,
                  "Nobody is given it before (UTC): 2031-05-01T08:00:00")
      ->type_name("TIME")
      ->check(check_moment)
      ->excludes(deliver_in);
}

client::MessageTimes times_of(const TimeFlags& flags) {
  client::MessageTimes times;
  if (!flags.expires_in.empty()) times.expires_in = *parse_duration(flags.expires_in);
  if (!flags.expires_at.empty()) times.expires_at = *log_tools::parse_time(flags.expires_at);
  if (!flags.deliver_in.empty()) times.deliver_in = *parse_duration(flags.deliver_in);
  if (!flags.deliver_at.empty()) times.deliver_at = *log_tools::parse_time(flags.deliver_at);
  return times;
}

}  // namespace bimip::tools
