// The only place that names the files of a store.
//
//   DIR/LOCK
//   DIR/catalog                                  table: store identity and topics
//   DIR/topics/NAME/PARTITION/manifest           table: the partition's segments
//   DIR/topics/NAME/PARTITION/EPOCH.segment      commit blocks
//   DIR/topics/NAME/PARTITION/EPOCH.index        table: offsets and times of a sealed segment
//   DIR/topics/NAME/PARTITION/EPOCH.producers    table: retried-publish state at a sealed segment's
//   end DIR/topics/NAME/PARTITION/EPOCH.checkpoint   table: a prefix of the active segment, so that
//   opening is cheap DIR/topics/NAME/PARTITION/EPOCH.torn-POSITION-N   bytes that recovery cut off
//   DIR/spare/N.spare                            zeros: a segment file that nobody uses yet
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
inline constexpr std::string_view kNewSuffix = ".new";

inline constexpr std::string_view kSpares = "spare";

std::string partition(PartitionId partition);  // "0", "1", ...
std::string segment(Epoch epoch);              // "0000000001.segment": ten digits, more when needed
std::string index(Epoch epoch);
std::string producers(Epoch epoch);
std::string checkpoint(Epoch epoch);
std::string torn(Epoch epoch, FilePosition position, std::uint64_t n);

std::string spare(std::uint64_t number);
// The number of a spare's name; nothing for other names.
std::optional<std::uint64_t> parse_spare(std::string_view name);

enum class FileKind : std::uint8_t { kSegment, kIndex, kProducers, kCheckpoint, kTorn };
struct PartitionFile {
  FileKind kind;
  Epoch epoch;
};
// What a name in a partition's folder stands for; nothing for the manifest, ".new" and foreign
// names.
std::optional<PartitionFile> parse(std::string_view name);

}  // namespace bimip::engine::file_names
