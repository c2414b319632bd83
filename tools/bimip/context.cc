#include "tools/bimip/context.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace bimip::tools {
namespace {

using engine::ErrorCode;
using Json = nlohmann::ordered_json;

std::unexpected<engine::Error> fail_with(const std::filesystem::path& path, int error) {
  return engine::fail(ErrorCode::kIo, path.string() + ": " + std::strerror(error));
}

engine::Status write_all(int file, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(file, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail_with(path, errno);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  if (::fsync(file) != 0) return fail_with(path, errno);
  return {};
}

}  // namespace

std::filesystem::path context_path() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config != '\0')
    return std::filesystem::path(config) / "bimip" / "context.json";
  const char* home = std::getenv("HOME");
  return std::filesystem::path(home == nullptr ? "/" : home) / ".config/bimip/context.json";
}

engine::Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return fail_with(path, errno);
  return std::move(text).str();
}

engine::Result<Context> load_context() {
  const std::filesystem::path path = context_path();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return Context{};
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  const Json read = Json::parse(*text, nullptr, false);
  Context context;
  for (const auto& [name, into] :
       {std::pair("server", &context.server), std::pair("token_file", &context.token_file),
        std::pair("ca_file", &context.ca_file)}) {
    const Json value = read.is_object() ? read.value(name, Json("")) : Json();
    if (!value.is_string())
      return engine::fail(ErrorCode::kInvalidArgument,
                          path.string() + " is no context: `bimip context clear` removes it");
    *into = value.get<std::string>();
  }
  context.tls = read.value("tls", Json(false)) == Json(true);
  return context;
}

engine::Status save_context(const Context& context) {
  const std::filesystem::path path = context_path();
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return fail_with(path.parent_path(), error.value());
  const Json json{{"server", context.server},
                  {"token_file", context.token_file},
                  {"ca_file", context.ca_file},
                  {"tls", context.tls}};
  return write_file(path, json.dump(2) + "\n", Readers::kOwner);
}

engine::Status write_file(const std::filesystem::path& path, std::string_view text,
                          Readers readers) {
  std::string aside = path.string() + ".XXXXXX";
  const int file = ::mkstemp(aside.data());
  if (file < 0) return fail_with(path, errno);
  engine::Status wrote = write_all(file, text, path);
  if (readers == Readers::kAll && ::fchmod(file, 0644) != 0) wrote = fail_with(path, errno);
  ::close(file);
  if (wrote && ::rename(aside.c_str(), path.c_str()) != 0) wrote = fail_with(path, errno);
  if (!wrote) ::unlink(aside.c_str());
  return wrote;
}

}  // namespace bimip::tools
