// The only place that names the files of a store. Normative page: docs/design/format-segment.md.
//
// In the data directory:
//   LOCK                                held by the process that has the store open
//   catalog                             table: store identity and topics
//   scrub                               table: which segments were read again when, what was found
//   spare/N.spare                       zeros: a segment file that nobody uses yet
//   topics/NAME/PARTITION/              a partition's folder
// In a partition's folder:
//   manifest                            table: the partition's segments
//   EPOCH.segment                       header, commit blocks, once sealed a footer
//   EPOCH.index                         table: offsets and times of a sealed segment
//   EPOCH.producers                     table: retried-publish state at a sealed segment's end
//   EPOCH.checkpoint                    table: a prefix of the active segment, for a quick open
//   EPOCH.entities                      table: the entities of a sealed segment
//   EPOCH.entity-runs                   tables: the entities of stretches of the active segment
//   entities                            the newest record of every entity, segments that are gone
//                                       among them
//   losses                              table: offsets that a salvage could not bring back
//   EPOCH.torn-POSITION-N               bytes that recovery cut off
//   EPOCH.quarantine-POSITION           damaged bytes of a segment that was rewritten
// A name with the suffix ".new" is one being written; it means nothing and may be removed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/types.h"

namespace bimip::engine::file_names {

inline constexpr std::string_view kLock = "LOCK";
inline constexpr std::string_view kCatalog = "catalog";
inline constexpr std::string_view kTopics = "topics";
inline constexpr std::string_view kManifest = "manifest";
inline constexpr std::string_view kEntityBase = "entities";
inline constexpr std::string_view kLosses = "losses";
inline constexpr std::string_view kNewSuffix = ".new";

inline constexpr std::string_view kSpares = "spare";
inline constexpr std::string_view kScrub = "scrub";

std::string partition(PartitionId partition);  // "0", "1", ...
std::string segment(Epoch epoch);              // "0000000001.segment": ten digits, more when needed
std::string index(Epoch epoch);
std::string producers(Epoch epoch);
std::string checkpoint(Epoch epoch);
std::string entities(Epoch epoch);
std::string entity_runs(Epoch epoch);
std::string torn(Epoch epoch, FilePosition position, std::uint64_t n);
std::string quarantine(Epoch epoch, FilePosition position);

std::string spare(std::uint64_t number);
// The number of a spare's name; nothing for other names.
std::optional<std::uint64_t> parse_spare(std::string_view name);

enum class FileKind : std::uint8_t {
  kSegment,
  kIndex,
  kProducers,
  kCheckpoint,
  kEntities,
  kEntityRuns,
  kTorn,
  kQuarantine
};
struct PartitionFile {
  FileKind kind;
  Epoch epoch;
};
// What a name in a partition's folder stands for; nothing for the manifest, the
// entities of all segments, ".new" and foreign names.
std::optional<PartitionFile> parse(std::string_view name);

}  // namespace bimip::engine::file_names
