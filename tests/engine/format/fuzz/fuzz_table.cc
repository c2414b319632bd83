// Any bytes are refused as a table; with the checksum set right, refused or exactly the file that
// its content encodes to.
#include <algorithm>
#include <vector>

#include "engine/format/codec.h"
#include "engine/format/table.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const Bytes input = fuzz_input(data, size);
  (void)decode_table(TableKind::kIndex, input);
  if (size < kTableHeaderBytes) return 0;
  std::vector<std::byte> file(input.begin(), input.end());
  const SegmentIdentity identity = codec::load_identity(file.data() + 24);
  reseal(file, identity.store);
  for (const TableKind kind :
       {TableKind::kCatalog, TableKind::kManifest, TableKind::kIndex, TableKind::kProducers,
        TableKind::kCheckpoint, TableKind::kEntities, TableKind::kLosses}) {
    const Result<Table> table = decode_table(kind, identity, file);
    if (table) BIMIP_ASSERT(encode_table(kind, table->identity, table->payload) == file);
  }
  return 0;
}
