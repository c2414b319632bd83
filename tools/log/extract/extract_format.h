// A file of records that can be published again: a line about it, a line a record, a line that
// closes it. Page: docs/design/offline-tools.md.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/format/record.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

struct ExtractHeader {
  Id128 id{};  // random: whoever imports the file twice stores its records once
  std::string topic{};
  std::uint32_t partitions = 0;  // of the topic; 0: not known
  std::string path{};            // what it was taken from
  Timestamp time{};              // when
};

// A line's hash, and with it that of all lines before.
[[nodiscard]] Hash128 chained(const Hash128& before, std::string_view line);

[[nodiscard]] std::string encode_extract_header(const ExtractHeader& header);
[[nodiscard]] std::string encode_extract_end(std::uint64_t records, const Hash128& lines);

// A record as it was read; owns its bytes.
struct ExtractedRecord {
  PartitionId partition{};
  Offset offset{};
  RecordKind kind = RecordKind::kValue;
  std::string key{};
  std::string value{};
  std::string idempotency_key{};
  std::vector<std::byte> headers{};
  std::optional<Timestamp> expires_at{};
  std::optional<Timestamp> not_before{};
  std::optional<Offset> held_at{};  // of one whose time had come: where it had been held

  [[nodiscard]] RecordFields fields() const;  // views it
};

struct ExtractReading {
  std::function<Status(const ExtractHeader&)> on_header;
  std::function<Status(ExtractedRecord)> on_record;  // in the order of the file
};
// To the end, or to the first error of a callback. kDamaged: a line is none of such a file, or the
// file does not end as it was closed; records before were given away then. kNotFound, kIo.
[[nodiscard]] Status read_extract(const Path& path, const ExtractReading& reading);

}  // namespace bimip::log_tools
