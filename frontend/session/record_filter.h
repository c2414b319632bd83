// Which records a subscriber wants.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/format/record.h"

namespace bimip::v1 {
class RecordFilter;
}

namespace bimip::frontend {

// Immutable. Its size is bounded by limits::kFilterBytesMax.
class RecordFilter {
 public:
  // kInvalidArgument when it contradicts itself or filters by nothing, kTooLarge.
  [[nodiscard]] static engine::Result<RecordFilter> from(const v1::RecordFilter& filter);

  // A key that is one of those wanted, or begins as wanted; and every header that is asked for.
  [[nodiscard]] bool passes(const engine::Record& record) const;

 private:
  struct HeaderRule {
    std::string name;
    std::optional<std::string> value;  // none: whatever it is
  };
  [[nodiscard]] bool key_passes(engine::Bytes key) const;
  [[nodiscard]] bool headers_pass(engine::Bytes encoded) const;

  std::vector<std::string> keys_;  // sorted
  std::optional<std::string> key_prefix_;
  std::vector<HeaderRule> headers_;
};

}  // namespace bimip::frontend
