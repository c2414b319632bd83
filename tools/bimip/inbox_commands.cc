#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
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
using engine::Status;
using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kLookEvery{200};
constexpr std::uint32_t kCredit = 500;

struct SendArguments {
  std::string to{};
  std::string message{};
  std::string category = "chat";
  std::string id{};
  std::string content_type{};
  std::string to_device{};
  TimeFlags times{};
  bool no_copy = false;
  bool again = false;
  bool json = false;
};

int send_on(client::Connection& connection, const SendArguments& arguments) {
  v1::Stanza request;
  v1::Send& send = *request.mutable_send();
  send.set_to(arguments.to);
  send.set_category(arguments.category);
  const engine::Id128 random = engine::random_id();
  send.set_message_id(arguments.id.empty() ? log_tools::id_text(random.high, random.low)
                                           : arguments.id);
  send.set_body(arguments.message);
  send.set_content_type(arguments.content_type);
  send.set_to_device(arguments.to_device);
  send.set_no_copy(arguments.no_copy);
  send.set_again(arguments.again);
  times_of(arguments.times).put(send);
  send.set_client_time_us(std::chrono::duration_cast<std::chrono::microseconds>(
                              std::chrono::system_clock::now().time_since_epoch())
                              .count());
  const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
  if (!answer) return complain(answer.error());
  const v1::Sent& sent = answer->sent();
  Output output;
  if (arguments.json) {
    const Json line = {{"message_id", sent.message_id()},
                       {"partition", sent.partition()},
                       {"offset", sent.offset()}};
    output.write(line.dump() + "\n");
  } else {
    output.write(sent.message_id() + "\n");
  }
  return kDone;
}

int run_send(const Globals& globals, const SendArguments& arguments) {
  return with_server(
      globals, [&](client::Connection& connection) { return send_on(connection, arguments); });
}

struct InboxArguments {
  std::string category = "chat";
  std::string from{};
  std::uint64_t count = 0;  // 0: all
  bool until_end = false;
  bool acknowledge = false;
  bool mark_read = false;
  bool json = false;
};

std::string json_line(const v1::InboxItem& item) {
  const v1::InboxMessage& message = item.message();
  const auto time = [](std::int64_t micros) {
    return log_tools::time_text(engine::Timestamp(std::chrono::microseconds(micros)));
  };
  Json line = {{"increment", item.increment()},
               {"time", time(item.server_time_us())},
               {"from", message.from()}};
  if (!message.from_device().empty()) line["from_device"] = message.from_device();
  if (message.kind() == v1::INBOX_MESSAGE_KIND_RECEIPT) {
    line["receipt"] = message.receipt().name();
    line["category"] = message.receipt().category();
    if (!message.receipt().author_device().empty())
      line["author_device"] = message.receipt().author_device();
    line["message_ids"] = Json::array();
    for (const std::string& id : message.receipt().message_ids()) line["message_ids"].push_back(id);
    return line.dump() + "\n";
  }
  if (message.kind() == v1::INBOX_MESSAGE_KIND_MISSED_OFFER) {
    line["missed_offer"] = offer_json(message.offer());
    return line.dump() + "\n";
  }
  if (message.kind() == v1::INBOX_MESSAGE_KIND_COPY) {
    line["to"] = message.to();
    line["category"] = message.category();
  }
  line["message_id"] = message.message_id();
  if (message.client_time_us() != 0) line["client_time"] = time(message.client_time_us());
  if (message.expires_at_us() != 0) line["expires"] = time(message.expires_at_us());
  if (message.deliver_at_us() != 0) line["deliver_at"] = time(message.deliver_at_us());
  if (!message.content_type().empty()) line["content_type"] = message.content_type();
  put_bytes(line, "body", message.body());
  return line.dump() + "\n";
}

std::string text_line(const v1::InboxItem& item) {
  const v1::InboxMessage& message = item.message();
  std::string line = std::to_string(item.increment()) + "\t" + message.from() + "\t";
  if (message.kind() == v1::INBOX_MESSAGE_KIND_RECEIPT) {
    line += message.receipt().name() + " " + message.receipt().category() + ":";
    for (const std::string& id : message.receipt().message_ids()) line += " " + id;
  } else if (message.kind() == v1::INBOX_MESSAGE_KIND_MISSED_OFFER) {
    line += "missed " + message.offer().kind() + ": " +
            log_tools::escaped(engine::as_bytes(message.offer().description()));
  } else {
    if (message.kind() == v1::INBOX_MESSAGE_KIND_COPY)
      line += "to " + message.to() + " in " + message.category() + ": ";
    line += log_tools::escaped(engine::as_bytes(message.body()));
  }
  return line + "\n";
}

// Shows one inbox from where it begins to where it was told to end.
class Reader {
 public:
  Reader(client::Connection& connection, const InboxArguments& arguments)
      : connection_(connection),
        arguments_(arguments),
        left_(arguments.count == 0 ? UINT64_MAX : arguments.count) {}

