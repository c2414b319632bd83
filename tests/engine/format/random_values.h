// Random valid values of every format.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "tests/engine/format/samples.h"

namespace bimip::testing {

// What it gives is determined by the seed. Views in its values live as long as it does.
class RandomValues {
 public:
  explicit RandomValues(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

  // Its entity chain leads below `before`.
  const RecordFields& record(Offset before);
  std::vector<Header> headers();
  SegmentIdentity identity();
  SegmentHeader segment_header();
  SegmentFooter segment_footer();
  Catalog catalog();
  Manifest manifest();
  std::vector<IndexEntry> index();
  ProducerState producers();
  Checkpoint checkpoint();
  ScrubState scrub(const StoreId& store);
  EntityHash entity_hash();
  SampleDirectory directory(OffsetRange offsets);
  SampleBase base();

 private:
  // Of any magnitude, with the ends of the range among them.
  std::uint64_t number();
  std::uint32_t number32() { return static_cast<std::uint32_t>(number()); }
  Timestamp time() {
    return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(number())));
  }
  Hash128 hash() { return {.high = number(), .low = number()}; }
  bool maybe() { return random_.one_in(2); }
  std::vector<LostRecords> lost(OffsetRange within);
  std::string text(std::size_t length);
  Bytes bytes(std::size_t length);

  Random random_;
  std::deque<std::string> texts_;  // what views point to
  std::deque<RecordFields> records_;
};

}  // namespace bimip::testing
