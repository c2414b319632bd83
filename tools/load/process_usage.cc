#include "tools/load/process_usage.h"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace bimip::load {

engine::Result<ProcessUsage> usage_of(int process) {
  const std::string folder = "/proc/" + std::to_string(process);
  std::ifstream status(folder + "/status");
  std::ifstream times(folder + "/stat");
  ProcessUsage usage;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) usage.memory_bytes = std::stoull(line.substr(8)) * 1024;
  }
  std::string text;
  std::getline(times, text);
  const std::size_t behind_name = text.rfind(')');
  if (behind_name == std::string::npos)
    return engine::fail(engine::ErrorCode::kNotFound,
                        "no process " + std::to_string(process) + " here");
  std::istringstream fields(text.substr(behind_name + 1));
  std::string skipped;
  // proc(5): the 14th and 15th fields; the third is the first behind the name.
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  usage.processor =
      std::chrono::duration<double>((user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)));
  return usage;
}

}  // namespace bimip::load
