#include "tools/log/inventory.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/format/table.h"
#include "tools/log/partition_inventory.h"
#include "tools/log/segment_probe.h"

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;

// How often a live store is begun anew because its topics change.
constexpr int kTriesMax = 20;

bool is_folder(const Path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}
bool is_there(const Path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool looks_like_store(const Path& folder) {
  return is_there(folder / file_names::kCatalog) || is_there(folder / file_names::kLock) ||
         is_folder(folder / file_names::kTopics);
}

bool looks_like_partition(const Path& folder) {
  if (is_there(folder / file_names::kManifest)) return true;
  Result<std::vector<std::string>> names = list_folder(folder);
  return names && std::ranges::any_of(*names, [](const std::string& name) {
           return file_names::parse(name).has_value();
         });
}

std::optional<std::uint32_t> partition_number(const std::string& name) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  if (file_names::partition(PartitionId(number)) != name) return std::nullopt;
  return number;
}

bool looks_like_topic(const Path& folder) {
  Result<std::vector<std::string>> names = list_folder(folder);
  return names && std::ranges::any_of(*names, [&](const std::string& name) {
           return partition_number(name) && looks_like_partition(folder / name);
         });
}

// Whether a topic's folder has a segment with a block in it.
bool holds_records(const Path& topic) {
  const Result<std::vector<std::string>> partitions = list_folder(topic);
  if (!partitions) return false;
  for (const std::string& partition : *partitions) {
    const Result<std::vector<std::string>> names = list_folder(topic / partition);
    if (!names) continue;
    for (const std::string& name : *names) {
      const auto file = file_names::parse(name);
      if (!file || file->kind != file_names::FileKind::kSegment) continue;
      const Result<Probe> probe = probe_segment(topic / partition / name);
      if (probe && probe->has_block) return true;
    }
  }
  return false;
}

// Segments of a live store stay open, each of them.
void allow_many_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

// Builds the inventory step by step.
class Taker {
 public:
  explicit Taker(Holding holding) { inventory_.holding = holding; }

  Result<Inventory> run(const Path& path) {
    Result<Path> root = find_given(path);
    if (!root) return std::unexpected(std::move(root.error()));
    inventory_.root = std::move(*root);
    if (Status done = resolve(); !done) return std::unexpected(std::move(done.error()));
    if (inventory_.data_directory) {
      if (!is_live()) {
        Result<StoreHold> hold = StoreHold::take(*inventory_.data_directory);
        if (!hold) return std::unexpected(std::move(hold.error()));
        inventory_.hold = std::move(*hold);
      }
      if (Status done = read_catalog(); !done) return std::unexpected(std::move(done.error()));
    }
    if (Status done = take(); !done) return std::unexpected(std::move(done.error()));
    return std::move(inventory_);
  }

  // Whether the server made or removed a topic meanwhile.
  [[nodiscard]] bool is_outdated() const {
    if (!is_live() || !inventory_.data_directory) return false;
    const auto bytes =
        read_whole(*inventory_.data_directory / file_names::kCatalog, kTableBytesMax);
    return bytes && *bytes != catalog_bytes_;
  }

 private:
  [[nodiscard]] bool is_live() const { return inventory_.holding == Holding::kLive; }

  // Finds out what the path is and where its store is.
  Status resolve() {
    const Path& root = inventory_.root;
    if (!is_folder(root)) {
      inventory_.scope = Scope::kSegment;
      find_store_above(root.parent_path());
    } else if (looks_like_store(root)) {
      inventory_.scope = Scope::kStore;
      inventory_.data_directory = root;
    } else if (looks_like_partition(root)) {
      inventory_.scope = Scope::kPartition;
      find_store_above(root);
    } else if (looks_like_topic(root) || is_topic_of_store(root)) {
      inventory_.scope = Scope::kTopic;
      find_store_of_topic(root);
    } else {
      return fail(ErrorCode::kForeign,
                  root.string() +
                      ": is not a Bimip data directory, nor a topic, partition or segment of one");
    }
    return {};
  }

  bool is_topic_of_store(const Path& folder) {
    return folder.parent_path().filename() == file_names::kTopics &&
           looks_like_store(folder.parent_path().parent_path());
  }
  void find_store_of_topic(const Path& folder) {
    if (is_topic_of_store(folder)) inventory_.data_directory = folder.parent_path().parent_path();
  }
  void find_store_above(const Path& partition) { find_store_of_topic(partition.parent_path()); }

