#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/random.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/offer_text.h"
#include "tools/bimip/options.h"
#include "tools/bimip/record_text.h"
#include "tools/bimip/time_flags.h"
#include "tools/client/connection.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using engine::Result;

constexpr std::chrono::milliseconds kLookEvery{200};

struct OfferArguments {
  std::string who{};  // propose: to whom; else by whom
  std::string id{};
  std::string text{};
  std::string kind = "call";
  std::string expires_in = "1m";
  std::uint64_t count = 0;
  bool wait = false;
  bool json = false;
};

bool is_over(const v1::Offer& offer) { return offer.state() > v1::OFFER_STATE_ACCEPTED; }

void show(Output& output, const OfferArguments& arguments, const v1::Offer& offer) {
  output.write(arguments.json ? offer_json(offer).dump() + "\n" : offer_line(offer) + "\n");
  output.flush();
}

// Shows every change until `is_enough`.
int follow(client::Connection& connection, const OfferArguments& arguments,
           const std::function<bool(const v1::Offer&)>& is_enough, v1::Stanza request) {
  Output output;
  bool done = false;
  std::optional<engine::Error> failed;
  const auto take = [&](const v1::Stanza& stanza) {
    if (stanza.has_error() && stanza.id() == 0) {
      failed =
          engine::Error{client::error_code_of(static_cast<std::uint32_t>(stanza.error().code())),
                        stanza.error().message()};
    }
    if (!stanza.has_offer_changed() || stanza.id() != 0 || done) return;
    show(output, arguments, stanza.offer_changed().offer());
    done = is_enough(stanza.offer_changed().offer());
  };
  v1::Stanza watch;
  watch.mutable_watch_offers();
  if (const auto watched = connection.ask(std::move(watch), kAnswerWithin, take); !watched)
    return complain(watched.error());
  if (request.body_case() != v1::Stanza::BODY_NOT_SET) {
    if (const auto answer = connection.ask(std::move(request), kAnswerWithin, take); !answer)
      return complain(answer.error());
  }
  const std::atomic<bool>& stop = interruption();
  while (!done && !stop.load()) {
    const auto came = connection.exchange(kLookEvery, -1, take);
    if (!came) return complain(came.error());
    if (failed) return complain(*failed);
  }
  return done ? kDone : kInterrupted;
}

int propose_on(client::Connection& connection, const OfferArguments& arguments) {
  const engine::Id128 random = engine::random_id();
  const std::string id =
      arguments.id.empty() ? log_tools::id_text(random.high, random.low) : arguments.id;
  v1::Stanza request;
  v1::ProposeOffer& propose = *request.mutable_propose_offer();
  propose.set_offer_id(id);
  propose.set_to(arguments.who);
  propose.set_kind(arguments.kind);
  propose.set_description(arguments.text);
  // The server says what is too short and too long.
  propose.set_expires_in_ms(static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(parse_duration(arguments.expires_in)->count(), 1, UINT32_MAX)));
  if (arguments.wait) {
    bool is_lost = false;
    const int done = follow(
        connection, arguments,
        [&](const v1::Offer& offer) {
          if (offer.offer_id() != id || offer.to() != arguments.who) return false;
          is_lost = is_over(offer);
          return is_lost || offer.state() == v1::OFFER_STATE_ACCEPTED;
        },
        std::move(request));
    return done == kDone && is_lost ? kRefused : done;
  }
  const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
  if (!answer) return complain(answer.error());
  Output output;
  show(output, arguments, answer->offer_changed().offer());
  return kDone;
}

int act_on(client::Connection& connection, const OfferArguments& arguments,
           v1::OfferAction action) {
  v1::Stanza request;
  v1::ActOnOffer& act = *request.mutable_act_on_offer();
  act.set_from(arguments.who);
  act.set_offer_id(arguments.id);
  act.set_action(action);
  const bool describes = action == v1::OFFER_ACTION_ACCEPT || action == v1::OFFER_ACTION_UPDATE;
  (describes ? *act.mutable_description() : *act.mutable_reason()) = arguments.text;
  const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
  if (!answer) return complain(answer.error());
  Output output;
  show(output, arguments, answer->offer_changed().offer());
  return kDone;
}

