// Any payload of a good directory is damage or entities in order, each of which is found, and then
// exactly the one that encodes to it.
#include <vector>

#include "engine/format/table.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const auto file = encode_table(TableKind::kEntities, sample_segment(), fuzz_input(data, size));
  const Result<EntityDirectoryView> view = EntityDirectoryView::open(sample_segment(), file);
  if (!view) {
    BIMIP_ASSERT(view.error().code == ErrorCode::kDamaged);
    return 0;
  }
  for (std::size_t slot = 0; slot < view->size(); ++slot) {
    const EntityEntry entry = view->at(slot);
    BIMIP_ASSERT(view->lower_bound(entry.hash()) == slot);
    for (std::size_t i = 0; i < entry.size(); ++i)
      BIMIP_ASSERT(entry.find(entry.record(i).increment) == i);
  }
  BIMIP_ASSERT(encode_directory(sample_segment(), read_directory(*view)) == file);
  BIMIP_ASSERT(merge_directories(sample_segment(), std::vector{*view}, view->offsets()) == file);
  return 0;
}
