#include "engine/format/codec.h"

namespace bimip::engine::codec {

std::string difference(const SegmentIdentity& is, const SegmentIdentity& should_be) {
  const auto numbers = [](std::string_view what, auto a, auto b) {
    return std::string(what) + " (" + std::to_string(a.value()) + ", not " +
           std::to_string(b.value()) + ")";
  };
  if (is.store != should_be.store) return "store";
  if (is.topic != should_be.topic) return numbers("topic", is.topic, should_be.topic);
  if (is.partition != should_be.partition)
    return numbers("partition", is.partition, should_be.partition);
  if (is.epoch != should_be.epoch) return numbers("segment", is.epoch, should_be.epoch);
  return {};
}

}  // namespace bimip::engine::codec