int watch_on(client::Connection& connection, const OfferArguments& arguments) {
  std::uint64_t shown = 0;
  return follow(connection, arguments, [&](const v1::Offer&) { return ++shown == arguments.count; },
                {});
}

struct Act {
  const char* name;
  v1::OfferAction action;
  const char* what;
  const char* text;  // nullptr: none
};
constexpr std::array kActs{
    Act{"ring", v1::OFFER_ACTION_RING, "Say that it is shown here", nullptr},
    Act{"accept", v1::OFFER_ACTION_ACCEPT, "Accept it, on this device", "How it is accepted"},
    Act{"reject", v1::OFFER_ACTION_REJECT, "Turn it down, for all devices", "Why"},
    Act{"cancel", v1::OFFER_ACTION_CANCEL, "Take it back before it is accepted", "Why"},
    Act{"update", v1::OFFER_ACTION_UPDATE, "Give it another description, or answer", "Which"},
    Act{"end", v1::OFFER_ACTION_END, "End one that is accepted", "Why"}};

}  // namespace

void add_offer_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* offer = program.add_subcommand(
      "offer", "Propose something to an entity, and answer what is proposed");
  offer->fallthrough();
  offer->require_subcommand(1);
  offer->footer(
      "An offer is named by who made it and its id. A line of output: who made it, its id, its\n"
      "kind, to whom, its state, the device that answered, what is proposed, how it was accepted.\n"
      "Without --device an offer is accepted by this run alone: no other can change its answer.\n"
      "\nExamples:\n"
      "  bimip --as ann offer propose bob 'video' --id call-7 --wait\n"
      "  bimip --as bob --device phone offer watch\n"
      "  bimip --as bob --device phone offer accept ann call-7\n\n"
      "Exit codes: 0 done, 1 refused or not accepted, 2 could not run or no server, 130 "
      "interrupted");
  const auto add = [&](const std::string& name, const std::string& what, auto run) {
    CLI::App* command = offer->add_subcommand(name, what);
    command->fallthrough();
    auto arguments = std::make_shared<OfferArguments>();
    command->add_flag("--json", arguments->json, "A JSON object a line, for programs");
    command->callback([arguments, run, &globals, &exit_code] {
      exit_code = with_server(
          globals, [&](client::Connection& connection) { return run(connection, *arguments); });
    });
    return std::pair(command, arguments);
  };

  const auto [propose, proposal] = add("propose", "Propose something to an entity", propose_on);
  propose->footer("Example:\n  bimip --as ann offer propose bob 'video' --expires-in 30s --wait");
  propose->add_option("EID", proposal->who, "To whom")->required();
  propose->add_option("DESCRIPTION", proposal->text, "What; the application's own words");
  propose->add_option("--id", proposal->id, "Its id; else a random one");
  propose->add_option("--kind", proposal->kind, "call, file, game: the application's own word")
      ->capture_default_str();
  propose->add_option("--expires-in", proposal->expires_in, "How long it waits for an answer: 90s")
      ->capture_default_str()
      ->type_name("DURATION")
      ->check(check_span);
  propose->add_flag("--wait", proposal->wait, "Show every change until it is accepted or over");

  const auto [watch, watching] =
      add("watch", "Show what is proposed to and by this entity", watch_on);
  watch->footer("Example:\n  bimip --as bob --device phone offer watch --json");
  watch->add_option("--count", watching->count, "End after so many changes")->check(not_below_0);

  for (const Act& act : kActs) {
    const auto [command, acting] =
        add(act.name, act.what,
            [action = act.action](client::Connection& connection, const OfferArguments& arguments) {
              return act_on(connection, arguments, action);
            });
    command->footer("Example:\n  bimip --as bob --device phone offer " + std::string(act.name) +
                    " ann call-7");
    command->add_option("FROM", acting->who, "Who made the offer")->required();
    command->add_option("ID", acting->id, "Its id")->required();
    if (act.text != nullptr) command->add_option("TEXT", acting->text, act.text);
  }
}

}  // namespace bimip::tools
