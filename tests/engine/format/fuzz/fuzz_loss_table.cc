// Any payload of a good table of losses is damage or such a table, and then exactly the one that
// encodes to it.
#include <vector>

#include "engine/format/table.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const SegmentIdentity identity = sample_partition();
  const auto file = encode_table(TableKind::kLosses, identity, fuzz_input(data, size));
  const auto value = decode_losses(identity, file);
  if (!value) {
    BIMIP_ASSERT(value.error().code == ErrorCode::kDamaged);
    return 0;
  }
  BIMIP_ASSERT(encode_losses(identity, *value) == file);
  return 0;
}
