// Writes Delivery stanzas straight from stored records: the hot way out, so the records are copied
// once.
#pragma once

#include <cstdint>
#include <string>

#include "engine/base/types.h"
#include "engine/format/record.h"
#include "frontend/stanza/framing.h"

namespace bimip::frontend {

// Gathers one Delivery, field by field as bimip.v1.Delivery says. Reusable, keeps its memory.
// Thread-compatible.
class DeliveryWriter {
 public:
  void begin(std::uint64_t subscription, engine::PartitionId partition);
  // kDamaged when the record's headers are none: it was not added.
  [[nodiscard]] engine::Status add(const engine::Record& record,
                                   std::uint32_t deliveries_before = 0);
  [[nodiscard]] std::size_t bytes() const { return body_.size(); }
  // Appends the whole frame.
  void finish(std::string& out, Framing framing = Framing::kLength);

 private:
  std::string body_;
};

}  // namespace bimip::frontend
