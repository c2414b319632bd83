// Any bytes are refused as a block; with the checksums set right, what is in them is refused or
// walked to its end, and never leaves the block.
#include <algorithm>
#include <vector>

#include "engine/base/hash.h"
#include "engine/format/codec.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

namespace bimip::testing {
namespace {

constexpr std::size_t kHeaderBytesAt = 22;
constexpr std::size_t kStoreAt = 24;
constexpr std::size_t kPayloadChecksumAt = 136;

// Both checksums as a writer would have made them.
void seal(MutableBytes block) {
  const auto store = codec::load_wide<StoreId>(block.data() + kStoreAt);
  codec::store_wide(block.data() + kPayloadChecksumAt,
                    xxh3_128(block.subspan(kBlockHeaderBytes), codec::seed_of(store)));
  const std::size_t header_bytes =
      std::clamp<std::size_t>(load<std::uint16_t>(block.data() + kHeaderBytesAt), 16, block.size());
  reseal(block.first(header_bytes), store);
}

void walk(const BlockHeader& header, Bytes block) {
  RecordCursor records(header, block);
  Offset least = header.base_offset;
  for (std::uint32_t count = 0; !records.done(); ++count) {
    BIMIP_ASSERT(count < header.record_count);
    const Result<Record> record = records.next();
    if (!record) {
      BIMIP_ASSERT(record.error().code == ErrorCode::kDamaged && records.done());
      return;
    }
    BIMIP_ASSERT(record->offset >= least && record->offset < header.end_offset());
    BIMIP_ASSERT(validate(*record));
    least = record->offset + 1;
  }
}

}  // namespace
}  // namespace bimip::testing

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const Bytes input = fuzz_input(data, size);
  (void)decode_block_header(input);
  std::vector<std::byte> block(input.begin(), input.end());
  block.resize(std::clamp<std::size_t>((size + 4095) / 4096, 1, 512) * 4096);
  seal(block);
  const Result<BlockHeader> header = decode_block_header(block);
  if (!header) {
    BIMIP_ASSERT(header.error().code == ErrorCode::kDamaged ||
                 header.error().code == ErrorCode::kUnsupportedVersion);
    return 0;
  }
  BIMIP_ASSERT(check_place(*header, header->identity, header->position));
  if (header->block_bytes != block.size()) return 0;
  BIMIP_ASSERT(check_payload(*header, block));
  walk(*header, block);
  return 0;
}
