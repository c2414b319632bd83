#include "tools/log/salvage/store_plan.h"

#include <algorithm>
#include <charconv>

#include "engine/format/file_names.h"

namespace bimip::log_tools {
namespace {

using file_names::FileKind;

struct PartitionKey {
  TopicId topic{};
  PartitionId partition{};
  friend auto operator<=>(const PartitionKey&, const PartitionKey&) = default;
};

PartitionKey key_of(const SegmentIdentity& identity) {
  return {.topic = identity.topic, .partition = identity.partition};
}

// What a file's path says it is.
struct Place {
  std::string topic{};
  std::string partition{};
  std::optional<file_names::PartitionFile> file{};
  bool is_unfinished = false;
};
Place place_of(const Path& path) {
  const std::string name = path.filename();
  return {.topic = path.parent_path().parent_path().filename(),
          .partition = path.parent_path().filename(),
          .file = file_names::parse(name),
          .is_unfinished = name.ends_with(file_names::kNewSuffix)};
}

// A number for each of something; the one with the most.
template <typename Key>
std::optional<Key> most_of(const std::map<Key, std::uint64_t>& counts) {
  const auto most = std::ranges::max_element(counts, {}, [](const auto& e) { return e.second; });
  if (most == counts.end()) return std::nullopt;
  return most->first;
}

bool is_in(const std::vector<TopicId>& ids, TopicId id) {
  return std::ranges::find(ids, id) != ids.end();
}

class StorePlanner {
 public:
  explicit StorePlanner(const StoreEvidence& given) : given_(given) {}

  Result<StorePlan> run() {
    if (!choose_store()) {
      return fail(ErrorCode::kNotFound, given_.root.string() +
                                            ": nothing of a Bimip store is there: no table and no "
                                            "commit block that checks");
    }
    choose_catalog();
    gather();
    add_unknown_topics();
    for (const CatalogTopic& topic : plan_.catalog.topics) plan_topic(topic);
    return std::move(plan_);
  }

 private:
  const std::vector<FileEvidence>& files() const { return given_.evidence.files; }

  bool choose_store() {
    if (given_.catalog_above) {
      plan_.catalog.store = given_.catalog_above->store;
      return true;
    }
    std::map<StoreId, std::uint64_t> counts;
    for (const FileEvidence& file : files()) {
      if (file.catalog && file.path == given_.root / file_names::kCatalog) {
        plan_.catalog.store = file.catalog->store;
        return true;
      }
      for (const BlockEvidence& block : file.blocks)
        counts[block.header.identity.store] += block.header.block_bytes;
      if (file.catalog) ++counts[file.catalog->store];
      if (file.manifest) ++counts[file.manifest->partition.store];
    }
    const std::optional<StoreId> most = most_of(counts);
    if (most) plan_.catalog.store = *most;
    return most.has_value();
  }

  // The newest: ids only rise.
  void choose_catalog() {
    const Catalog* best = given_.catalog_above ? &*given_.catalog_above : nullptr;
    for (const FileEvidence& file : files()) {
      if (!file.catalog || file.catalog->store != plan_.catalog.store) continue;
      const bool is_in_place = file.path == given_.root / file_names::kCatalog;
      if (best == nullptr || is_in_place || file.catalog->next_topic > best->next_topic)
        best = &*file.catalog;
      if (is_in_place) break;
    }
    plan_.has_catalog = best != nullptr;
    if (best != nullptr) plan_.catalog = *best;
  }

  bool is_own(const SegmentIdentity& identity) const {
    return identity.store == plan_.catalog.store;
  }
  PartitionEvidence& evidence_of(const SegmentIdentity& identity) {
    PartitionEvidence& found = found_[key_of(identity)];
    found.last_epoch = std::max(found.last_epoch, identity.epoch);
    return found;
  }

  void gather() {
    for (const FileEvidence& file : files()) {
      note_folder(file);
      gather_tables(file);
      for (const SegmentHeader& header : file.headers) {
        if (is_own(header.identity)) evidence_of(header.identity).headers.push_back(&header);
      }
      for (const SegmentFooter& footer : file.footers) {
        if (is_own(footer.identity)) evidence_of(footer.identity).footers.push_back(&footer);
      }
    }
    for (const FileEvidence& file : files()) gather_blocks(file);
  }

  // A topic is called as the folder that most of its files lie in.
  void note_folder(const FileEvidence& file) {
    const Place place = place_of(file.path);
    const auto note = [&](const SegmentIdentity& identity) {
      if (is_own(identity) && place.partition == file_names::partition(identity.partition))
        ++folders_[identity.topic][place.topic];
    };
    if (file.manifest) note(file.manifest->partition);
    if (!file.headers.empty()) note(file.headers.front().identity);
    if (!file.blocks.empty()) note(file.blocks.front().header.identity);
  }

  void gather_tables(const FileEvidence& file) {
    if (file.manifest && is_own(file.manifest->partition)) {
      PartitionEvidence& found = evidence_of(file.manifest->partition);
      found.last_epoch = std::max(found.last_epoch, file.manifest->next_epoch - 1);
      const bool is_better =
          found.manifest == nullptr || file.manifest->version > found.manifest->version;
      if (is_better) found.manifest = &*file.manifest;
    }
    if (file.producers && is_own(file.producers->identity))
      evidence_of(file.producers->identity).producers.push_back(&file.producers->content);
    if (file.checkpoint && is_own(file.checkpoint->identity))
      evidence_of(file.checkpoint->identity).checkpoints.push_back(&file.checkpoint->content);
    if (file.index && is_own(file.index->identity))
      evidence_of(file.index->identity).indexes.push_back(file.index->content);
    if (file.entity_base && is_own(file.entity_base->partition))
      evidence_of(file.entity_base->partition).entity_bases.push_back(&file);
    if (file.losses && is_own(file.losses->identity))
      evidence_of(file.losses->identity).losses = file.losses->content;
  }

