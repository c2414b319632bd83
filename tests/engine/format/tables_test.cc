// Catalog, manifest, producers, checkpoint: content that no writer means is damaged, whatever its
// checksum says.
#include <gtest/gtest.h>

#include "engine/format/table.h"
#include "tests/engine/format/samples.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

template <typename T>
bool is_damaged(const Result<T>& result) {
  return !result && result.error().code == ErrorCode::kDamaged;
}

bool catalog_refused(auto change) {
  Catalog catalog = sample_catalog();
  change(catalog);
  return is_damaged(decode_catalog(encode_catalog(catalog)));
}

TEST(Catalog, WithImpossibleTopicsIsDamaged) {
  EXPECT_FALSE(catalog_refused([](Catalog&) {}));
  EXPECT_FALSE(catalog_refused([](Catalog& c) { c.topics.clear(); }));
  EXPECT_TRUE(catalog_refused([](Catalog& c) { c.topics[1].id = TopicId(1); })) << "id twice";
  EXPECT_TRUE(catalog_refused([](Catalog& c) { c.topics[1].name = "orders"; })) << "name twice";
  EXPECT_TRUE(catalog_refused([](Catalog& c) { c.topics[0].id = TopicId(0); })) << "no id";
  EXPECT_TRUE(catalog_refused([](Catalog& c) { c.next_topic = TopicId(7); })) << "id to come";
  EXPECT_TRUE(catalog_refused([](Catalog& c) { c.topics[0].name = "../orders"; }));
  EXPECT_TRUE(catalog_refused([](Catalog& c) { c.topics[0].config.partitions = 0; }));
  EXPECT_TRUE(catalog_refused([](Catalog& c) { c.topics[0].config.segment_age = -1s; }));
  EXPECT_TRUE(catalog_refused(
      [](Catalog& c) { c.topics[0].config.durability = static_cast<Durability>(3); }));
}

bool manifest_refused(auto change) {
  Manifest manifest = sample_manifest();
  change(manifest, manifest.segments);
  return is_damaged(decode_manifest(sample_partition(), encode_manifest(manifest)));
}

TEST(Manifest, WithImpossibleSegmentsIsDamaged) {
  using Segments = std::vector<ManifestSegment>;
  EXPECT_FALSE(manifest_refused([](Manifest&, Segments&) {}));
  EXPECT_FALSE(manifest_refused([](Manifest&, Segments& s) { s.pop_back(); })) << "none prepared";
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s.clear(); }));
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s.resize(1); })) << "none active";
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s[0].state = SegmentState::kActive; }))
      << "two active";
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) {
    s[1].state = SegmentState::kPrepared;
  })) << "two prepared";
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { std::swap(s[0].state, s[1].state); }))
      << "active before sealed";
  EXPECT_TRUE(
      manifest_refused([](Manifest&, Segments& s) { s[2].state = static_cast<SegmentState>(0); }));
  EXPECT_TRUE(
      manifest_refused([](Manifest&, Segments& s) { s[2].state = static_cast<SegmentState>(4); }));
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s[0].epoch = Epoch(0); }));
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s[1].epoch = s[0].epoch; }));
  EXPECT_TRUE(manifest_refused([](Manifest& m, Segments&) { m.next_epoch = Epoch(14); }));
  EXPECT_TRUE(manifest_refused([](Manifest& m, Segments&) { m.producers = Epoch(15); }));
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s[1].base_offset = Offset(1001); }))
      << "a gap";
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s[0].base_offset = Offset(1001); }))
      << "ends before it begins";
  EXPECT_TRUE(manifest_refused([](Manifest&, Segments& s) { s[0].file_bytes = 8191; }));
}

bool producers_refused(auto change) {
  ProducerState state = sample_producers();
  change(state.producers[0].runs);
  return is_damaged(
      decode_producer_state(sample_segment(), encode_producer_state(sample_segment(), state)));
}

TEST(ProducerState, WithRunsOutOfOrderIsDamaged) {
  using Runs = std::vector<ProducerRun>;
  EXPECT_FALSE(producers_refused([](Runs&) {}));
  EXPECT_TRUE(producers_refused([](Runs& r) { r.clear(); }));
  EXPECT_TRUE(producers_refused([](Runs& r) { r[0].count = 0; }));
  EXPECT_TRUE(producers_refused([](Runs& r) { r[0].count = 17; })) << "they overlap";
  EXPECT_TRUE(producers_refused([](Runs& r) { std::swap(r[0], r[1]); }));
  EXPECT_TRUE(producers_refused([](Runs& r) { r[1].count = ~0ULL; })) << "numbers overflow";
  EXPECT_TRUE(producers_refused([](Runs& r) {
    r[1].first_offset = Offset(0);
    r[1].count = ~0ULL - 895;
  })) << "numbers overflow, offsets do not";
  EXPECT_TRUE(producers_refused([](Runs& r) { r[1].first_offset = Offset(~0ULL - 3); }))
      << "offsets overflow";
}

bool losses_refused(auto change) {
  LossTable losses = sample_losses();
  change(losses);
  return is_damaged(decode_losses(sample_partition(), encode_losses(sample_partition(), losses)));
}

TEST(Losses, OutOfOrderOrEmptyAreDamaged) {
  EXPECT_FALSE(losses_refused([](LossTable&) {}));
  EXPECT_FALSE(losses_refused([](LossTable& l) { l.clear(); }));
  EXPECT_TRUE(losses_refused([](LossTable& l) { std::swap(l[0], l[1]); }));
  EXPECT_TRUE(losses_refused([](LossTable& l) { l[1].offsets.first = Offset(1289); }));
  EXPECT_TRUE(losses_refused([](LossTable& l) { l[0].offsets.end = l[0].offsets.first; }));
}

