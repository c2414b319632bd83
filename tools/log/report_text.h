// Findings and records as text and as JSON. The schema: docs/guides/offline.md.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tools/log/commands.h"
#include "tools/log/layout.h"
#include "tools/log/stat.h"
#include "tools/log/verify.h"

namespace bimip::log_tools {

using Json = nlohmann::ordered_json;

[[nodiscard]] std::string finding_text(const Finding& finding);
[[nodiscard]] Json finding_json(const Finding& finding);

// With the stanza, if it is one, in place of its bytes.
[[nodiscard]] std::string record_text(const PartitionPlace& partition, const Record& record,
                                      const std::optional<StoredStanza>& stanza = {});
// With the stanza beside its bytes.
[[nodiscard]] Json record_json(const PartitionPlace& partition, const Record& record,
                               const std::optional<StoredStanza>& stanza = {});

[[nodiscard]] std::string piece_text(const Piece& piece);
[[nodiscard]] Json piece_json(const SegmentPlace& segment, const Piece& piece);

[[nodiscard]] std::string stat_text(const StatReport& report, Detail detail);
[[nodiscard]] Json stat_json(const StatReport& report);

// Bytes under `name` when they are text, else under name_base64.
void put_bytes(Json& json, const std::string& name, Bytes bytes);
[[nodiscard]] Json range_json(const OffsetRange& range);
// One line, ended.
[[nodiscard]] std::string line(const Json& json);

}  // namespace bimip::log_tools