  int run() {
    if (Status opened = open(); !opened) return complain(opened.error());
    const std::atomic<bool>& stop = interruption();
    while (!stop.load() && !is_done()) {
      output_.flush();
      const auto came =
          connection_.exchange(kLookEvery, -1, [this](const v1::Stanza& stanza) { take(stanza); });
      if (!came) return complain(came.error());
      if (failed_) return complain(*failed_);
    }
    if (Status done = finish(); !done) return complain(done.error());
    if (stop.load() && !is_done()) return kInterrupted;
    return has_gap_ ? kRefused : kDone;
  }

 private:
  Status open() {
    v1::Stanza request;
    v1::OpenInbox& open = *request.mutable_open_inbox();
    open.set_category(arguments_.category);
    open.set_credit(kCredit);
    open.set_only_looks(!arguments_.acknowledge);
    if (arguments_.from == "earliest") {
      open.set_earliest(true);
    } else if (arguments_.from == "latest") {
      open.set_latest(true);
    } else if (!arguments_.from.empty()) {
      open.set_increment(std::stoull(arguments_.from));
    }
    Result<v1::Stanza> answer = ask(std::move(request));
    if (!answer) return std::unexpected(std::move(answer.error()));
    const v1::InboxOpened& opened = answer->inbox_opened();
    inbox_ = opened.inbox_id();
    end_ = opened.state().last_increment();
    reached_ = opened.from_increment() - 1;
    const std::uint64_t known = std::max(opened.cursor(), opened.state().read_up_to());
    if (arguments_.mark_read && reached_ > known) {
      return engine::fail(engine::ErrorCode::kInvalidArgument,
                          "--mark-read: messages " + std::to_string(known + 1) + " to " +
                              std::to_string(reached_) +
                              " are unread and would be marked, too; begin with them");
    }
    for (const v1::Stanza& early : std::exchange(early_, {})) take(early);
    return {};
  }

  // What the server pushes before its answer is kept.
  Result<v1::Stanza> ask(v1::Stanza request) {
    return connection_.ask(std::move(request), kAnswerWithin,
                           [this](const v1::Stanza& pushed) { early_.push_back(pushed); });
  }

  [[nodiscard]] bool is_done() const {
    return left_ == 0 || !goes_on_ || (arguments_.until_end && reached_ >= end_);
  }

  void take(const v1::Stanza& stanza) {
    if (stanza.has_error())
      failed_ =
          engine::Error{client::error_code_of(static_cast<std::uint32_t>(stanza.error().code())),
                        stanza.error().message()};
    if (!stanza.has_inbox_delivery() || is_done()) return;
    const v1::InboxDelivery& delivery = stanza.inbox_delivery();
    for (const v1::EntityGap& gap : delivery.gaps()) {
      has_gap_ = has_gap_ || gap.reason() == v1::ENTITY_GAP_REASON_DAMAGE;
      complain("messages " + std::to_string(gap.first_increment()) + " to " +
               std::to_string(gap.last_increment()) +
               (gap.reason() == v1::ENTITY_GAP_REASON_EXPIRED ? " have expired"
                                                              : " are not there any more"));
      reached_ = std::max(reached_, gap.last_increment());
      has_shown_ = true;
    }
    for (const v1::InboxItem& item : delivery.items()) {
      if (left_ == 0) return;
      --left_;
      goes_on_ = output_.write(arguments_.json ? json_line(item) : text_line(item));
      reached_ = std::max(reached_, item.increment());
      has_shown_ = true;
    }
    // What was for other devices is passed with what was shown.
    reached_ = std::max(reached_, delivery.up_to());
    if (arguments_.acknowledge && has_shown_) acknowledge();
  }

  // Once it is written: what a full disk or a reader that went away did not take comes again.
  void acknowledge() {
    goes_on_ = output_.flush();
    if (!goes_on_) return;
    connection_.send(acknowledgement());
  }

  [[nodiscard]] v1::Stanza acknowledgement() const {
    v1::Stanza stanza;
    stanza.mutable_acknowledge_inbox()->set_inbox_id(inbox_);
    stanza.mutable_acknowledge_inbox()->set_up_to(reached_);
    return stanza;
  }

  // What was acknowledged does not come again, whatever becomes of the server.
  Status finish() {
    if (!output_.flush()) return {};
    if (arguments_.acknowledge && has_shown_) {
      if (Result<v1::Stanza> answer = ask(acknowledgement()); !answer)
        return std::unexpected(std::move(answer.error()));
    }
    if (arguments_.mark_read && has_shown_) {
      v1::Stanza request;
      request.mutable_mark_read()->set_category(arguments_.category);
      request.mutable_mark_read()->set_up_to(reached_);
      if (Result<v1::Stanza> answer = ask(std::move(request)); !answer)
        return std::unexpected(std::move(answer.error()));
    }
    v1::Stanza request;
    request.mutable_close_inbox()->set_inbox_id(inbox_);
    Result<v1::Stanza> answer = ask(std::move(request));
    if (!answer) return std::unexpected(std::move(answer.error()));
    return {};
  }

