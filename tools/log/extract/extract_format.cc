#include "tools/log/extract/extract_format.h"

#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "tools/log/report_text.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

constexpr std::string_view kSchema = "bimip.extract/1";

// Reads members; remembers whether one was not as it should be.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {}

  [[nodiscard]] bool has(const char* name) const { return json_.contains(name); }
  std::string text(const char* name) {
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_string()) return found->get<std::string>();
    ok_ = false;
    return {};
  }
  // Under the name, or base64 under NAME_base64; empty when there is neither.
  std::string bytes(const std::string& name) {
    if (has(name.c_str())) return text(name.c_str());
    const std::string encoded_name = name + "_base64";
    if (!has(encoded_name.c_str())) return {};
    const std::optional<std::string> decoded = decode_base64(text(encoded_name.c_str()));
    ok_ = ok_ && decoded.has_value();
    return decoded.value_or("");
  }
  std::uint64_t number(const char* name) {
    const auto found = json_.find(name);
    if (found != json_.end() && found->is_number_unsigned()) return found->get<std::uint64_t>();
    ok_ = false;
    return 0;
  }
  Timestamp time(const char* name) {
    const Result<Timestamp> time = parse_time(text(name));
    ok_ = ok_ && time.has_value();
    return time.value_or(Timestamp{});
  }
  std::optional<Timestamp> time_if_any(const char* name) {
    return has(name) ? std::optional(time(name)) : std::nullopt;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  void refuse() { ok_ = false; }

 private:
  const Json& json_;
  bool ok_ = true;
};

std::vector<std::byte> headers_of(const Json& json, Members& members) {
  std::vector<std::pair<std::string, std::string>> owned;
  if (!json.contains("headers")) return {};
  if (!json.at("headers").is_array()) members.refuse();
  for (const Json& one : json.at("headers")) {
    Members header(one);
    if (one.is_object()) owned.emplace_back(header.bytes("name"), header.bytes("value"));
    if (!one.is_object() || !header.ok()) members.refuse();
  }
  std::vector<Header> views;
  for (const auto& [name, value] : owned) views.push_back({.name = name, .value = as_bytes(value)});
  Result<std::vector<std::byte>> encoded = encode_headers(views);
  if (!encoded) members.refuse();
  return encoded ? std::move(*encoded) : std::vector<std::byte>{};
}

std::optional<ExtractedRecord> record_of(const Json& json) {
  Members members(json);
  ExtractedRecord record{
      .partition = PartitionId(static_cast<std::uint32_t>(members.number("partition"))),
      .offset = Offset(members.number("offset")),
      .kind = members.text("kind") == "tombstone" ? RecordKind::kTombstone : RecordKind::kValue,
      .key = members.bytes("key"),
      .value = members.bytes("value"),
      .idempotency_key = members.bytes("idempotency_key"),
      .headers = headers_of(json, members),
      .expires_at = members.time_if_any("expires"),
      .not_before = members.time_if_any("not_before"),
      .held_at =
          members.has("held_at") ? std::optional(Offset(members.number("held_at"))) : std::nullopt};
  if (!members.ok() || !validate(record.fields())) return std::nullopt;
  return record;
}

std::optional<ExtractHeader> header_of(const Json& json) {
  Members members(json);
  const std::optional<Hash128> id = parse_id(members.text("extract"));
  if (members.text("schema") != kSchema || !id) return std::nullopt;
  ExtractHeader header{.id = {.high = id->high, .low = id->low},
                       .topic = members.text("topic"),
                       .partitions = static_cast<std::uint32_t>(members.number("partitions")),
                       .path = members.text("path"),
                       .time = members.time("time")};
  return members.ok() ? std::optional(std::move(header)) : std::nullopt;
}

class Reading {
 public:
  Reading(const Path& path, const ExtractReading& reading) : path_(path), reading_(reading) {}

  Status run() {
    const Result<Path> found = find_given(path_);
    if (!found) return std::unexpected(found.error());
    if (std::filesystem::is_directory(*found))
      return fail(ErrorCode::kInvalidArgument, path_.string() + ": is a folder, not a file");
    std::ifstream in(path_, std::ios::binary);
    if (!in) return fail(ErrorCode::kIo, path_.string() + ": cannot be read");
    for (std::string line; std::getline(in, line);) {
      ++number_;
      if (is_closed_) return damaged("lines follow the one that closes it");
      if (Status done = take(line); !done) return done;
      lines_ = chained(lines_, line);
    }
    if (in.bad()) return fail(ErrorCode::kIo, path_.string() + ": cannot be read to its end");
    if (!is_closed_) return damaged("the file ends before the line that closes it");
    return {};
  }

 private:
  std::unexpected<Error> damaged(const std::string& what) const {
    return fail(ErrorCode::kDamaged,
                path_.string() + ", line " + std::to_string(number_) + ": " + what);
  }

  Status take(const std::string& line) {
    const Json json = Json::parse(line, nullptr, false);
    if (number_ == 1) {
      const std::optional<ExtractHeader> header = json.is_object() ? header_of(json) : std::nullopt;
      if (header) return reading_.on_header(*header);
      return fail(ErrorCode::kForeign,
                  path_.string() + ": is not a file that extract wrote: its first line is another");
    }
    if (!json.is_object()) return damaged("is no JSON object");
    if (json.contains("records")) return close(json);
    std::optional<ExtractedRecord> record = record_of(json);
    if (!record) return damaged("is no record");
    ++records_;
    return reading_.on_record(std::move(*record));
  }

  Status close(const Json& json) {
    Members members(json);
    const std::uint64_t records = members.number("records");
    const std::optional<Hash128> lines = parse_id(members.text("checksum"));
    if (!members.ok() || records != records_ || !lines || *lines != lines_)
      return damaged("the lines before are not those that were written");
    is_closed_ = true;
    return {};
  }

  const Path& path_;
  const ExtractReading& reading_;
  std::uint64_t number_ = 0;
  std::uint64_t records_ = 0;
  Hash128 lines_{};
  bool is_closed_ = false;
};

}  // namespace

Hash128 chained(const Hash128& before, std::string_view line) {
  return xxh3_128(as_bytes(line), before.low ^ std::rotl(before.high, 32));
}

RecordFields ExtractedRecord::fields() const {
  RecordFields fields;
  fields.kind = kind;
  fields.expires_at = expires_at;
  fields.not_before = not_before;
  fields.key = as_bytes(key);
  fields.idempotency_key = as_bytes(idempotency_key);
  fields.headers = headers;
  fields.value = as_bytes(value);
  return fields;
}

std::string encode_extract_header(const ExtractHeader& header) {
  return line({{"schema", kSchema},
               {"extract", id_text(header.id.high, header.id.low)},
               {"topic", header.topic},
               {"partitions", header.partitions},
               {"path", header.path},
               {"time", time_text(header.time)}});
}

std::string encode_extract_end(std::uint64_t records, const Hash128& lines) {
  return line({{"records", records}, {"checksum", id_text(lines.high, lines.low)}});
}

Status read_extract(const Path& path, const ExtractReading& reading) {
  return Reading(path, reading).run();
}

}  // namespace bimip::log_tools
