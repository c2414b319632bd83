#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "bimip/v1/stanza.pb.h"
#include "tools/bimip/commands.h"
#include "tools/bimip/console.h"
#include "tools/client/connection.h"
#include "tools/log/text.h"

namespace bimip::tools {
namespace {

using engine::Result;
using Json = nlohmann::ordered_json;

struct Arguments {
  std::string message_id{};
  std::string to{};
  std::string from{};
  std::string from_device{};
  std::string category = "chat";
  bool json = false;
};

std::string time_text(std::int64_t micros) {
  return log_tools::time_text(engine::Timestamp(std::chrono::microseconds(micros)));
}

struct Delivery {
  v1::DeviceDelivery delivery;
  const char* word;
  const char* sentence;
};
constexpr std::array kDeliveries{
    Delivery{v1::DEVICE_DELIVERY_ACKNOWLEDGED, "acknowledged", "has acknowledged it"},
    Delivery{v1::DEVICE_DELIVERY_UNACKNOWLEDGED, "unacknowledged",
             "was given it and has not acknowledged it"},
    Delivery{v1::DEVICE_DELIVERY_NO_CREDIT, "no_credit",
             "is to acknowledge what it has before it is given more"},
    Delivery{v1::DEVICE_DELIVERY_ON_ITS_WAY, "on_its_way", "is about to be given it"},
    Delivery{v1::DEVICE_DELIVERY_NOT_OPEN, "not_open", "is connected and has not opened the inbox"},
    Delivery{v1::DEVICE_DELIVERY_AWAY, "away", "is not connected"},
    Delivery{v1::DEVICE_DELIVERY_NOT_FOR_IT, "not_for_it", "is not the one it was sent to"},
    Delivery{v1::DEVICE_DELIVERY_NOT_NOW, "not_now", "is not given it: see above"},
    Delivery{v1::DEVICE_DELIVERY_LEFT_OUT, "left_out", "was told to begin behind it"},
    Delivery{v1::DEVICE_DELIVERY_NOT_YET, "not_yet", "has not acknowledged it"},
};

const Delivery& words_of(v1::DeviceDelivery delivery) {
  static constexpr Delivery kUnknown{v1::DEVICE_DELIVERY_UNSPECIFIED, "unknown",
                                     "is in a state this program does not know"};
  for (const Delivery& known : kDeliveries) {
    if (known.delivery == delivery) return known;
  }
  return kUnknown;
}

const char* fate_word(v1::MessageFate fate) {
  switch (fate) {
    case v1::MESSAGE_FATE_HELD:
      return "held";
    case v1::MESSAGE_FATE_IN_INBOX:
      return "in_inbox";
    case v1::MESSAGE_FATE_EXPIRED:
      return "expired";
    default:
      return "unknown";
  }
}

bool is_offer(const v1::MessageExplanation& told) {
  return told.kind() == v1::INBOX_MESSAGE_KIND_MISSED_OFFER;
}

Json json_of(const v1::MessageExplanation& told) {
  Json json{{"kind", is_offer(told) ? "missed_offer" : "message"},
            {"message_id", told.message_id()},
            {"from", told.from()},
            {"from_device", told.from_device()},
            {"to", told.to()},
            {"category", told.category()},
            {"fate", fate_word(told.fate())},
            {"partition", told.partition()},
            {"offset", told.offset()},
            {"stored_at", time_text(told.stored_at_us())},
            {"durable", told.is_durable()}};
  if (told.increment() > 0) json["increment"] = told.increment();
  if (told.has_held_at_offset()) json["held_at"] = told.held_at_offset();
  if (told.deliver_at_us() != 0) json["deliver_at"] = time_text(told.deliver_at_us());
  if (told.expires_at_us() != 0) json["expires"] = time_text(told.expires_at_us());
  if (!told.to_device().empty()) json["to_device"] = told.to_device();
  json["read"] = told.is_read();
  json["devices"] = Json::array();
  for (const v1::DeviceProgress& device : told.devices()) {
    Json one{{"device", device.device()}};
    if (told.increment() > 0) one["cursor"] = device.cursor();
    one["delivery"] = words_of(device.delivery()).word;
    json["devices"].push_back(std::move(one));
  }
  return json;
}

std::string sentence_of(const v1::MessageExplanation& told) {
  switch (told.fate()) {
    case v1::MESSAGE_FATE_HELD:
      return "is held until " + time_text(told.deliver_at_us()) + "; nobody is given it before";
    case v1::MESSAGE_FATE_EXPIRED:
      return "has expired at " + time_text(told.expires_at_us()) + "; nobody is given it any more";
    default:
      return "is in the inbox" +
             (told.increment() == 0 ? "" : " as number " + std::to_string(told.increment()));
  }
}

std::string text_of(const v1::MessageExplanation& told) {
  std::string text =
      (is_offer(told) ? "missed   offer " : "message  ") + told.message_id() + " from " +
      told.from() + (told.from_device().empty() ? "" : " (" + told.from_device() + ")") + " to " +
      told.to() + " in " + told.category() + "\nstate    " + sentence_of(told) + "\nstored   " +
      time_text(told.stored_at_us()) + ", partition " + std::to_string(told.partition()) +
      ", offset " + std::to_string(told.offset()) +
      (told.is_durable() ? ", survives power loss" : ", not yet durable") + "\n";
  if (told.fate() != v1::MESSAGE_FATE_HELD && told.has_held_at_offset())
    text += "held     at offset " + std::to_string(told.held_at_offset()) + " until its time\n";
  if (told.fate() != v1::MESSAGE_FATE_EXPIRED && told.expires_at_us() != 0)
    text += "expires  " + time_text(told.expires_at_us()) + "\n";
  text += std::string("read     ") + (told.is_read() ? "yes" : "no") + "\n";
  if (told.devices_size() == 0) {
    return text + (told.increment() == 0 ? "\nno device is known to have it\n"
                                         : "\nno device has ever opened the inbox\n");
  }
  using Align = log_tools::TextTable::Align;
  log_tools::TextTable table({Align::kLeft, Align::kRight, Align::kLeft});
  table.add({"DEVICE", "CURSOR", "IT"});
  for (const v1::DeviceProgress& device : told.devices()) {
    table.add({device.device().empty() ? "-" : device.device(),
               told.increment() == 0 ? "-" : std::to_string(device.cursor()),
               words_of(device.delivery()).sentence});
  }
  return text + "\n" + table.text();
}

int run(const Globals& globals, const Arguments& arguments) {
  return with_server(globals, [&](client::Connection& connection) -> int {
    v1::Stanza request;
    v1::ExplainMessage& explain = *request.mutable_explain_message();
    explain.set_message_id(arguments.message_id);
    explain.set_to(arguments.to);
    explain.set_from(arguments.from);
    explain.set_from_device(arguments.from_device);
    explain.set_category(arguments.category);
    const Result<v1::Stanza> answer = connection.ask(std::move(request), kAnswerWithin);
    if (!answer) return complain(answer.error());
    Output output;
    const v1::MessageExplanation& told = answer->message_explanation();
    output.write(arguments.json ? json_of(told).dump() + "\n" : text_of(told));
    return kDone;
  });
}

}  // namespace

void add_explain_command(CLI::App& program, const Globals& globals, int& exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = program.add_subcommand(
      "explain", "Say where a message is, which devices have it, and why others do not");
  command->fallthrough();
  command->footer(
      "For the author of the message, its recipient, and operators. The author is told which\n"
      "devices have it, and nothing of the others. The newest 10,000 messages of the inbox are\n"
      "looked at; and for who sent it, the copies of what waits for its time. A missed offer is\n"
      "found by its id.\n\nExamples:\n"
      "  bimip --as alice explain invoice-7 --to bob --category notification\n"
      "  bimip --as bob explain invoice-7 --category notification\n"
      "  bimip --as operator explain invoice-7 --from alice --to bob --json\n\n"
      "Exit codes: 0 told, 1 refused or not found, 2 could not run or no server");
  command->add_option("MESSAGE-ID", arguments->message_id, "The id that 'bimip send' wrote")
      ->required();
  command->add_option("--to", arguments->to, "Whose inbox it went to; else one's own");
  command->add_option("--from", arguments->from, "Who sent it");
  command->add_option("--from-device", arguments->from_device,
                      "With which device; else the newest of that id");
  command->add_option("--category", arguments->category, "chat, notification, control, or another")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "A JSON object, for programs");
  command->callback([arguments, &globals, &exit_code] { exit_code = run(globals, *arguments); });
}

}  // namespace bimip::tools