  Status read_catalog() {
    const Path path = *inventory_.data_directory / file_names::kCatalog;
    Result<std::vector<std::byte>> bytes = read_whole(path, kTableBytesMax);
    if (!bytes && bytes.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(bytes.error()));
    Result<Catalog> catalog =
        bytes ? decode_catalog(*bytes) : Result<Catalog>(std::unexpected(bytes.error()));
    if (catalog) {
      inventory_.catalog = std::move(*catalog);
      catalog_bytes_ = std::move(*bytes);
    } else if (bytes || is_used()) {
      report({.file = path,
              .what = bytes ? catalog.error().message : "the catalog is missing",
              .next = "put the catalog back from a backup; until then the server does not start. "
                      "Identities are taken from the partitions"});
    }
    return {};
  }
  // A folder with a lock and no topics is a store whose making was cut short: nothing is missing.
  bool is_used() {
    Result<std::vector<std::string>> names =
        list_folder(*inventory_.data_directory / file_names::kTopics);
    return names && !names->empty();
  }

  Status take() {
    const Path& root = inventory_.root;
    switch (inventory_.scope) {
      case Scope::kStore:
        return take_store();
      case Scope::kTopic:
        return take_topic(root);
      case Scope::kPartition:
        return take_partition(root);
      case Scope::kSegment:
        return take_segment();
    }
    return {};
  }

  Status take_store() {
    measure_spares();
    const Path topics = inventory_.root / file_names::kTopics;
    Result<std::vector<std::string>> names = list_folder(topics);
    if (!names && names.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(names.error()));
    std::set<std::string> there;
    if (names) there = {names->begin(), names->end()};
    if (inventory_.catalog) {
      for (const CatalogTopic& topic : inventory_.catalog->topics) {
        if (there.erase(topic.name) > 0) {
          if (Status done = take_topic(topics / topic.name); !done) return done;
        } else {
          report({.file = topics / topic.name,
                  .topic = topic.name,
                  .what = "the catalog names this topic, its folder is missing",
                  .next = "put the folder back from a backup"});
        }
      }
    }
    // A folder that the catalog does not know is one that a server is about to make or to remove.
    if (is_live() && inventory_.catalog) return {};
    for (const std::string& name : there) {
      if (inventory_.catalog && holds_records(topics / name)) {
        report({.file = topics / name,
                .topic = name,
                .what = "holds records, and the catalog does not know it",
                .next = "the catalog may be an older one put back from a backup: put the newest "
                        "back, or bring the topic into a new store with salvage"});
        if (Status done = take_topic(topics / name); !done) return done;
      } else if (inventory_.catalog) {
        report({.verdict = Verdict::kNote,
                .file = topics / name,
                .what = "no topic of the catalog",
                .next = "left over from a topic whose creation was cut short; look at it with this "
                        "tool, then remove it"});
      } else if (looks_like_topic(topics / name)) {
        if (Status done = take_topic(topics / name); !done) return done;
      }
    }
    return {};
  }

  void measure_spares() {
    const Path folder = inventory_.root / file_names::kSpares;
    const Result<std::vector<std::string>> names = list_folder(folder);
    if (!names) return;  // a store may have none
    for (const std::string& name : *names) {
      if (const auto file = ReadOnlyFile::open(folder / name, ReadVia::kPageCache))
        inventory_.spare_disk_bytes += (*file)->disk_bytes();
    }
  }

  Status take_topic(const Path& folder) {
    const CatalogTopic* config = find_config(folder.filename().string());
    Result<std::vector<std::string>> names = list_folder(folder);
    if (!names) return std::unexpected(std::move(names.error()));
    std::set<std::uint32_t> numbers;
    for (const std::string& name : *names) {
      const std::optional<std::uint32_t> number = partition_number(name);
      if (number && is_folder(folder / name) &&
          (config == nullptr || *number < config->config.partitions)) {
        numbers.insert(*number);
      } else {
        report({.verdict = Verdict::kNote,
                .file = folder / name,
                .topic = folder.filename(),
                .what = "not a partition of this topic",
                .next = "nothing reads it"});
      }
    }
    const std::uint32_t expected = config != nullptr ? config->config.partitions : 0;
    for (std::uint32_t number = 0; number < expected; ++number) {
      if (numbers.contains(number)) continue;
      report({.file = folder / file_names::partition(PartitionId(number)),
              .topic = folder.filename(),
              .partition = PartitionId(number),
              .what = "the partition's folder is missing",
              .next = "put it back from a backup"});
    }
    for (const std::uint32_t number : numbers) {
      if (Status done = take_partition(folder / std::to_string(number)); !done) return done;
    }
    return {};
  }

