// What `bimip` is to use when neither flags nor the environment say it: a small file of the user's.
#pragma once

#include <filesystem>
#include <string>

#include "engine/base/result.h"

namespace bimip::tools {

struct Context {
  std::string server{};
  std::string token_file{};
  std::string ca_file{};
  bool tls = false;
};

// XDG_CONFIG_HOME or ~/.config, then bimip/context.json.
[[nodiscard]] std::filesystem::path context_path();
// An empty one when there is no file. kInvalidArgument when the file is none.
[[nodiscard]] engine::Result<Context> load_context();
// Replaces the file whole.
[[nodiscard]] engine::Status save_context(const Context& context);

enum class Readers : std::uint8_t { kOwner, kAll };
// Replaces a file whole: aside, then renamed. kIo.
[[nodiscard]] engine::Status write_file(const std::filesystem::path& path, std::string_view text,
                                        Readers readers);
[[nodiscard]] engine::Result<std::string> read_file(const std::filesystem::path& path);

}  // namespace bimip::tools
