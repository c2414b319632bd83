#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/awareness_said.h"
#include "tools/bimip/awareness_text.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/bimip/options.h"
#include "tools/client/connection.h"

namespace bimip::tools {
namespace {

using engine::Result;

constexpr std::chrono::milliseconds kLookEvery{200};

struct Arguments {
  std::string eid{};
  std::vector<std::string> eids{};
  SaidFlags said{};
  std::string presence{};
  std::string last_seen{};
  std::string location_audience{};
  std::string from{};
  std::string until{};
  std::string at{};
  std::uint64_t count = 0;
  bool mutual = false;
  bool contacts = false;
  bool stop = false;
  bool json = false;
  [[nodiscard]] Form form() const { return json ? Form::kJson : Form::kText; }
};

using Request = std::function<v1::Stanza(const Arguments&)>;

// Asks, and writes what is answered.
int ask_on(client::Connection& connection, const Arguments& arguments, v1::Stanza request) {
  const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
  if (!answer) return complain(answer.error());
  Output output;
  output.write(awareness_text(*answer, arguments.form()));
  return kDone;
}

// The device is there for as long as this session is.
int set_on(client::Connection& connection, const Arguments& arguments) {
  std::expected<Said, std::string> said = said_of(arguments.said);
  if (!said) std::abort();  // it was looked at before
  if (const int done = ask_on(connection, arguments, std::move(said->state)); done != kDone)
    return done;
  if (arguments.said.state == "offline") return kDone;
  if (said->location) {
    if (const int done = ask_on(connection, arguments, std::move(*said->location)); done != kDone)
      return done;
  }
  if (said->activity) connection.send(*said->activity);
  const std::atomic<bool>& stop = interruption();
  std::optional<engine::Error> failed;
  while (!stop.load() && !failed) {
    const auto came = connection.exchange(kLookEvery, -1, [&](const v1::Stanza& stanza) {
      if (stanza.has_error())
        failed =
            engine::Error{client::error_code_of(static_cast<std::uint32_t>(stanza.error().code())),
                          stanza.error().message()};
    });
    if (!came) return complain(came.error());
  }
  return failed ? complain(*failed) : kDone;
}

int watch_on(client::Connection& connection, const Arguments& arguments) {
  v1::Stanza request;
  v1::WatchAwareness& watch = *request.mutable_watch_awareness();
  watch.set_contacts(arguments.contacts || arguments.eids.empty());
  for (const std::string& eid : arguments.eids) watch.add_eids(eid);
  std::vector<v1::Stanza> early;
  const Result<v1::Stanza> answer =
      connection.ask(std::move(request), kAnswerWithin,
                     [&](const v1::Stanza& pushed) { early.push_back(pushed); });
  if (!answer) return complain(answer.error());
  Output output;
  bool goes_on = true;
  bool is_complete = false;
  std::uint64_t left = arguments.count == 0 ? UINT64_MAX : arguments.count;
  const auto take = [&](const v1::Stanza& stanza) {
    if (!stanza.has_awareness_changed()) return;
    for (const std::string& line : awareness_lines(stanza.awareness_changed(), arguments.form())) {
      if (left == 0) return;
      --left;
      goes_on = output.write(line);
    }
    is_complete = is_complete || stanza.awareness_changed().complete();
  };
  for (const v1::Stanza& stanza : early) take(stanza);
  const std::atomic<bool>& stop = interruption();
  while (!stop.load() && goes_on && left > 0 && !(arguments.stop && is_complete)) {
    output.flush();
    if (const auto came = connection.exchange(kLookEvery, -1, take); !came)
      return complain(came.error());
  }
  return stop.load() && left > 0 ? kInterrupted : kDone;
}

v1::Stanza privacy_of(const Arguments& arguments) {
  v1::Stanza stanza;
  v1::SetAwarenessPrivacy& set = *stanza.mutable_set_awareness_privacy();
  const auto audience = [](const std::string& name) {
    return name.empty() ? v1::AUDIENCE_UNSPECIFIED : *audience_named(name);
  };
  set.set_presence(audience(arguments.presence));
  set.set_last_seen(audience(arguments.last_seen));
  set.set_location(audience(arguments.location_audience));
  return stanza;
}

// Page after page. `more`: where the next one begins; nothing behind the last.
int ask_all(client::Connection& connection, const Arguments& arguments, v1::Stanza request,
            const std::function<bool(const v1::Stanza& answer, v1::Stanza& request)>& more) {
  Output output;
  for (;;) {
    const Result<v1::Stanza> answer = connection.ask(request, kAnswerWithin);
    if (!answer) return complain(answer.error());
    output.write(awareness_text(*answer, arguments.form()));
    if (!more(*answer, request)) return kDone;
  }
}

int list_on(client::Connection& connection, const Arguments& arguments) {
  v1::Stanza request;
  (void)request.mutable_list_awareness();
  return ask_all(connection, arguments, std::move(request),
                 [](const v1::Stanza& answer, v1::Stanza& next) {
                   const v1::AwarenessRelations& page = answer.awareness_relations();
                   if (page.more())
                     next.mutable_list_awareness()->set_after(page.relations().rbegin()->eid());
                   return page.more();
                 });
}

int contacts_on(client::Connection& connection, const Arguments& arguments) {
  v1::Stanza request;
  request.mutable_contacts_at()->set_at_us(*time_named(arguments.at));
  return ask_all(connection, arguments, std::move(request),
                 [](const v1::Stanza& answer, v1::Stanza& next) {
                   const v1::AwarenessMoment& page = answer.awareness_moment();
                   if (page.more())
                     next.mutable_contacts_at()->set_after(page.views().rbegin()->eid());
                   return page.more();
                 });
}

// Of one entity a range, of all contacts a moment.
int history_on(client::Connection& connection, const Arguments& arguments) {
  if (!arguments.at.empty() && arguments.eid.empty()) return contacts_on(connection, arguments);
  v1::Stanza request;
  v1::ReadAwarenessHistory& read = *request.mutable_read_awareness_history();
  read.set_eid(arguments.eid);
  if (!arguments.at.empty()) {
    read.set_from_us(*time_named(arguments.at));
    read.set_until_us(read.from_us() + 1);
  }
  if (!arguments.from.empty()) read.set_from_us(*time_named(arguments.from));
  if (!arguments.until.empty()) read.set_until_us(*time_named(arguments.until));
  // The server answers the newest first, page by page.
  std::vector<std::string> pages;
  for (;;) {
    const Result<v1::Stanza> answer = connection.ask(request, kAnswerWithin);
    if (!answer) return complain(answer.error());
    pages.push_back(awareness_text(*answer, arguments.form()));
    const v1::AwarenessHistory& page = answer->awareness_history();
    if (!page.more()) break;
    request.mutable_read_awareness_history()->set_until_us(page.rest_until_us());
  }
  Output output;
  for (auto page = pages.rbegin(); page != pages.rend(); ++page) output.write(*page);
  return kDone;
}

v1::Stanza restricted(const Arguments& arguments, v1::Restriction restriction) {
  v1::Stanza stanza;
  stanza.mutable_restrict_awareness()->set_eid(arguments.eid);
  stanza.mutable_restrict_awareness()->set_restriction(restriction);
  return stanza;
}

// One command of the group.
class Group {
 public:
  Group(CLI::App& group, const Globals& globals, int& exit_code)
      : group_(group), globals_(globals), exit_code_(exit_code) {}
  using Run = std::function<int(client::Connection&, const Arguments&)>;
  std::pair<CLI::App*, std::shared_ptr<Arguments>> add(const char* name, const char* what,
                                                       const char* example, Run run) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = group_.add_subcommand(name, what);
    command->fallthrough();
    command->footer(std::string("Example:\n  ") + example +
                    "\n\nExit codes: 0 done, 1 refused, 2 could not run or no server");
    command->add_flag("--json", arguments->json, "Write JSON, for programs");
    command->callback([this_ = *this, arguments, run = std::move(run)] {
      this_.exit_code_ = with_server(this_.globals_, [&](client::Connection& connection) {
        return run(connection, *arguments);
      });
    });
    return {command, arguments};
  }
  void add_about(const char* name, const char* what, const char* example, Request request) {
    const auto [command, arguments] =
        add(name, what, example,
            [request = std::move(request)](client::Connection& connection, const Arguments& given) {
              return ask_on(connection, given, request(given));
            });
    command->add_option("EID", arguments->eid, "The other entity")->required();
    if (std::string_view(name) == "subscribe")
      command->add_flag("--mutual", arguments->mutual, "And offer to be seen by it");
  }

