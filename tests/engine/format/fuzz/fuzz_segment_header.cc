// Any bytes are refused as a segment's first or last sector; with the checksum set right, refused
// or a value that comes back.
#include <algorithm>
#include <vector>

#include "engine/format/codec.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const Bytes input = fuzz_input(data, size);
  (void)decode_segment_header(input);
  (void)decode_segment_footer(input);
  std::vector<std::byte> sector(input.begin(), input.end());
  sector.resize(limits::kSectorBytes);
  reseal(sector, codec::load_identity(sector.data() + 24).store);
  Sector again{};
  if (const auto header = decode_segment_header(sector)) {
    encode_segment_header(*header, again);
    BIMIP_ASSERT(decode_segment_header(again) == *header);
  } else if (const auto footer = decode_segment_footer(sector)) {
    encode_segment_footer(*footer, again);
    BIMIP_ASSERT(decode_segment_footer(again) == *footer);
  }
  return 0;
}
