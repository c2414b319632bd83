// Finds the records of one entity: by the directories of the segments and, where there is none yet,
// along its chain. Design: docs/design/entities.md.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "engine/entity/entity_index.h"
#include "engine/partition/entity_requests.h"
#include "engine/partition/partition_reader.h"

namespace bimip::engine {

// Reads the disk. Thread-safe. Outlived by what it is made of.
class EntityReader {
 public:
  EntityReader(const PartitionReader& reader, const EntityIndex& index)
      : reader_(reader), index_(index) {}

  // The newest record of an entity that is not in memory, and what may hide a newer one.
  struct Cold {
    std::optional<EntityRecord> newest{};
    std::vector<LostRecords> lost{};
  };
  [[nodiscard]] Result<Cold> find(const EntityHash& hash) const;
  // `newest` can be read.
  [[nodiscard]] Result<EntityBatch> read(const EntityReadRequest& request,
                                         const EntityRecord& newest) const;
  [[nodiscard]] Result<EntityListRequest::Page> list(const EntityListRequest& request) const;

 private:
  [[nodiscard]] Result<Cold> look_for(const EntityHash& hash) const;
  [[nodiscard]] Result<EntityBatch> read_from(const EntityReadRequest& request,
                                              const EntityRecord& newest) const;

  const PartitionReader& reader_;
  const EntityIndex& index_;
};

}  // namespace bimip::engine
