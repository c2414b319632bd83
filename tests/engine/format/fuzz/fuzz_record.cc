// Any bytes are damage or a valid record, and then exactly the one that encodes to them.
#include <algorithm>
#include <vector>

#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const Bytes input = fuzz_input(data, size);
  const Offset base(1000);
  const Result<DecodedRecord> decoded = decode_record(input, base);
  if (!decoded) {
    BIMIP_ASSERT(decoded.error().code == ErrorCode::kDamaged);
    return 0;
  }
  BIMIP_ASSERT(decoded->bytes <= size);
  BIMIP_ASSERT(validate(decoded->record));
  BIMIP_ASSERT(encoded_record_bytes(decoded->record) == decoded->bytes);
  std::vector<std::byte> again(decoded->bytes);
  encode_record(decoded->record, static_cast<std::uint32_t>(decoded->record.offset - base), again);
  BIMIP_ASSERT(std::ranges::equal(again, input.first(decoded->bytes)));
  (void)decode_headers(decoded->record.headers);
  return 0;
}
