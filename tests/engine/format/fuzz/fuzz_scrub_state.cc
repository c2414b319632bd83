// Any payload of a good file of the scrub is damage or what it remembers, and then exactly the one
// that encodes to it.
#include <vector>

#include "engine/format/table.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const StoreId store = sample_segment().store;
  const auto file = encode_table(TableKind::kScrub, {.store = store}, fuzz_input(data, size));
  const auto value = decode_scrub_state(store, file);
  if (!value) {
    BIMIP_ASSERT(value.error().code == ErrorCode::kDamaged);
    return 0;
  }
  BIMIP_ASSERT(encode_scrub_state(store, *value) == file);
  return 0;
}
