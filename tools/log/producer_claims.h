// What a table of producers says about single records, so that each can be held against its record.
#pragma once

#include <string>
#include <vector>

#include "engine/format/producer_state.h"
#include "tools/log/words.h"

namespace bimip::log_tools {

// Immutable; thread-safe.
class ProducerClaims {
 public:
  explicit ProducerClaims(const std::vector<const ProducerState*>& states);
  // What a claim about this record's offset says otherwise; empty when nothing does.
  [[nodiscard]] std::string contradiction(const Record& record) const;

 private:
  struct Run {
    ProducerRun run;
    ProducerId id;
  };
  std::vector<Run> runs_;               // by first offset
  std::vector<IdempotencyEntry> keys_;  // by offset
};

}  // namespace bimip::log_tools