 private:
  CLI::App& group_;
  const Globals& globals_;
  int& exit_code_;
};

void add_set(Group& group) {
  const auto [command, arguments] = group.add(
      "set", "Be there, until interrupted",
      "bimip --as alice --device phone awareness set busy --text 'in a meeting'\n"
      "  bimip --as alice awareness set --location 48.2082,16.3738,15 --heading 90 --speed 1.4",
      set_on);
  SaidFlags& said = arguments->said;
  const auto add = [&](const char* name, std::string& into, const char* what) {
    return command->add_option(name, into, what);
  };
  add("STATE", said.state, "online, away, busy, dnd, invisible or offline")->check(state_check);
  add("--text", said.text, "A line about it");
  command->add_option("--system", said.system,
                      "battery, charging, network, version, load or a field of one's own, =VALUE");
  add("--location", said.location, "LATITUDE,LONGITUDE[,ACCURACY in metres]");
  add("--heading", said.heading, "Where it is heading, in degrees: 0 is north, 90 east");
  add("--speed", said.speed, "How fast, in metres a second");
  add("--location-for", said.lasts, "How long it is shared: 30s, 2h");
  add("--activity", said.activity, "What one does: typing, recording, ...");
  add("--to", said.to, "Only this entity is told of the activity");
  command->parse_complete_callback([arguments] {
    if (const auto made = said_of(arguments->said); !made) throw CLI::ValidationError(made.error());
  });
}

void add_watch(Group& group) {
  const auto [command, arguments] = group.add(
      "watch", "Contacts, or the entities named: as they are, and then every change",
      "bimip --as bob awareness watch\n  bimip --as bob awareness watch alice carol", watch_on);
  command->add_option("EID", arguments->eids, "These, instead of the contacts");
  command->add_flag("--contacts", arguments->contacts, "The contacts too");
  command->add_option("--count", arguments->count, "End after so many lines")->check(not_below_0);
  command->add_flag("--once", arguments->stop, "End when all were shown as they are");
}

void add_privacy(Group& group) {
  const auto [command, arguments] =
      group.add("privacy", "Who may know what; shows what is in force",
                "bimip --as alice awareness privacy --presence contacts-except --location nobody",
                [](client::Connection& connection, const Arguments& given) {
                  return ask_on(connection, given, privacy_of(given));
                });
  const auto add = [&](const char* name, std::string& into, const char* what) {
    command->add_option(name, into, what)->check(audience_check);
  };
  add("--presence", arguments->presence, "everyone, contacts, contacts-except or nobody");
  add("--last-seen", arguments->last_seen, "The same");
  add("--location", arguments->location_audience, "The same");
}

void add_history(Group& group) {
  const auto [command, arguments] =
      group.add("history", "What an entity was, in a range or at a time; or who was there then",
                "bimip --as bob awareness history alice --from 2026-01-01\n"
                "  bimip --as bob awareness history --at 2026-01-01T14:03:00Z",
                history_on);
  command->add_option("EID", arguments->eid, "This entity; else with --at all contacts");
  const auto add = [&](const char* name, std::string& into, const char* what) {
    return command->add_option(name, into, what)->check(time_check);
  };
  CLI::Option* at = add("--at", arguments->at, "At this time: 2026-01-01T14:03:00Z");
  add("--from", arguments->from, "From this time on")->excludes(at);
  add("--until", arguments->until, "Before this time")->excludes(at);
}

}  // namespace

