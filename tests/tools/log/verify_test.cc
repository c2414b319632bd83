#include "tools/log/verify.h"

#include <gmock/gmock.h>

#include "tests/tools/log/example_store.h"
#include "tools/log/entity_check.h"

namespace bimip::testing {
namespace {

using log_tools::Finding;
using log_tools::Verdict;
using log_tools::VerifyReport;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The only finding, or a failure that shows them all.
Finding only(const VerifyReport& report) {
  EXPECT_EQ(report.findings.size(), 1U) << to_text(report);
  return report.findings.empty() ? Finding{} : report.findings.front();
}

std::vector<BlockHeader> blocks_of(const Path& segment) {
  const std::vector<std::byte> bytes = read_bytes(segment);
  std::vector<BlockHeader> blocks;
  std::size_t at = limits::kSectorBytes;
  while (at < bytes.size()) {
    const Result<BlockHeader> block = decode_block_header(Bytes(bytes).subspan(at));
    if (!block) break;
    blocks.push_back(*block);
    at += block->block_bytes;
  }
  return blocks;
}

void zero(const Path& path, FilePosition from, std::size_t count) {
  std::vector<std::byte> bytes = read_bytes(path);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from.value()), count, std::byte{0});
  write_bytes(path, bytes);
}

TEST(Verify, FindsNothingInAStoreThatWasClosed) {
  const ExampleStore store;
  const VerifyReport report = verify_path(store.path(), log_tools::Depth::kRecords);
  EXPECT_THAT(report.findings, IsEmpty()) << to_text(report);
  EXPECT_EQ(report.partitions, 3U);
  EXPECT_EQ(report.records, 65U);
  EXPECT_GT(report.segments, 4U);
}

TEST(Verify, ChangesNoFile) {
  const ExampleStore store;
  const auto state = [&] {
    std::map<Path, std::pair<std::filesystem::file_time_type, std::vector<std::byte>>> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store.path())) {
      files[entry.path()] = {entry.last_write_time(), entry.is_regular_file()
                                                          ? read_bytes(entry.path())
                                                          : std::vector<std::byte>{}};
    }
    return files;
  };
  std::filesystem::remove(store.path() / "LOCK");
  std::filesystem::remove(store.files(file_names::FileKind::kIndex).front());
  const auto before = state();
  EXPECT_FALSE(verify_path(store.path()).is_clean());
  EXPECT_EQ(state(), before);
}

TEST(Verify, TakesATopicAPartitionAndASegment) {
  const ExampleStore store;
  EXPECT_THAT(verify_path(store.partition().parent_path()).findings, IsEmpty());
  EXPECT_EQ(verify_path(store.partition().parent_path()).partitions, 2U);
  EXPECT_THAT(verify_path(store.partition()).findings, IsEmpty());
  const VerifyReport one = verify_path(store.sealed());
  EXPECT_THAT(one.findings, IsEmpty());
  EXPECT_EQ(one.segments, 1U);
}

TEST(Verify, TakesPartsThatWereCopiedOutOfTheirStore) {
  const ExampleStore store;
  const TempDirectory elsewhere;
  std::filesystem::copy(store.partition(), elsewhere.path() / "part");
  EXPECT_THAT(verify_path(elsewhere.path() / "part").findings, IsEmpty());
  std::filesystem::copy(store.sealed(), elsewhere.path() / "some-file");
  EXPECT_THAT(verify_path(elsewhere.path() / "some-file").findings, IsEmpty());
  std::filesystem::copy(store.partition().parent_path(), elsewhere.path() / "topic",
                        std::filesystem::copy_options::recursive);
  EXPECT_THAT(verify_path(elsewhere.path() / "topic").findings, IsEmpty());
}

TEST(Verify, RefusesWhatIsNoStore) {
  const TempDirectory directory;
  EXPECT_EQ(log_tools::take_inventory(directory.path()).error().code, ErrorCode::kForeign);
  EXPECT_EQ(log_tools::take_inventory(directory.path() / "no").error().code, ErrorCode::kNotFound);
  write_bytes(directory.path() / "notes.txt", as_bytes("Dear diary,\n"));
  EXPECT_EQ(log_tools::take_inventory(directory.path() / "notes.txt").error().code,
            ErrorCode::kForeign);
  const ExampleStore store;
  EXPECT_EQ(log_tools::take_inventory(store.partition() / "manifest").error().code,
            ErrorCode::kForeign);
}

