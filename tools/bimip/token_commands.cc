#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "frontend/identity/base64url.h"
#include "frontend/identity/token.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/context.h"
#include "tools/client/connection.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using namespace bimip::frontend;
using Json = nlohmann::ordered_json;

struct IssueArguments {
  std::string eid{};
  std::string keys{};
  std::string kid{};
  std::string device{};
  std::string token_id{};
  std::string issuer = "bimip";
  std::string audience = "bimip";
  std::string life = "1h";
  Permissions permissions{};
  bool is_operator = false;
};

struct RevokeArguments {
  std::string eid{};
  std::string token_id{};
  std::string device{};
  std::string reason{};
  bool all = false;
  bool json = false;
};

struct ShowArguments {
  std::string token{};
  std::string keys{};
  std::string issuer = "bimip";
  std::string audience = "bimip";
};

engine::Result<KeySet> load_keys(const std::string& file) {
  const auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  auto keys = KeySet::parse(*text);
  if (!keys) return engine::fail(engine::ErrorCode::kInvalidArgument, file + ": " + keys.error());
  return std::move(*keys);
}

// The one asked for; else the newest that can sign.
engine::Result<TokenKey> signing_key(const KeySet& keys, const IssueArguments& arguments) {
  const TokenKey* found = nullptr;
  for (const TokenKey& key : keys.keys()) {
    if (key.can_sign() && (arguments.kid.empty() || key.kid() == arguments.kid)) found = &key;
  }
  if (found != nullptr) return *found;
  return engine::fail(engine::ErrorCode::kInvalidArgument,
                      arguments.keys + " has no key to sign with" +
                          (arguments.kid.empty() ? "" : " of the kid " + arguments.kid));
}

std::string random_token_id() {
  const engine::Id128 id = engine::random_id();
  return to_base64url({reinterpret_cast<const char*>(&id), sizeof id});
}

