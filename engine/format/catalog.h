// The store's catalog: its identity and its topics. Normative page: docs/design/format-tables.md.
#pragma once

#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/format/topic_config.h"

namespace bimip::engine {

struct CatalogTopic {
  TopicId id{};
  std::string name{};
  Timestamp created_at{};
  TopicConfig config;
  friend bool operator==(const CatalogTopic&, const CatalogTopic&) = default;
};

struct Catalog {
  StoreId store{};
  Timestamp created_at{};
  TopicId next_topic{1};  // ids are never reused
  std::vector<CatalogTopic> topics{};
  friend bool operator==(const Catalog&, const Catalog&) = default;
};

[[nodiscard]] std::vector<std::byte> encode_catalog(const Catalog& catalog);
// Also checks ids and names unique and configurations valid: kDamaged otherwise.
[[nodiscard]] Result<Catalog> decode_catalog(Bytes file);

}  // namespace bimip::engine