  client::Connection& connection_;
  const InboxArguments& arguments_;
  Output output_;
  std::uint64_t inbox_ = 0;
  std::uint64_t end_ = 0;      // the last message when it was opened
  std::uint64_t reached_ = 0;  // all up to here was shown, or is not for this device
  bool has_shown_ = false;
  std::uint64_t left_;
  bool goes_on_ = true;
  bool has_gap_ = false;
  std::optional<engine::Error> failed_{};
  std::vector<v1::Stanza> early_{};
};

int run_inbox(const Globals& globals, const InboxArguments& arguments) {
  return with_server(
      globals, [&](client::Connection& connection) { return Reader(connection, arguments).run(); });
}

bool is_start(const std::string& text) {
  return text == "earliest" || text == "latest" ||
         (!text.empty() && text.size() < 19 &&
          std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }));
}

}  // namespace

void add_send_command(CLI::App& program, const Globals& globals, int& exit_code) {
  auto arguments = std::make_shared<SendArguments>();
  CLI::App* command = program.add_subcommand("send", "Send a message to an entity's inbox");
  command->fallthrough();
  command->footer(
      "Writes the message's id once it survives power loss. Sent again by the same device under "
      "the\n"
      "same --id it is stored once: for 10 minutes, unless very many others came; with --again,\n"
      "however long ago that was.\n\nExamples:\n"
      "  bimip --as alice send bob 'hello'\n"
      "  bimip --as billing send bob 'invoice 7' --category notification --id invoice-7\n"
      "  bimip --as billing send bob 'invoice 7' --category notification --id invoice-7 --again\n"
      "  bimip --as alice send bob 'tea is ready' --deliver-in 15m --expires-in 1h\n\n"
      "Exit codes: 0 stored, 1 refused, 2 could not run or no server");
  command->add_option("EID", arguments->to, "To whom")->required();
  command->add_option("MESSAGE", arguments->message, "The message")->required();
  command->add_option("--category", arguments->category, "chat, notification, control, or another")
      ->capture_default_str();
  command->add_option("--id", arguments->id, "The message's id; else a random one");
  command->add_option("--type", arguments->content_type, "Its content type: text/plain");
  command->add_option("--to-device", arguments->to_device, "Only this device is given it");
  add_time_flags(*command, arguments->times);
  command->add_flag("--no-copy", arguments->no_copy, "No copy for the sender's other devices");
  command
      ->add_flag("--again", arguments->again,
                 "It may have been sent before: see whether it is there")
      ->needs("--id");
  command->add_flag("--json", arguments->json, "Write a JSON object, for programs");
  command->callback(
      [arguments, &globals, &exit_code] { exit_code = run_send(globals, *arguments); });
}

void add_inbox_command(CLI::App& program, const Globals& globals, int& exit_code) {
  auto arguments = std::make_shared<InboxArguments>();
  CLI::App* command = program.add_subcommand(
      "inbox", "Read an inbox: NUMBER, a tab, who sent it, a tab, the message");
  command->fallthrough();
  command->footer(
      "Begins behind what this device acknowledged. The category 'receipt' tells what became of "
      "what\n"
      "one sent, 'sent' holds copies of it.\n\nExamples:\n"
      "  bimip --as bob --device phone inbox --ack\n"
      "  bimip --as bob inbox notification --until-end --mark-read\n"
      "  bimip --as alice inbox receipt --from earliest --until-end --json\n\n"
      "Exit codes: 0 done, 1 refused or some messages are damaged, 2 could not run or no server,\n"
      "130 interrupted");
  command->add_option("CATEGORY", arguments->category, "Which inbox")->capture_default_str();
  command->add_option("--from", arguments->from, "earliest, latest, or the NUMBER to begin with")
      ->check([](const std::string& text) {
        return is_start(text) ? "" : "'" + text + "' is none of earliest, latest, NUMBER";
      });
  command->add_option("--count", arguments->count, "End after so many messages")
      ->check(not_below_0);
  command->add_flag("--until-end", arguments->until_end,
                    "End behind what was there at the beginning");
  command->add_flag(
      "--ack", arguments->acknowledge,
      "Acknowledge what was shown: this device does not get it again, nor what is in\n"
      "front of --from");
  command->add_flag(
      "--mark-read", arguments->mark_read,
      "Mark as read what was shown. With --from, only where nothing unread is in front\n"
      "of it: that would be marked, too");
  command->add_flag("--json", arguments->json, "A JSON object a line, for programs");
  command->callback(
      [arguments, &globals, &exit_code] { exit_code = run_inbox(globals, *arguments); });
}

}  // namespace bimip::tools
