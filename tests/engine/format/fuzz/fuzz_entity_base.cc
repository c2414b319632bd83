// Any bytes, with the checksum of each page set right, are damage or the entities that encode to
// them; a lookup answers whatever they are.
#include <algorithm>
#include <vector>

#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  const Bytes input = fuzz_input(data, size);
  std::vector<std::byte> file(input.begin(), input.end());
  for (std::size_t at = 0; at + kEntityPageBytes <= file.size(); at += kEntityPageBytes)
    reseal(MutableBytes(file).subspan(at, kEntityPageBytes), sample_segment().store);
  const Result<EntityBaseView> view = EntityBaseView::open(sample_partition(), file);
  if (!view) return 0;
  (void)view->find({.high = size, .low = 0});
  for (std::uint64_t number = 0; number < view->header().pages(); ++number)
    (void)view->lost_with(number);
  const Result<SampleBase> base = read_base(sample_partition(), file);
  if (!base) return 0;
  // Pages need not be in order among themselves; those that are not have other lookups find damage.
  const bool ordered =
      std::ranges::is_sorted(base->entities, std::less_equal<>(), &EntityNewest::hash);
  const auto same = std::ranges::adjacent_find(base->entities, {}, &EntityNewest::hash);
  const auto& lost = base->header.lost;
  bool repeated = false;
  for (auto one = lost.begin(); one != lost.end(); ++one)
    repeated = repeated || std::find(one + 1, lost.end(), *one) != lost.end();
  if (ordered && same == base->entities.end() && !repeated)
    BIMIP_ASSERT(encode_base(*base) == file);
  return 0;
}