  Status take_partition(const Path& folder) {
    Result<PartitionPlace> place = take_partition_inventory(request(folder), inventory_.findings);
    if (!place) return std::unexpected(std::move(place.error()));
    inventory_.partitions.push_back(std::move(*place));
    return {};
  }

  Status take_segment() {
    const Path& path = inventory_.root;
    const std::string name = path.filename();
    const auto file = file_names::parse(name);
    const bool is_table = name == file_names::kManifest || name == file_names::kCatalog ||
                          name == file_names::kEntityBase || name == file_names::kScrub ||
                          (file && file->kind != file_names::FileKind::kSegment);
    Result<Probe> probe = probe_segment(path);
    if (!probe) return std::unexpected(std::move(probe.error()));
    PartitionRequest of_folder = request(path.parent_path());
    std::vector<Finding> findings;
    Result<PartitionPlace> place = take_partition_inventory(of_folder, findings);
    if (!place) return std::unexpected(std::move(place.error()));
    const auto listed = std::ranges::find(place->segments, path, &SegmentPlace::path);
    const bool is_listed = listed != place->segments.end() && listed->listed;
    if (!is_listed && !probe->identity) {
      return fail(ErrorCode::kForeign,
                  path.string() + (is_table ? ": is not a segment; give its partition's folder"
                                            : ": is not a segment: it holds no header and no "
                                              "commit block of one"));
    }
    SegmentPlace segment;
    if (listed != place->segments.end()) {
      segment = *listed;
    } else {
      // A name that is no segment's, or no folder of its own: what it says of itself is believed.
      Result<std::unique_ptr<ReadOnlyFile>> opened = ReadOnlyFile::open(path, ReadVia::kPageCache);
      if (!opened) return std::unexpected(std::move(opened.error()));
      segment = {.path = path,
                 .epoch = probe->identity->epoch,
                 .exists = true,
                 .bytes = (*opened)->bytes(),
                 .disk_bytes = (*opened)->disk_bytes()};
    }
    if (!place->has_identity && probe->identity) {
      place->identity = *probe->identity;
      place->identity.epoch = Epoch(0);
      place->has_identity = true;
    }
    place->segments = {std::move(segment)};
    place->other_disk_bytes = 0;
    inventory_.partitions.push_back(std::move(*place));
    return {};
  }

  PartitionRequest request(const Path& folder) const {
    PartitionRequest request{.folder = folder, .holding = inventory_.holding};
    if (const auto number = partition_number(folder.filename().string()))
      request.number = PartitionId(*number);
    if (inventory_.catalog) {
      request.store = inventory_.catalog->store;
      request.config = find_config(folder.parent_path().filename().string());
    }
    return request;
  }

  const CatalogTopic* find_config(const std::string& name) const {
    if (!inventory_.catalog) return nullptr;
    const auto found = std::ranges::find(inventory_.catalog->topics, name, &CatalogTopic::name);
    return found != inventory_.catalog->topics.end() ? &*found : nullptr;
  }

  void report(Finding finding) { inventory_.findings.push_back(std::move(finding)); }

  Inventory inventory_;
  std::vector<std::byte> catalog_bytes_;
};

}  // namespace

std::string_view name_of(Scope scope) {
  switch (scope) {
    case Scope::kStore:
      return "store";
    case Scope::kTopic:
      return "topic";
    case Scope::kPartition:
      return "partition";
    case Scope::kSegment:
      return "segment";
  }
  return "";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kDamage:
      return "damage";
    case Verdict::kTorn:
      return "torn";
    case Verdict::kNote:
      return "note";
  }
  return "";
}

Result<std::shared_ptr<const ReadOnlyFile>> open_segment(const SegmentPlace& segment, ReadVia via) {
  if (segment.pinned) return segment.pinned;
  return ReadOnlyFile::open(segment.path, via);
}

Result<Inventory> take_inventory(const Path& path, Holding holding) {
  if (holding == Holding::kLive) allow_many_files();
  for (int tries = 1;; ++tries) {
    Taker taker(holding);
    Result<Inventory> inventory = taker.run(path);
    if (tries == kTriesMax || !taker.is_outdated()) return inventory;
  }
}

}  // namespace bimip::log_tools
