#include "tools/bimip/record_text.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "bimip/v1/stanza.pb.h"
#include "tools/log/text.h"

namespace bimip::tools {

using Json = nlohmann::ordered_json;

void put_bytes(Json& into, const std::string& name, const std::string& bytes) {
  const engine::Bytes view = engine::as_bytes(bytes);
  if (log_tools::is_utf8(view)) {
    into[name] = bytes;
  } else {
    into[name + "_base64"] = log_tools::base64(view);
  }
}

std::string json_line(const std::string& topic, std::uint32_t partition,
                      const v1::DeliveredRecord& record) {
  const engine::Timestamp time{std::chrono::microseconds(record.timestamp_us())};
  Json line = {{"topic", topic},
               {"partition", partition},
               {"offset", record.offset()},
               {"time", log_tools::time_text(time)}};
  if (!record.key().empty()) put_bytes(line, "key", record.key());
  if (record.headers_size() > 0) {
    Json headers = Json::array();
    for (const v1::Header& header : record.headers()) {
      Json entry = {{"name", header.name()}};
      put_bytes(entry, "value", header.value());
      headers.push_back(std::move(entry));
    }
    line["headers"] = std::move(headers);
  }
  if (record.increment() > 0) line["increment"] = record.increment();
  if (record.expires_at_us() != 0) {
    const engine::Timestamp expires{std::chrono::microseconds(record.expires_at_us())};
    line["expires"] = log_tools::time_text(expires);
  }
  if (record.has_held_at_offset()) line["held_at"] = record.held_at_offset();
  if (record.deliveries_before() > 0) line["deliveries_before"] = record.deliveries_before();
  if (record.tombstone()) {
    line["tombstone"] = true;
  } else {
    put_bytes(line, "value", record.value());
  }
  return line.dump() + "\n";
}

}  // namespace bimip::tools
