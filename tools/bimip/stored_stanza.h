// What the server keeps in its own topics, made readable.
#pragma once

#include "tools/log/dump.h"

namespace bimip::tools {

// The stanza that is the record's value, by its topic's name; nothing when it is none, or does not
// decode.
[[nodiscard]] std::optional<log_tools::StoredStanza> stored_stanza(
    const log_tools::PartitionPlace& partition, const engine::Record& record);

}  // namespace bimip::tools
