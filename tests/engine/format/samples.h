// One value of each format: shown byte by byte in the design pages, and what the tests of damage
// damage. Built into the tests of engine/format, their fuzz targets and nothing else.
#pragma once

#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/format/catalog.h"
#include "engine/format/commit_block.h"
#include "engine/format/entity_base.h"
#include "engine/format/entity_directory.h"
#include "engine/format/loss_table.h"
#include "engine/format/manifest.h"
#include "engine/format/producer_state.h"
#include "engine/format/record.h"
#include "engine/format/scrub_state.h"
#include "engine/format/segment_header.h"
#include "engine/format/segment_index.h"

namespace bimip::testing {

using namespace bimip::engine;  // NOLINT: tests read better without it

SegmentIdentity sample_segment();  // store 0123...cdef fedc...3210, topic 7, partition 3, epoch 12
SegmentIdentity sample_partition();  // the same without an epoch
Timestamp sample_time();             // 2026-03-14 15:09:26.535897 UTC

std::vector<std::byte> sample_headers();
RecordFields sample_record();           // with every optional part
RecordFields sample_smallest_record();  // with none
RecordFields sample_tombstone();

struct SampleBlock {
  BlockHeader header;
  std::vector<std::byte> bytes;
};
// A block of these records, one after another from `base_offset`; the rest as in the samples.
SampleBlock make_block(std::span<const RecordFields> records, Offset base_offset = Offset(1001));
SampleBlock sample_block();    // of a record and a tombstone
SampleBlock sample_witness();  // of none: vouches for all before it

SegmentHeader sample_segment_header();
SegmentFooter sample_segment_footer();
Catalog sample_catalog();
Manifest sample_manifest();
std::vector<IndexEntry> sample_index();
ProducerState sample_producers();
Checkpoint sample_checkpoint();
LossTable sample_losses();
ScrubState sample_scrub();

// One entity of a directory.
struct SampleEntity {
  EntityHash hash{};
  std::optional<Offset> previous{};
  std::vector<EntityRecord> records{};
  friend bool operator==(const SampleEntity&, const SampleEntity&) = default;
};
struct SampleDirectory {
  OffsetRange offsets{};
  std::vector<LostRecords> lost{};
  std::vector<SampleEntity> entities{};
  friend bool operator==(const SampleDirectory&, const SampleDirectory&) = default;
};
std::vector<std::byte> encode_directory(const SegmentIdentity& segment,
                                        const SampleDirectory& directory);
SampleDirectory read_directory(const EntityDirectoryView& view);
SampleDirectory sample_directory();

struct SampleBase {
  EntityBaseHeader header{};
  std::vector<EntityNewest> entities{};
  friend bool operator==(const SampleBase&, const SampleBase&) = default;
};
std::vector<std::byte> encode_base(const SampleBase& base);
// Every page of a whole file, or the first damage.
Result<SampleBase> read_base(const SegmentIdentity& partition, Bytes file);
SampleBase sample_base();

// The bytes of every sample by its name in the design pages.
struct SampleBytes {
  std::string name;
  std::vector<std::byte> bytes;
};
std::vector<SampleBytes> all_samples();

// What a record is, for comparing: views are compared by what they view.
bool same_fields(const RecordFields& a, const RecordFields& b);

// Puts the checksum of bytes [16, end) that a codec of ours would have put into the first 16.
void reseal(MutableBytes bytes, const StoreId& store);

}  // namespace bimip::testing