int run_issue(const IssueArguments& arguments) {
  const auto keys = load_keys(arguments.keys);
  if (!keys) return complain(keys.error());
  const auto key = signing_key(*keys, arguments);
  if (!key) return complain(key.error());
  const engine::Timestamp now = engine::system_clock().now();
  TokenClaims claims{
      .eid = arguments.eid,
      .device = arguments.device,
      .token_id = arguments.token_id.empty() ? random_token_id() : arguments.token_id,
      .issuer = arguments.issuer,
      .audience = arguments.audience,
      .issued_at = now,
      .expires_at = now + *parse_duration(arguments.life),
      .permissions = arguments.permissions};
  claims.permissions.is_operator = arguments.is_operator;
  const std::string token = issue_token(claims, *key);
  // What no server would take is not handed out.
  const TokenRules rules{.issuer = arguments.issuer,
                         .audience = arguments.audience,
                         .life_max = std::chrono::hours(24 * 36'600)};
  if (const auto checked = check_token(token, *keys, rules, now); !checked) {
    complain(checked.error().reason);
    return kRefused;
  }
  Output().write(token + "\n");
  return kDone;
}

// The JSON of one of its parts.
std::optional<Json> part_of(std::string_view token, std::size_t which) {
  for (; which > 0; --which) {
    const std::size_t dot = token.find('.');
    if (dot == std::string_view::npos) return std::nullopt;
    token.remove_prefix(dot + 1);
  }
  const auto text = from_base64url(token.substr(0, token.find('.')));
  if (!text) return std::nullopt;
  Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  return json;
}

int run_show(ShowArguments arguments) {
  if (arguments.token == "-") std::cin >> arguments.token;
  const auto header = part_of(arguments.token, 0);
  const auto claims = part_of(arguments.token, 1);
  if (!header || !claims) {
    complain("that is no JWT in the compact form");
    return kRefused;
  }
  Json shown{{"header", *header}, {"claims", *claims}};
  int exit_code = kDone;
  if (!arguments.keys.empty()) {
    const auto keys = load_keys(arguments.keys);
    if (!keys) return complain(keys.error());
    const auto checked = check_token(arguments.token, *keys,
                                     {.issuer = arguments.issuer, .audience = arguments.audience},
                                     engine::system_clock().now());
    shown["verdict"] = checked ? "accepted" : checked.error().reason;
    if (!checked) exit_code = kRefused;
  }
  Output().write(shown.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  return exit_code;
}

int run_revoke(const Globals& globals, const RevokeArguments& arguments) {
  const engine::Result<client::Endpoint> server = server_of(globals);
  if (!server) return complain(server.error());
  auto connection = client::Connection::open(*server, {}, kAnswerWithin);
  if (!connection) return complain(connection.error());
  v1::Stanza request;
  v1::TokenRevoke& revoke = *request.mutable_token_revoke();
  revoke.set_eid(arguments.eid);
  revoke.set_reason(arguments.reason);
  if (!arguments.token_id.empty()) revoke.set_token_id(arguments.token_id);
  if (!arguments.device.empty()) revoke.set_device(arguments.device);
  if (arguments.all) revoke.set_all(true);
  const auto answer = (*connection)->ask(std::move(request), kAnswerWithin);
  if (!answer) return complain(answer.error());
  const std::string time = log_tools::time_text(
      engine::Timestamp(std::chrono::microseconds(answer->token_revoked().revoked_at_us())));
  Output().write(arguments.json ? Json{{"revoked_at", time}}.dump() + "\n"
                                : "revoked at " + time + "\n");
  return kDone;
}

void add_issue(CLI::App& token, int& exit_code) {
  auto arguments = std::make_shared<IssueArguments>();
  CLI::App* issue = token.add_subcommand("issue", "Sign a token for an entity, and write it");
  issue->footer(
      "Examples:\n"
      "  bimip token issue alice@example.com --keys keys.json --publish 'orders.*' --subscribe "
      "'*'\n"
      "  bimip token issue bob --keys keys.json --publish 'inbox.*' --publish offer --publish "
      "awareness --subscribe awareness\n"
      "  bimip token issue admin --keys keys.json --for 15m --admin '*' --operator");
  issue->add_option("EID", arguments->eid, "Whom it is for")->required();
  issue->add_option("--keys", arguments->keys, "The key set with a private key")->required();
  issue->add_option("--kid", arguments->kid, "Which of its keys; else the last one");
  issue->add_option("--device", arguments->device, "The only device that it is good for");
  issue->add_option(
      "--publish", arguments->permissions.publish,
      "Topics to publish to: a name, or a pattern with *; repeatable. Also inbox.CATEGORY "
      "(to send messages), offer, awareness");
  issue->add_option("--subscribe", arguments->permissions.subscribe, "Topics to subscribe to");
  issue->add_option("--admin", arguments->permissions.admin, "Topics to create and change");
  issue->add_flag("--operator", arguments->is_operator,
                  "May revoke the tokens of others and end their sessions");
  issue->add_option("--for", arguments->life, "How long it is good")
      ->check([](const std::string& text) {
        return parse_duration(text) ? "" : "'" + text + "' is no duration: 15m, 1h, 30d";
      })
      ->capture_default_str();
  issue->add_option("--issuer", arguments->issuer, "Its iss")->capture_default_str();
  issue->add_option("--audience", arguments->audience, "Its aud")->capture_default_str();
  issue->add_option("--id", arguments->token_id, "Its jti; else a random one");
  issue->callback([arguments, &exit_code] { exit_code = run_issue(*arguments); });
}

void add_show(CLI::App& token, int& exit_code) {
  auto arguments = std::make_shared<ShowArguments>();
  CLI::App* show = token.add_subcommand("show", "Show what a token says");
  show->footer(
      "Without --keys nothing is checked, and what is shown may be anybody's words.\n\nExample:\n"
      "  bimip token show --keys public-keys.json - < token\n\n"
      "Exit codes: 0 shown, 1 refused, 2 could not run");
  show->add_option("TOKEN", arguments->token, "The token; - reads it from standard input")
      ->required();
  show->add_option("--keys", arguments->keys, "Check it with these keys");
  show->add_option("--issuer", arguments->issuer, "The iss it must have")->capture_default_str();
  show->add_option("--audience", arguments->audience, "The aud it must have")
      ->capture_default_str();
  show->callback([arguments, &exit_code] { exit_code = run_show(*arguments); });
}

void add_revoke(CLI::App& token, const Globals& globals, int& exit_code) {
  auto arguments = std::make_shared<RevokeArguments>();
  CLI::App* revoke = token.add_subcommand(
      "revoke", "End tokens for good, and the sessions that were opened with them");
  revoke->fallthrough();
  revoke->footer(
      "An entity may revoke its own tokens; an operator those of others.\n\nExamples:\n"
      "  bimip token revoke --device old-phone\n"
      "  bimip token revoke --eid mallory@example.com --all --reason 'account closed'");
  revoke->add_option("--eid", arguments->eid, "Whose; else the caller's own");
  CLI::Option* id = revoke->add_option("--id", arguments->token_id, "The token of this jti");
  CLI::Option* device = revoke->add_option("--device", arguments->device,
                                           "All issued up to now and used on this device");
  CLI::Option* all =
      revoke->add_flag("--all", arguments->all, "All of the entity issued up to now");
  id->excludes(device)->excludes(all);
  device->excludes(all);
  revoke->add_option("--reason", arguments->reason, "For those who look into it later");
  revoke->add_flag("--json", arguments->json, "Write JSON for programs");
  revoke->callback([arguments, &globals, &exit_code] {
    if (arguments->token_id.empty() && arguments->device.empty() && !arguments->all)
      throw CLI::RequiredError("--id, --device or --all");
    exit_code = run_revoke(globals, *arguments);
  });
}

}  // namespace

void add_token_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* token = program.add_subcommand("token", "Issue, show and revoke tokens");
  token->require_subcommand(1);
  token->fallthrough();
  add_issue(*token, exit_code);
  add_show(*token, exit_code);
  add_revoke(*token, globals, exit_code);
}

}  // namespace bimip::tools
