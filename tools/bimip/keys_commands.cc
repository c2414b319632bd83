#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "engine/base/random.h"
#include "frontend/identity/key_set.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/context.h"

namespace bimip::tools {
namespace {

using namespace bimip::frontend;

struct Arguments {
  std::string file{};
  std::string algorithm = "EdDSA";
  std::string kid{};
  std::string public_file{};
  bool add = false;
};

std::string random_kid() {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(engine::random_id().low));
  return text;
}

// The keys that the file holds already, when some may be added.
engine::Result<std::vector<TokenKey>> keys_before(const Arguments& arguments) {
  const auto refuse = [&](const std::string& why) {
    return engine::fail(engine::ErrorCode::kInvalidArgument, arguments.file + ": " + why);
  };
  std::error_code ignored;
  if (!std::filesystem::exists(arguments.file, ignored)) return std::vector<TokenKey>{};
  if (!arguments.add) return refuse("it is there already: --add puts a key beside those in it");
  const auto text = read_file(arguments.file);
  if (!text) return std::unexpected(text.error());
  const auto set = KeySet::parse(*text);
  if (!set) return refuse(set.error());
  return set->keys();
}

int run_generate(const Arguments& arguments) {
  auto keys = keys_before(arguments);
  if (!keys) return complain(keys.error());
  const std::string kid = arguments.kid.empty() ? random_kid() : arguments.kid;
  if (KeySet(*keys).find(kid) != nullptr) {
    complain(arguments.file + " has a key of the kid " + kid + " already");
    return kRefused;
  }
  keys->push_back(TokenKey::generate(*algorithm_of(arguments.algorithm), kid));
  const KeySet set(std::move(*keys));
  if (auto wrote = write_file(arguments.file, set.to_text(KeyParts::kPrivate), Readers::kOwner);
      !wrote)
    return complain(wrote.error());
  if (!arguments.public_file.empty()) {
    if (auto wrote =
            write_file(arguments.public_file, set.to_text(KeyParts::kPublic), Readers::kAll);
        !wrote)
      return complain(wrote.error());
  }
  Output().write(kid + "\n");
  return kDone;
}

}  // namespace

void add_keys_commands(CLI::App& program, int& exit_code) {
  CLI::App* keys = program.add_subcommand("keys", "Make the keys that tokens are signed with");
  keys->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* generate = keys->add_subcommand(
      "generate", "Make a key, in a JSON Web Key Set that only its owner can read");
  generate->footer(
      "The server needs the public parts alone; a secret (HS256) has none, so there the server and "
      "the\nissuer share the whole file. Writes the key's kid.\n\nExamples:\n"
      "  bimip keys generate keys.json --public public-keys.json\n"
      "  bimip keys generate keys.json --public public-keys.json --add --algorithm RS256");
  generate->add_option("FILE", arguments->file, "Where to; it must not be there yet")->required();
  generate->add_option("--algorithm", arguments->algorithm, "EdDSA, ES256, RS256 or HS256")
      ->check(CLI::IsMember({"EdDSA", "ES256", "RS256", "HS256"}))
      ->capture_default_str();
  generate->add_option("--kid", arguments->kid, "The key's name; else a random one")
      ->check([](const std::string& kid) {
        return kid.empty() || kid.size() > 256 ? "a kid has 1 to 256 bytes" : "";
      });
  generate->add_option("--public", arguments->public_file,
                       "Write the public parts of all keys of the set here: for the server");
  generate->add_flag("--add", arguments->add,
                     "Add to the keys that are in FILE: for a change of keys");
  generate->callback([arguments, &exit_code] { exit_code = run_generate(*arguments); });
}

}  // namespace bimip::tools
