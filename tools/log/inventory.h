// What a path given to an offline tool stands for: the partitions and segments to look at, and what
// their tables say.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/format/catalog.h"
#include "engine/format/file_names.h"
#include "engine/format/manifest.h"
#include "tools/log/finding.h"
#include "tools/log/store_hold.h"

namespace bimip::log_tools {

enum class Scope : std::uint8_t { kStore, kTopic, kPartition, kSegment };
std::string_view name_of(Scope scope);

struct SegmentPlace {
  Path path{};
  Epoch epoch{};
  bool exists = false;
  std::uint64_t bytes = 0;
  std::uint64_t disk_bytes = 0;
  std::optional<ManifestSegment> listed{};    // its entry in the manifest
  std::optional<ManifestSegment> previous{};  // the entry before it
  // Of a live store: open since its manifest was read, so that it stays when the server removes it;
  // of a growing one the front that is a prefix of the log.
  std::shared_ptr<const ReadOnlyFile> pinned{};
};
// What to read of it: what is pinned, or the file of its path.
[[nodiscard]] Result<std::shared_ptr<const ReadOnlyFile>> open_segment(const SegmentPlace& segment,
                                                                       ReadVia via);

struct PartitionPlace {
  Path folder{};
  std::string topic{};  // the folder's name
  std::optional<CatalogTopic> config{};
  SegmentIdentity identity{};  // its epoch is zero
  bool has_identity = false;   // known from the catalog, the manifest or a segment
  std::optional<Manifest> manifest{};
  std::vector<std::string> names{};      // of all files in the folder
  std::vector<SegmentPlace> segments{};  // in scope: listed ones in order, then others by epoch
  std::uint64_t other_disk_bytes = 0;    // of tables and side files
  Holding holding = Holding::kHeld;
  // Of a live store: tables that the server replaces on its way (producers, checkpoint), by name,
  // read with the manifest and before the log's end was looked for: what they say is in the log.
  std::map<std::string, Result<std::vector<std::byte>>> tables{};
};
// Of the folder, as it is now; of a live store the one that was read with the manifest. As
// read_whole.
[[nodiscard]] Result<std::vector<std::byte>> read_table(const PartitionPlace& place,
                                                        const std::string& name);
// Whether the segment is still in the manifest. What goes with a segment goes after that.
[[nodiscard]] bool is_listed_now(const PartitionPlace& place, Epoch segment);

struct Inventory {
  Path root{};  // the path that was asked for, absolute
  Scope scope = Scope::kStore;
  std::optional<Path> data_directory{};
  std::optional<Catalog> catalog{};
  std::vector<PartitionPlace> partitions{};
  std::uint64_t spare_disk_bytes = 0;  // of a store: segments' space that nobody uses yet
  std::vector<Finding> findings{};     // about catalog, folders, manifests and stray files
  Holding holding = Holding::kHeld;
  StoreHold hold{};
};

// Takes the store's lock (shared) when the path lies in a data directory. Reads tables, not
// segments. Damage is in the findings; errors are those that leave nothing to look at: kNotFound,
// kForeign (no store, no part of one), kLocked, kIo.
// kLive: no lock; of each partition a prefix of its log that holds everything that was acknowledged
// before. Growing segments are read for that, and a file of each segment stays open.
[[nodiscard]] Result<Inventory> take_inventory(const Path& path, Holding holding = Holding::kHeld);

}  // namespace bimip::log_tools
