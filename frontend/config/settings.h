// Every setting of the server, in one table: what the file, the environment, the flags, the printed
// configuration and the guide (docs/guides/configuration.md) are made from.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/base/limits.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

// Their defaults are their initial values.
struct Settings {
  std::string data_dir{};
  std::string tcp = "127.0.0.1:" + std::to_string(limits::kTcpPort);
  std::string http{};  // empty: none
  std::string http_origins{};
  std::string grpc{};  // empty: none
  bool dev = false;
  std::uint64_t shards = 0;
  std::uint64_t spare_space = 2 * engine::limits::kSegmentBytesDefault;
  std::uint64_t scrub_rate = engine::limits::kScrubBytesPerSecondMax;
  std::string record{};  // empty: nothing is
  std::uint64_t record_bytes = limits::kRecordBytes;
  std::uint64_t free_space_floor = engine::limits::kFreeSpaceFloorDefault;
  std::string tokens_keys{};
  std::string tokens_issuer = "bimip";
  std::string tokens_audience = "bimip";
  std::chrono::milliseconds tokens_clock_skew = std::chrono::seconds(60);
  std::chrono::milliseconds tokens_life_max = std::chrono::hours(30 * 24);
  std::uint64_t tokens_revocations_max = 100'000;
  std::string tls_certificate{};
  std::string tls_key{};
  std::chrono::milliseconds reload_every = std::chrono::seconds(5);
  std::string inbox_categories{};
  std::uint64_t inbox_messages_max = 0;
  std::chrono::milliseconds inbox_keep{};
  std::chrono::milliseconds awareness_lease = limits::kAwarenessLease;
  std::chrono::milliseconds awareness_grace = limits::kAwarenessGrace;
  std::chrono::milliseconds awareness_recover_within = limits::kAwarenessRecoverWithin;
  std::chrono::milliseconds awareness_coalesce = limits::kAwarenessCoalesce;
  std::chrono::milliseconds awareness_history = limits::kAwarenessHistory;
  std::uint64_t awareness_counts_above = limits::kAwarenessCountsAbove;
  std::uint64_t awareness_entities_max = limits::kAwarenessEntitiesMax;
  std::uint64_t awareness_relations_max = limits::kAwarenessRelationsMax;
  bool metrics_open = false;
  bool awareness_accept_damaged_rules = false;
  std::string log_format = "text";
  std::string log_level = "info";
  SessionLimits limits{};
};

enum class SettingKind : std::uint8_t { kText, kEndpoint, kWord, kFlag, kCount, kBytes, kDuration };

struct Setting {
  using Place =
      std::variant<std::string& (*)(Settings&), bool& (*)(Settings&), std::uint64_t& (*)(Settings&),
                   std::chrono::milliseconds& (*)(Settings&)>;
  // "log.format": a key of the file, in a table. BIMIP_LOG_FORMAT and --log-format are the same.
  std::string_view name;
  SettingKind kind;
  Place place;
  std::string_view meaning;
  // Of counts and bytes; of durations in milliseconds.
  std::uint64_t least = 0;
  std::uint64_t most = UINT64_MAX / 2;
  std::span<const std::string_view> words{};  // of kWord
};

// Those without a table first, then table by table.
[[nodiscard]] std::span<const Setting> all_settings();
[[nodiscard]] const Setting* find_setting(std::string_view name);
[[nodiscard]] std::string environment_name(const Setting& setting);
[[nodiscard]] std::string flag_name(const Setting& setting);

// Words of a list: separated by commas, spaces around them ignored.
[[nodiscard]] std::vector<std::string> words_of(std::string_view list);

// Settings that cannot go together, or are missing: a sentence each.
[[nodiscard]] std::vector<std::string> contradictions(const Settings& settings);

}  // namespace bimip::frontend
