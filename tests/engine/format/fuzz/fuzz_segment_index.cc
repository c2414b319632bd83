// Any payload of a good index is damage or entries in order, among which each is found.
#include <vector>

#include "engine/format/table.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const auto file = encode_table(TableKind::kIndex, sample_segment(), fuzz_input(data, size));
  const Result<IndexView> view = IndexView::open(sample_segment(), file);
  if (!view) {
    BIMIP_ASSERT(view.error().code == ErrorCode::kDamaged);
    return 0;
  }
  std::vector<IndexEntry> entries;
  for (std::size_t slot = 0; slot < view->size(); ++slot) {
    entries.push_back(view->at(slot));
    BIMIP_ASSERT(view->find(entries.back().base_offset) == entries.back());
    const auto by_time = view->find(entries.back().last_timestamp_before);
    BIMIP_ASSERT(!by_time || by_time->last_timestamp_before < entries.back().last_timestamp_before);
  }
  BIMIP_ASSERT(encode_index(sample_segment(), entries) == file);
  return 0;
}
