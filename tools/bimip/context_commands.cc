#include <CLI/CLI.hpp>
#include <filesystem>

#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/context.h"

namespace bimip::tools {
namespace {

int run_set(const Globals& globals) {
  engine::Result<Context> context = load_context();
  if (!context) return complain(context.error());
  if (!globals.token.empty()) {
    complain("a token is not kept in the context: put it into a file and give --token-file");
    return kCannotRun;
  }
  if (!globals.server.empty()) {
    if (auto endpoint = client::parse_endpoint(globals.server); !endpoint)
      return complain(endpoint.error());
    context->server = globals.server;
  }
  if (!globals.token_file.empty())
    context->token_file = std::filesystem::absolute(globals.token_file).string();
  if (!globals.ca_file.empty())
    context->ca_file = std::filesystem::absolute(globals.ca_file).string();
  context->tls = context->tls || globals.tls || !context->ca_file.empty();
  if (const engine::Status saved = save_context(*context); !saved) return complain(saved.error());
  return kDone;
}

int run_show() {
  const engine::Result<Context> context = load_context();
  if (!context) return complain(context.error());
  Output output;
  output.write("file        " + context_path().string() + "\nserver      " + context->server +
               "\ntoken file  " + context->token_file + "\nauthorities " + context->ca_file +
               "\ntls         " + (context->tls ? "yes" : "no") + "\n");
  return kDone;
}

int run_clear() {
  std::error_code error;
  std::filesystem::remove(context_path(), error);
  if (!error) return kDone;
  complain(context_path().string() + ": " + error.message());
  return kCannotRun;
}

}  // namespace

void add_context_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* context = program.add_subcommand(
      "context", "What to use when neither flags nor the environment say it");
  context->require_subcommand(1);
  context->fallthrough();
  CLI::App* set =
      context->add_subcommand("set", "Keep --server, --token-file, --tls and --ca for later");
  set->fallthrough();
  set->footer(
      "Example:\n  bimip context set --server log.example:7450 --token-file ~/.bimip-token");
  set->callback([&globals, &exit_code] { exit_code = run_set(globals); });
  CLI::App* show = context->add_subcommand("show", "Show what is kept");
  show->footer("Example:\n  bimip context show");
  show->callback([&exit_code] { exit_code = run_show(); });
  CLI::App* clear = context->add_subcommand("clear", "Forget it");
  clear->footer("Example:\n  bimip context clear");
  clear->callback([&exit_code] { exit_code = run_clear(); });
}

}  // namespace bimip::tools