  void gather_blocks(const FileEvidence& file) {
    const Place place = place_of(file.path);
    for (const BlockEvidence& block : file.blocks) {
      const SegmentIdentity& identity = block.header.identity;
      if (!is_own(identity)) {
        plan_.strangers.push_back({.block = &block, .why = "is of another store"});
        continue;
      }
      if (const char* why = why_unknown(key_of(identity))) {
        plan_.strangers.push_back({.block = &block, .why = why});
        continue;
      }
      PartitionEvidence& found = evidence_of(identity);
      found.blocks.push_back({.block = &block, .standing = standing_of(block, place, found)});
    }
  }

  // A catalog knows of every topic whose id is below its next.
  const char* why_unknown(const PartitionKey& key) const {
    if (!plan_.has_catalog || key.topic >= plan_.catalog.next_topic) return nullptr;
    const CatalogTopic* topic = find_topic(key.topic);
    if (topic == nullptr) return "is of a topic that the catalog does not know";
    if (key.partition.value() >= topic->config.partitions)
      return "is of a partition that its topic does not have";
    return nullptr;
  }
  const CatalogTopic* find_topic(TopicId id) const {
    const auto found = std::ranges::find(plan_.catalog.topics, id, &CatalogTopic::id);
    return found != plan_.catalog.topics.end() ? &*found : nullptr;
  }

  Standing standing_of(const BlockEvidence& block, const Place& place,
                       const PartitionEvidence& partition) const {
    const SegmentIdentity& identity = block.header.identity;
    if (place.file && place.file->kind == FileKind::kTorn) return Standing::kCutOff;
    if (block.position != block.header.position || place.is_unfinished ||
        (place.file && place.file->kind == FileKind::kQuarantine))
      return Standing::kMisplaced;
    const CatalogTopic* topic = find_topic(identity.topic);
    const bool is_in_place = place.file && place.file->kind == FileKind::kSegment &&
                             place.file->epoch == identity.epoch &&
                             place.partition == file_names::partition(identity.partition) &&
                             (topic == nullptr || topic->name == place.topic);
    if (!is_in_place) return Standing::kElsewhere;
    if (partition.manifest == nullptr) return Standing::kInPlace;
    const bool is_listed = std::ranges::any_of(
        partition.manifest->segments,
        [&](const ManifestSegment& segment) { return segment.epoch == identity.epoch; });
    return is_listed ? Standing::kListed : Standing::kInPlace;
  }

  // Topics that no catalog describes, as far as their partitions do.
  void add_unknown_topics() {
    std::map<TopicId, std::uint32_t> partitions;
    for (const auto& [key, found] : found_) {
      if (find_topic(key.topic) != nullptr || why_unknown(key) != nullptr) continue;
      std::uint32_t& count = partitions[key.topic];
      count = std::max(count, key.partition.value() + 1);
    }
    for (const auto& [id, count] : partitions) {
      CatalogTopic topic{.id = id, .name = name_for(id), .created_at = {}, .config = {}};
      topic.config.partitions = std::min(count, limits::kPartitionsPerTopicMax);
      plan_.catalog.topics.push_back(std::move(topic));
      plan_.catalog.next_topic = std::max(plan_.catalog.next_topic, id + 1);
      without_config_.push_back(id);
    }
  }

  // As its folder is called; made up when there is none, or another topic has that name.
  std::string name_for(TopicId id) {
    const std::optional<std::string> folder = most_of(folders_[id]);
    const auto is_taken = [&](const CatalogTopic& other) { return other.name == *folder; };
    if (folder && validate_topic_name(*folder) &&
        std::ranges::none_of(plan_.catalog.topics, is_taken))
      return *folder;
    without_name_.push_back(id);
    return "salvaged-" + std::to_string(id.value());
  }

  void plan_topic(const CatalogTopic& topic) {
    TopicPlan planned{.topic = topic,
                      .has_config = !is_in(without_config_, topic.id),
                      .has_name = !is_in(without_name_, topic.id)};
    bool is_there = false;
    for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
      const PartitionKey key{.topic = topic.id, .partition = PartitionId(i)};
      const auto found = found_.find(key);
      PartitionEvidence evidence = found != found_.end() ? found->second : PartitionEvidence{};
      is_there = is_there || found != found_.end();
      if (found == found_.end()) planned.vanished.push_back(key.partition);
      evidence.identity = {
          .store = plan_.catalog.store, .topic = topic.id, .partition = key.partition, .epoch = {}};
      evidence.may_have_lost_its_start = !planned.has_config ||
                                         topic.config.retention_age.count() > 0 ||
                                         topic.config.retention_bytes > 0;
      planned.partitions.push_back(plan_partition(evidence));
    }
    if (is_there || given_.extent == Extent::kStore) plan_.topics.push_back(std::move(planned));
  }

  const StoreEvidence& given_;
  StorePlan plan_;
  std::map<PartitionKey, PartitionEvidence> found_;
  std::map<TopicId, std::map<std::string, std::uint64_t>> folders_;
  std::vector<TopicId> without_config_;
  std::vector<TopicId> without_name_;
};

}  // namespace

Result<StorePlan> plan_store(const StoreEvidence& evidence) { return StorePlanner(evidence).run(); }

}  // namespace bimip::log_tools