TEST(Verify, RefusesAStoreThatAServerHolds) {
  const TempDirectory directory;
  const std::unique_ptr<Device> device = make_posix_device();
  const auto store = open_store(directory.path(), *device);
  ASSERT_TRUE(store->create_topic("orders", {}));
  for (const char* part : {"", "topics/orders", "topics/orders/0"}) {
    const auto inventory = log_tools::take_inventory(directory.path() / part);
    ASSERT_FALSE(inventory) << part;
    EXPECT_EQ(inventory.error().code, ErrorCode::kLocked);
    EXPECT_THAT(inventory.error().message, HasSubstr("a server holds this store"));
  }
}

TEST(Verify, KeepsServersOffWhileItLooks) {
  const ExampleStore store;
  const auto inventory = log_tools::take_inventory(store.path());
  ASSERT_TRUE(inventory);
  EXPECT_TRUE(log_tools::take_inventory(store.path())) << "readers do not exclude each other";
  const std::unique_ptr<Device> device = make_posix_device();
  const auto opened =
      Store::open({.directory = store.path(), .free_space_floor = 0, .device = device.get()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kLocked);
}

TEST(Verify, NamesTheOffsetsOfARottenBlock) {
  const ExampleStore store;
  const BlockHeader block = blocks_of(store.sealed()).at(1);
  change_byte(store.sealed(), block.position.value() + 1000, 0x10);
  const Finding finding = only(verify_path(store.path()));
  EXPECT_EQ(finding.verdict, Verdict::kDamage);
  EXPECT_EQ(finding.file, store.sealed());
  EXPECT_EQ(finding.from, block.position);
  EXPECT_EQ(finding.end, block.position + block.block_bytes);
  EXPECT_EQ(finding.offsets, (OffsetRange{block.base_offset, block.end_offset()}));
  EXPECT_EQ(finding.topic, "orders");
  EXPECT_EQ(finding.partition, PartitionId(0));
}

TEST(Verify, NamesTheLastOffsetsOfASealedSegmentWhenItsLastBlockIsRotten) {
  const ExampleStore store;
  const BlockHeader block = blocks_of(store.sealed()).back();
  zero(store.sealed(), block.position, block.block_bytes);
  const Finding finding = only(verify_path(store.path()));
  EXPECT_EQ(finding.verdict, Verdict::kDamage);
  EXPECT_EQ(finding.offsets, (OffsetRange{block.base_offset, block.end_offset()}));
}

TEST(Verify, TakesAnActiveBlockForRotWhenTheLogVouchesForIt) {
  const ExampleStore store;
  const std::vector<BlockHeader> blocks = blocks_of(store.active(1));
  ASSERT_EQ(blocks.back().record_count, 0U) << "a log that was closed ends with a witness";
  const BlockHeader& block = blocks.at(blocks.size() - 2);
  zero(store.active(1), block.position, block.block_bytes);
  const Finding finding = only(verify_path(store.path()));
  EXPECT_EQ(finding.verdict, Verdict::kDamage);
  EXPECT_EQ(finding.offsets, (OffsetRange{block.base_offset, block.end_offset()}));
}

// As if power had gone during the last commit: the witness after it and a sector of it are not
// there.
TEST(Verify, CallsATornTailATornTail) {
  const ExampleStore store;
  for (const Path& path : store.files(file_names::FileKind::kCheckpoint))
    std::filesystem::remove(path);
  const Path active = store.active(0);
  std::vector<BlockHeader> blocks = blocks_of(active);
  ASSERT_EQ(blocks.back().record_count, 0U);
  zero(active, blocks.back().position, blocks.back().block_bytes);
  blocks.pop_back();
  const BlockHeader last = blocks.back();
  ASSERT_GT(last.payload_bytes, 2048U);
  zero(active, last.position + 512, 512);
  const VerifyReport report = verify_path(store.path());
  EXPECT_TRUE(report.is_clean()) << to_text(report);
  const Finding finding = only(report);
  EXPECT_EQ(finding.verdict, Verdict::kTorn);
  EXPECT_EQ(finding.from, last.position);
  EXPECT_EQ(finding.end, last.position + last.block_bytes);
}

TEST(Verify, NotesALogThatWasNotClosed) {
  const ExampleStore store;
  const BlockHeader witness = blocks_of(store.active(1)).back();
  zero(store.active(1), witness.position, witness.block_bytes);
  const VerifyReport report = verify_path(store.path());
  EXPECT_TRUE(report.is_clean());
  EXPECT_EQ(only(report).verdict, Verdict::kNote);
}

TEST(Verify, SaysThatASegmentBelongsElsewhere) {
  const ExampleStore store;
  const Manifest manifest = store.manifest();
  const Path second = store.partition() / file_names::segment(manifest.segments.at(1).epoch);
  std::filesystem::copy_file(second, store.sealed(),
                             std::filesystem::copy_options::overwrite_existing);
  const VerifyReport report = verify_path(store.path());
  EXPECT_FALSE(report.is_clean());
  EXPECT_THAT(to_text(report), HasSubstr("the block is of another"));
  EXPECT_THAT(to_text(report), HasSubstr("the segment's header is of another segment"));
}

TEST(Verify, ChecksSegmentsThatNoManifestNames) {
  const ExampleStore store;
  const Path sealed = store.sealed();
  std::filesystem::remove(store.partition() / "manifest");
  const Finding finding = only(verify_path(store.path()));
  EXPECT_EQ(finding.what, "the manifest is missing");
  const BlockHeader block = blocks_of(sealed).at(0);
  change_byte(sealed, block.position.value() + 200, 1);
  const VerifyReport report = verify_path(store.path());
  ASSERT_EQ(report.findings.size(), 2U) << to_text(report);
  EXPECT_EQ(report.findings[1].offsets, (OffsetRange{block.base_offset, block.end_offset()}));
}

// Tables whose checksums hold and which say what the log does not.

TEST(Verify, FindsAStaleIndex) {
  const ExampleStore full;
  const Path path = full.files(file_names::FileKind::kIndex).front();
  SegmentIdentity identity = full.manifest().partition;
  identity.epoch = full.manifest().segments.front().epoch;
  write_bytes(path, encode_index(identity, std::vector<IndexEntry>{}));
  EXPECT_THAT(only(verify_path(full.path())).what, HasSubstr("has 0 entries"));
  EXPECT_EQ(only(verify_path(full.path())).file, path);
}

// The directory of the first sealed segment, changed and written anew.
void rewrite_directory(const ExampleStore& store,
                       const std::function<void(std::vector<EntityRecord>&)>& change) {
  const Path path = store.files(file_names::FileKind::kEntities).front();
  SegmentIdentity identity = store.manifest().partition;
  identity.epoch = store.manifest().segments.front().epoch;
  const std::vector<std::byte> bytes = read_bytes(path);
  const Result<EntityDirectoryView> view = EntityDirectoryView::open(identity, bytes);
  ASSERT_TRUE(view);
  ASSERT_GT(view->size(), 1U);
  EntityDirectoryWriter writer(view->offsets());
  for (std::size_t slot = 0; slot < view->size(); ++slot) {
    const EntityEntry entry = view->at(slot);
    std::vector<EntityRecord> records;
    for (std::size_t i = 0; i < entry.size(); ++i) records.push_back(entry.record(i));
    if (slot == 1) change(records);
    if (!records.empty()) writer.add(entry.hash(), entry.previous(), records);
  }
  write_bytes(path, writer.finish(identity));
}

TEST(Verify, FindsADirectoryThatForgetsARecord) {
  const ExampleStore store;
  rewrite_directory(store, [](std::vector<EntityRecord>& records) { records.pop_back(); });
  EXPECT_THAT(verify_path(store.path()).findings, IsEmpty()) << "records are not decoded";
  const Finding finding = only(verify_path(store.path(), log_tools::Depth::kRecords));
  EXPECT_EQ(finding.file, store.files(file_names::FileKind::kEntities).front());
  EXPECT_THAT(finding.what, HasSubstr("names other records"));
}

// The directories alone: with the blocks they would be told from those first.
std::string broken_chains(const ExampleStore& store) {
  const auto inventory = log_tools::take_inventory(store.partition());
  std::string said;
  log_tools::EntityCheck check(inventory->partitions.front(),
                               [&](const Finding& finding) { said += finding.what; });
  for (const log_tools::SegmentPlace& segment : inventory->partitions.front().segments) {
    if (segment.listed->state == SegmentState::kSealed) check.open_directory(segment);
  }
  check.check_chains(0);
  return said;
}

TEST(Verify, FindsIncrementsThatAreNotInOrder) {
  const ExampleStore store;
  EXPECT_EQ(broken_chains(store), "");
  rewrite_directory(store, [](std::vector<EntityRecord>& records) {
    for (EntityRecord& record : records) record.increment += 1;
  });
  EXPECT_THAT(broken_chains(store), HasSubstr("increments of 1 entity are not in order"));
}

TEST(Verify, FindsACheckpointThatTheLogContradicts) {
  const ExampleStore store(1, ExampleStore::WithLarge::kYes);
  SegmentIdentity identity{.store = store.manifest().partition.store,
                           .topic = TopicId(3),
                           .partition = PartitionId(0),
                           .epoch = Epoch(1)};
  const Checkpoint good = decode_checkpoint(identity, read_bytes(store.checkpoint())).value();
  Checkpoint wrong = good;
  ++wrong.totals.record_count;
  write_bytes(store.checkpoint(), encode_checkpoint(identity, wrong));
  EXPECT_THAT(only(verify_path(store.path())).what, HasSubstr("other totals"));
  wrong = good;
  wrong.tail.position += limits::kSectorBytes;
  write_bytes(store.checkpoint(), encode_checkpoint(identity, wrong));
  EXPECT_THAT(only(verify_path(store.path())).what, HasSubstr("no block ends"));
  wrong = good;
  ++wrong.producers.producers.at(0).runs.at(0).first_number;
  write_bytes(store.checkpoint(), encode_checkpoint(identity, wrong));
  EXPECT_THAT(verify_path(store.path()).findings, IsEmpty()) << "records are not decoded";
  const VerifyReport deep = verify_path(store.path(), log_tools::Depth::kRecords);
  EXPECT_FALSE(deep.is_clean());
  EXPECT_THAT(to_text(deep), HasSubstr("not of that producer and number"));
}

TEST(Verify, FindsAManifestThatTheSegmentsContradict) {
  const ExampleStore store;
  Manifest wrong = store.manifest();
  ++wrong.segments.front().record_count;
  write_bytes(store.partition() / "manifest", encode_manifest(wrong));
  EXPECT_THAT(only(verify_path(store.path())).what,
              HasSubstr("the manifest contradict each other"));
}

TEST(Verify, FindsAnOlderManifest) {
  const ExampleStore store;
  const std::vector<std::byte> old = read_bytes(store.partition() / "manifest");
  {
    const std::unique_ptr<Device> device = make_posix_device();
    const auto opened = open_store(store.path(), *device);
    LogClient log(*opened);
    const TopicId topic = opened->find_topic("orders")->id;
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(log.append(topic, std::string(5000, 'n')));
  }
  write_bytes(store.partition() / "manifest", old);
  const VerifyReport report = verify_path(store.path());
  EXPECT_FALSE(report.is_clean());
  EXPECT_THAT(to_text(report), HasSubstr("the manifest does not list it"));
}

TEST(Verify, KnowsFromTheCheckpointThatASegmentWasCutShort) {
  const ExampleStore store(1, ExampleStore::WithLarge::kYes);
  const Path segment = store.checkpoint().parent_path() / file_names::segment(Epoch(1));
  std::filesystem::resize_file(segment,
                               limits::kSectorBytes + blocks_of(segment).at(0).block_bytes);
  const Finding finding = only(verify_path(store.path()));
  EXPECT_THAT(finding.what, HasSubstr("cut short"));
  EXPECT_EQ(finding.offsets.first, Offset(1));
}

TEST(Verify, GoesOnWithoutACatalog) {
  const ExampleStore store;
  std::filesystem::remove(store.path() / "catalog");
  EXPECT_EQ(only(verify_path(store.path())).what, "the catalog is missing");
}

TEST(Verify, MissesFoldersOfTheCatalog) {
  const ExampleStore store;
  std::filesystem::remove_all(store.path() / "topics" / "quiet");
  std::filesystem::remove_all(store.partition(1));
  const VerifyReport report = verify_path(store.path());
  ASSERT_EQ(report.findings.size(), 2U) << to_text(report);
  EXPECT_FALSE(report.is_clean());
  EXPECT_EQ(report.findings[0].what, "the partition's folder is missing");
}

TEST(Verify, NotesFilesThatNobodyReads) {
  const ExampleStore store;
  write_bytes(store.partition() / "notes.txt", as_bytes("x"));
  write_bytes(store.partition() / "manifest.new", as_bytes("x"));
  write_bytes(store.partition() / "0000000001.torn-8192-1", as_bytes("x"));
  std::filesystem::create_directory(store.path() / "topics" / "#orders-1");
  const VerifyReport report = verify_path(store.path());
  EXPECT_EQ(report.findings.size(), 4U) << to_text(report);
  EXPECT_TRUE(report.is_clean());
}

TEST(Verify, FindsASegmentThatTheManifestDoesNotList) {
  const ExampleStore store;
  std::filesystem::copy_file(store.sealed(), store.partition() / file_names::segment(Epoch(999)));
  EXPECT_THAT(only(verify_path(store.path())).what,
              HasSubstr("a segment that was replaced or removed"));
}

}  // namespace
}  // namespace bimip::testing
