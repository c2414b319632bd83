// Any bytes are damage or a list of headers, and then exactly the one that encodes to them.
#include <algorithm>

#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const Bytes input = fuzz_input(data, size);
  const Result<std::vector<Header>> headers = decode_headers(input);
  if (!headers) {
    BIMIP_ASSERT(headers.error().code == ErrorCode::kDamaged);
    return 0;
  }
  const Result<std::vector<std::byte>> again = encode_headers(*headers);
  if (!again) {
    BIMIP_ASSERT(size > limits::kRecordBytesMax);
    return 0;
  }
  BIMIP_ASSERT(std::ranges::equal(*again, input));
  return 0;
}
