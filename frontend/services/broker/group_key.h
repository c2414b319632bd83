// What names a consumer group, and one partition's part of it.
#pragma once

#include <compare>
#include <string>

#include "engine/base/types.h"

namespace bimip::frontend {

struct GroupKey {
  engine::TopicId topic{};
  std::string group{};
  friend auto operator<=>(const GroupKey&, const GroupKey&) = default;
};

struct GroupCursorKey {
  GroupKey group{};
  engine::PartitionId partition{};
  friend auto operator<=>(const GroupCursorKey&, const GroupCursorKey&) = default;
};

}  // namespace bimip::frontend
