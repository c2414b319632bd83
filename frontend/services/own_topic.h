// The server's own topics: made when they are missing, read where it may block, before the server
// listens.
#pragma once

#include <string_view>
#include <utility>

#include "engine/store/log.h"
#include "frontend/services/waited_read.h"

namespace bimip::frontend {

// Blocks. One that is there is taken as it is.
[[nodiscard]] inline engine::Result<engine::TopicInfo> find_or_create(
    engine::Log& log, std::string_view name, const engine::TopicConfig& config) {
  auto topic = log.find_topic(name);
  return topic ? std::move(topic) : log.create_topic(name, config);
}

// Calls `visit(const engine::Record&)` for every record of the topic's first partition, in order.
// What is damaged is told to `on_damage` and passed over: for views that rather know less than let
// no server start. Blocks.
template <typename Visit, typename OnDamage>
[[nodiscard]] engine::Status read_all_and_wait(engine::Log& log, engine::TopicId topic,
                                               const Visit& visit, const OnDamage& on_damage) {
  constexpr engine::PartitionId kFirst(0);
  const auto bounds = log.bounds(topic, kFirst);
  if (!bounds) return std::unexpected(bounds.error());
  engine::Offset next = bounds->start;
  while (next < bounds->visible_end) {
    const engine::Result<engine::RecordBatch> batch = read_and_wait(log, topic, kFirst, next);
    if (!batch && batch.error().code == engine::ErrorCode::kDamaged) {
      on_damage(batch.error());
      next = batch.error().range.end;
      continue;
    }
    if (!batch) return std::unexpected(batch.error());
    if (engine::Status whole = batch->for_each(visit); !whole) return whole;
    next = batch->range().end;
  }
  return {};
}

template <typename Visit>
[[nodiscard]] engine::Status read_all_and_wait(engine::Log& log, engine::TopicId topic,
                                               const Visit& visit) {
  return read_all_and_wait(log, topic, visit, [](const engine::Error&) {});
}

}  // namespace bimip::frontend
