#include "engine/format/catalog.h"

#include <set>

#include "engine/format/codec.h"
#include "engine/format/table.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kTopicBytesMin = 4 + 4 + 8 + 4 + 1 + 8 + 8 + 8 + 8 + 1 + 8 + 8 + 1 + 8 + 8;

CatalogTopic read_topic(codec::Reader& in) {
  CatalogTopic topic;
  topic.id = in.number<TopicId>();
  topic.name = in.text();
  topic.created_at = in.time();
  topic.config.partitions = in.u32();
  topic.config.durability = static_cast<Durability>(in.u8());
  topic.config.segment_bytes = in.u64();
  topic.config.segment_age = std::chrono::seconds(static_cast<std::int64_t>(in.u64()));
  topic.config.retention_age = std::chrono::seconds(static_cast<std::int64_t>(in.u64()));
  topic.config.retention_bytes = in.u64();
  topic.config.retention_floor = static_cast<RetentionFloor>(in.u8());
  topic.config.entity_records_max = in.u64();
  topic.config.entity_age = std::chrono::seconds(static_cast<std::int64_t>(in.u64()));
  topic.config.compaction = static_cast<Compaction>(in.u8());
  topic.config.tombstone_grace = std::chrono::seconds(static_cast<std::int64_t>(in.u64()));
  topic.config.hold_max = std::chrono::seconds(static_cast<std::int64_t>(in.u64()));
  return topic;
}

}  // namespace

std::vector<std::byte> encode_catalog(const Catalog& catalog) {
  codec::Writer out;
  out.time(catalog.created_at);
  out.number(catalog.next_topic);
  out.u64(catalog.topics.size());
  for (const CatalogTopic& topic : catalog.topics) {
    out.number(topic.id);
    out.text(topic.name);
    out.time(topic.created_at);
    out.u32(topic.config.partitions);
    out.u8(static_cast<std::uint8_t>(topic.config.durability));
    out.u64(topic.config.segment_bytes);
    out.u64(static_cast<std::uint64_t>(topic.config.segment_age.count()));
    out.u64(static_cast<std::uint64_t>(topic.config.retention_age.count()));
    out.u64(topic.config.retention_bytes);
    out.u8(static_cast<std::uint8_t>(topic.config.retention_floor));
    out.u64(topic.config.entity_records_max);
    out.u64(static_cast<std::uint64_t>(topic.config.entity_age.count()));
    out.u8(static_cast<std::uint8_t>(topic.config.compaction));
    out.u64(static_cast<std::uint64_t>(topic.config.tombstone_grace.count()));
    out.u64(static_cast<std::uint64_t>(topic.config.hold_max.count()));
  }
  return encode_table(TableKind::kCatalog, {.store = catalog.store}, out.bytes());
}

Result<Catalog> decode_catalog(Bytes file) {
  Result<Table> table = decode_table(TableKind::kCatalog, file);
  if (!table) return std::unexpected(std::move(table.error()));
  codec::Reader in(table->payload);
  Catalog catalog{.store = table->identity.store};
  catalog.created_at = in.time();
  catalog.next_topic = in.number<TopicId>();
  const std::size_t count = in.count(kTopicBytesMin);
  std::set<TopicId> ids;
  std::set<std::string> names;
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    CatalogTopic topic = read_topic(in);
    const bool is_new = ids.insert(topic.id).second && names.insert(topic.name).second;
    if (!is_new || topic.id == TopicId(0) || topic.id >= catalog.next_topic ||
        !validate_topic_name(topic.name) || !validate(topic.config)) {
      return fail(ErrorCode::kDamaged,
                  "the catalog's topic " + std::to_string(topic.id.value()) + " is impossible");
    }
    catalog.topics.push_back(std::move(topic));
  }
  if (!in.at_end())
    return fail(ErrorCode::kDamaged, "the catalog has another length than its content");
  return catalog;
}

}  // namespace bimip::engine