TEST(Losses, CoverARangeThatIsWhollyInThem) {
  const auto covered = [](std::uint64_t first, std::uint64_t end) {
    return covers(sample_losses(), {.first = Offset(first), .end = Offset(end)});
  };
  EXPECT_TRUE(covered(1200, 1290));
  EXPECT_TRUE(covered(1250, 1251));
  EXPECT_FALSE(covered(1199, 1290));
  EXPECT_FALSE(covered(1289, 1291));
  EXPECT_FALSE(covered(1200, 1900));
  LossTable joined = sample_losses();
  joined[1].offsets.first = Offset(1290);
  EXPECT_TRUE(covers(joined, {.first = Offset(1200), .end = Offset(1900)}));
}

bool checkpoint_refused(auto change) {
  Checkpoint checkpoint = sample_checkpoint();
  change(checkpoint);
  return is_damaged(
      decode_checkpoint(sample_segment(), encode_checkpoint(sample_segment(), checkpoint)));
}

TEST(Checkpoint, ThatContradictsItselfIsDamaged) {
  EXPECT_FALSE(checkpoint_refused([](Checkpoint&) {}));
  EXPECT_TRUE(checkpoint_refused([](Checkpoint& c) { c.tail.position = FilePosition(0); }));
  EXPECT_TRUE(checkpoint_refused([](Checkpoint& c) { c.tail.position += 512; }));
  EXPECT_TRUE(checkpoint_refused([](Checkpoint& c) { c.tail.position = FilePosition(139264); }))
      << "its index knows of a block behind its end";
  EXPECT_TRUE(checkpoint_refused([](Checkpoint& c) { std::swap(c.index[0], c.index[1]); }));
  EXPECT_TRUE(checkpoint_refused([](Checkpoint& c) { c.producers.producers[0].runs.clear(); }));
}

// A count is believed only when that many elements fit into what is left: no allocation follows it.
TEST(Tables, ACountAboveWhatIsThereIsDamaged) {
  const auto lie = [](std::vector<std::byte> file, std::size_t count_at, std::uint64_t count) {
    store(file.data() + count_at, count);
    reseal(file, sample_segment().store);
    return file;
  };
  const auto catalog = encode_catalog(sample_catalog());
  const auto manifest = encode_manifest(sample_manifest());
  const auto producers = encode_producer_state(sample_segment(), sample_producers());
  const auto checkpoint = encode_checkpoint(sample_segment(), sample_checkpoint());
  for (const std::uint64_t count : {~0ULL, 1ULL << 61U, 1ULL << 32U, 1000ULL, 4ULL}) {
    EXPECT_TRUE(is_damaged(decode_catalog(lie(catalog, 0x4C, count)))) << count;
    EXPECT_TRUE(is_damaged(decode_manifest(sample_partition(), lie(manifest, 0x60, count))));
    EXPECT_TRUE(is_damaged(decode_producer_state(sample_segment(), lie(producers, 0x40, count))));
    EXPECT_TRUE(is_damaged(decode_producer_state(sample_segment(), lie(producers, 0x60, count))));
    EXPECT_TRUE(is_damaged(decode_producer_state(sample_segment(), lie(producers, 0x98, count))));
    EXPECT_TRUE(is_damaged(decode_producer_state(sample_segment(), lie(producers, 0xC0, count))));
    EXPECT_TRUE(is_damaged(decode_checkpoint(sample_segment(), lie(checkpoint, 0x88, count))));
  }
}

// Each payload ends where its content ends: a shorter or longer one under a good envelope is
// damage.
TEST(Tables, APayloadOfAnotherLengthThanItsContentIsDamaged) {
  const auto expect = [](TableKind kind, const SegmentIdentity& identity,
                         const std::vector<std::byte>& file, auto decode) {
    const Bytes payload = Bytes(file).subspan(kTableHeaderBytes);
    EXPECT_TRUE(decode(encode_table(kind, identity, payload)));
    for (std::size_t length = 0; length < payload.size(); ++length)
      ASSERT_FALSE(decode(encode_table(kind, identity, payload.first(length)))) << length;
    std::vector<std::byte> longer(payload.begin(), payload.end());
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode(encode_table(kind, identity, longer)));
  };
  const StoreId store = sample_segment().store;
  expect(TableKind::kCatalog, {.store = store}, encode_catalog(sample_catalog()),
         [](Bytes file) { return decode_catalog(file).has_value(); });
  expect(TableKind::kManifest, sample_partition(), encode_manifest(sample_manifest()),
         [](Bytes file) { return decode_manifest(sample_partition(), file).has_value(); });
  expect(TableKind::kProducers, sample_segment(),
         encode_producer_state(sample_segment(), sample_producers()),
         [](Bytes file) { return decode_producer_state(sample_segment(), file).has_value(); });
  expect(TableKind::kEntities, sample_segment(),
         encode_directory(sample_segment(), sample_directory()),
         [](Bytes file) { return EntityDirectoryView::open(sample_segment(), file).has_value(); });
  expect(TableKind::kCheckpoint, sample_segment(),
         encode_checkpoint(sample_segment(), sample_checkpoint()),
         [](Bytes file) { return decode_checkpoint(sample_segment(), file).has_value(); });
}

TEST(Index, ThatEndsInsideAnEntryIsDamaged) {
  const auto file = encode_index(sample_segment(), sample_index());
  const Bytes payload = Bytes(file).subspan(kTableHeaderBytes);
  for (std::size_t length = 0; length <= payload.size(); ++length) {
    const auto cut = encode_table(TableKind::kIndex, sample_segment(), payload.first(length));
    ASSERT_EQ(IndexView::open(sample_segment(), cut).has_value(), length % kIndexEntryBytes == 0);
  }
}

}  // namespace
}  // namespace bimip::testing