void add_awareness_commands(CLI::App& program, const Globals& globals, int& exit_code) {
  CLI::App* app = program.add_subcommand("awareness", "Who is there, and who may know it");
  app->require_subcommand(1);
  app->fallthrough();
  Group group(*app, globals, exit_code);
  add_set(group);
  add_watch(group);
  group.add_about("subscribe", "Ask to see an entity",
                  "bimip --as bob awareness subscribe alice --mutual", [](const Arguments& given) {
                    v1::Stanza stanza;
                    stanza.mutable_subscribe_awareness()->set_eid(given.eid);
                    stanza.mutable_subscribe_awareness()->set_mutual(given.mutual);
                    return stanza;
                  });
  group.add_about("unsubscribe", "See it no more", "bimip --as bob awareness unsubscribe alice",
                  [](const Arguments& given) {
                    v1::Stanza stanza;
                    stanza.mutable_unsubscribe_awareness()->set_eid(given.eid);
                    return stanza;
                  });
  for (const bool grant : {true, false}) {
    group.add_about(
        grant ? "grant" : "deny",
        grant ? "Let an entity that has asked see this one" : "Do not let it",
        grant ? "bimip --as alice awareness grant bob" : "bimip --as alice awareness deny bob",
        [grant](const Arguments& given) {
          v1::Stanza stanza;
          stanza.mutable_answer_awareness()->set_eid(given.eid);
          stanza.mutable_answer_awareness()->set_grant(grant);
          return stanza;
        });
  }
  group.add_about("cancel", "Take the consent back", "bimip --as alice awareness cancel bob",
                  [](const Arguments& given) {
                    v1::Stanza stanza;
                    stanza.mutable_cancel_awareness()->set_eid(given.eid);
                    return stanza;
                  });
  group.add_about(
      "block", "Look offline to an entity, which gets no receipts and makes no offers heard",
      "bimip --as alice awareness block bob",
      [](const Arguments& given) { return restricted(given, v1::RESTRICTION_BLOCKED); });
  group.add_about("except", "Leave an entity out of the audience contacts-except",
                  "bimip --as alice awareness except bob", [](const Arguments& given) {
                    return restricted(given, v1::RESTRICTION_EXCEPTED);
                  });
  group.add_about("unblock", "Neither blocked nor excepted any more",
                  "bimip --as alice awareness unblock bob",
                  [](const Arguments& given) { return restricted(given, v1::RESTRICTION_NONE); });
  group.add("list", "Consents, requests and restrictions", "bimip --as alice awareness list",
            list_on);
  const auto [show, shown] =
      group.add("show", "Entities as they are now", "bimip --as bob awareness show alice",
                [](client::Connection& connection, const Arguments& given) {
                  v1::Stanza request;
                  for (const std::string& eid : given.eids)
                    request.mutable_get_awareness()->add_eids(eid);
                  return ask_on(connection, given, std::move(request));
                });
  show->add_option("EID", shown->eids, "Which")->required();
  add_privacy(group);
  add_history(group);
}

}  // namespace bimip::tools
