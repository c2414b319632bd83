// Every bound of the engine, in one place, with its reason. What a topic may choose for itself is
// in TopicConfig (engine/store/topic_config.h); these are the floors and ceilings around it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bimip::engine::limits {

using namespace std::chrono_literals;

// The unit of direct I/O, and the alignment of every commit block. Larger than any common logical
// sector.
inline constexpr std::size_t kSectorBytes = 4096;

// One commit. A device gains nothing above 1 MiB; 2 MiB lets the largest record share a block.
inline constexpr std::size_t kBlockBytesMax = 2 * 1024 * 1024;
// One record as stored, all its fields together. Larger things belong in an object store.
inline constexpr std::size_t kRecordBytesMax = 1024 * 1024;
inline constexpr std::size_t kKeyBytesMax = 1024;
inline constexpr std::size_t kIdempotencyKeyBytesMax = 255;
inline constexpr std::size_t kHeadersMax = 64;
inline constexpr std::size_t kHeaderNameBytesMax = 255;

// Commits on their way to the device at once, a partition. Four reach a virtual disk's rate with
// small ones, eight with large ones.
inline constexpr std::size_t kCommitsInFlightMax = 8;
// Records of one commit, before it is closed and the next begun. Above 1 MiB a device's rate grows
// no more.
inline constexpr std::size_t kCommitPayloadBytes = 1024 * 1024 - 8192;
// From this size on a commit is sent off without waiting for company: the device's rate then grows
// with the size.
inline constexpr std::size_t kCommitWorthBytes = 48 * 1024;
// Bytes accepted but not yet packed, a partition; above it an append is answered kBusy.
inline constexpr std::size_t kPendingBytesMax = 32 * 1024 * 1024;

// Segments. The floor keeps a manifest short, the ceiling keeps packing and salvage bounded.
inline constexpr std::uint64_t kSegmentBytesMin = 64 * 1024;
inline constexpr std::uint64_t kSegmentBytesMax = 4ULL * 1024 * 1024 * 1024;
inline constexpr std::uint64_t kSegmentBytesDefault = 128ULL * 1024 * 1024;
inline constexpr auto kSegmentAgeDefault = 7 * 24h;
inline constexpr std::int64_t kSegmentAgeMaxSeconds = 10LL * 366 * 24 * 3600;
// A thousand years: what is meant to be kept longer is kept for ever.
inline constexpr std::int64_t kRetentionAgeMaxSeconds = 1000LL * 366 * 24 * 3600;
// First and largest step by which an active segment's space grows.
inline constexpr std::uint64_t kExtendBytesMin = 256 * 1024;
inline constexpr std::uint64_t kExtendBytesMax = 16 * 1024 * 1024;
// Below this mean commit the space ahead is zeroed: a write into zeroed space needs no file-system
// journal.
inline constexpr std::uint64_t kZeroAheadBelowCommitBytes = 128 * 1024;

// Log bytes between two checkpoints of an active segment: what an open may have to scan. A
// checkpoint costs several syncs, so they keep a distance in time too, until the bytes are many.
inline constexpr std::uint64_t kCheckpointBytes = 4 * 1024 * 1024;
inline constexpr std::uint64_t kCheckpointBytesMax = 64 * 1024 * 1024;
inline constexpr auto kCheckpointEvery = 1s;
// Log bytes between two index entries: what a read by offset may have to skip.
inline constexpr std::uint64_t kIndexStrideBytes = 64 * 1024;

// Packing. A sealed segment whose file is larger than this much of its records is written anew in
// blocks of at most so many bytes (larger ones stay whole): what a read of one record costs.
inline constexpr double kPackAbove = 1.25;
inline constexpr std::size_t kPackedBlockBytes = 64 * 1024;
// Rewriting segments: read and written at once before others get their turn, read and written a
// second over the whole store, and the time until what failed is tried again.
inline constexpr std::size_t kRewriteStepBytes = 1024 * 1024;
inline constexpr std::uint64_t kRewriteBytesPerSecond = 64ULL * 1024 * 1024;
inline constexpr auto kRewriteRetry = 30s;
// Compaction of a keyed topic begins when this share of its sealed bytes was never gone over. It
// keeps so many keys in memory at once (32 bytes each) and a bit for so many offsets.
inline constexpr std::uint64_t kCompactDirtyPercent = 50;
inline constexpr std::size_t kCompactKeysMax = 1'000'000;
inline constexpr std::uint64_t kCompactWindowOffsets = 1ULL << 28U;
inline constexpr auto kTombstoneGraceDefault = 24h;
// Old records of keys: segments that became old since the last look are gone over no more often.
inline constexpr std::chrono::seconds kEntityAgePassMin = 60s;
// Erasure. A key shorter than this is looked for in records and tables, not as bytes anywhere: it
// would be found by chance. Of the erased values so many are remembered, a few bytes of each, to be
// looked for in what is no record. So many places are named when something is left.
inline constexpr std::size_t kEraseKeyBytesMin = 8;
inline constexpr std::size_t kEraseValuesRemembered = 4096;
inline constexpr std::size_t kErasePlacesNamed = 16;
// What a proof finds in segments is erased, and proven again: the first time in what was active,
// the second in what was that.
inline constexpr std::size_t kEraseProofsMax = 3;
// How often a partition looks whether time alone gave it something to do.
inline constexpr auto kUpkeepEvery = 5s;

// A topic that answers before its records are durable makes them durable this soon.
inline constexpr auto kBackgroundSync = 1s;
// A log that was idle this long is closed by a block that vouches for all before it.
inline constexpr auto kWitnessAfter = 1s;
// While there are writes, how often it is made sure that the segment's file still has its name.
inline constexpr auto kPresenceEvery = 1s;
// A partition that failed for want of space or descriptors is opened anew by itself: after this
// long, then after twice as long each time, at most every kReopenAfterMax.
inline constexpr auto kReopenAfter = 1s;
inline constexpr auto kReopenAfterMax = 60s;
// After the device was full, the time before it is asked again.
inline constexpr auto kSpaceRetry = 200ms;

// Recent blocks kept in memory for readers at the tail, a store.
inline constexpr std::size_t kTailCacheBytes = 32 * 1024 * 1024;
// Blocks of sealed segments kept for readers that read on and on, a store.
inline constexpr std::size_t kReadAheadBytes = 32 * 1024 * 1024;
// Commit and read buffers, a store: the tail cache and what is in flight. Registered with the
// kernel where it allows.
inline constexpr std::size_t kBufferArenaBytes = 64 * 1024 * 1024;
// Sealed segments kept open and mapped, a store: a descriptor each, and a map or two.
inline constexpr std::size_t kOpenSegmentsMax = 1024;
// Partitions whose files are open for writing, a store: two descriptors each, four once half of a
// segment is full. The others take their turn. Where the process may open fewer than 4,096 files,
// both are smaller.
inline constexpr std::size_t kOpenPartitionsMax = 512;
// A partition that was not written to for this long gives its files back.
inline constexpr auto kGiveBackAfter = 10s;
// So many partitions together are synced by one call.
inline constexpr std::size_t kSyncTogetherFrom = 16;
// First step by which the space of a partition that was hardly written to grows.
inline constexpr std::uint64_t kExtendBytesYoung = 32 * 1024;

// Retried publishes. A producer that has more records unanswered than this cannot be told apart.
inline constexpr std::size_t kProducerNumbersKept = 1024;
// Runs of numbers remembered, a partition; above it a producer that publishes keeps only as many as
// the next limit says. Producers that say what they have settled stay far below.
inline constexpr std::size_t kProducerRunsMax = 1'000'000;
inline constexpr std::size_t kProducerNumbersKeptUnderPressure = 16;
inline constexpr std::size_t kProducersMax = 100'000;
inline constexpr auto kProducerIdleMax = 7 * 24h;
inline constexpr std::size_t kIdempotencyKeysMax = 65'536;
inline constexpr auto kIdempotencyWindow = 10min;

// Entities whose newest record is kept in memory, a partition: about 27 bytes each. Colder ones are
// looked up on the disk.
inline constexpr std::size_t kEntitiesInMemoryMax = 16'000'000;
// One answer to a read of an entity, or to a listing of entities.
inline constexpr std::size_t kEntityRecordsPerRead = 4096;
// Appends to entities that are not in memory, looked up together.
inline constexpr std::size_t kColdLookupsMax = 1024;

// The online check of sealed segments: what it reads a second at most (and least, while there is
// something to read), the age no verified byte is to exceed, what one step reads, how often it
// writes down where it stands, how often it looks for what is next, and after how many bytes in a
// row that the device does not give the rest of a segment is taken for lost.
inline constexpr std::uint64_t kScrubBytesPerSecondMax = 16ULL * 1024 * 1024;
inline constexpr std::uint64_t kScrubBytesPerSecondMin = 256ULL * 1024;
inline constexpr std::chrono::seconds kScrubAgeGoal = 7 * 24h;
inline constexpr std::uint64_t kScrubStepBytes = 256ULL * 1024;
inline constexpr auto kScrubStateEvery = 60s;
inline constexpr auto kScrubLookEvery = 60s;
inline constexpr std::uint64_t kScrubUnreadableMax = 1024ULL * 1024;

// Records held until their time: how far ahead that may be (what a topic says when it says nothing,
// and what it may say at most: the oldest of them keeps its segment from retention), and how many a
// partition holds. They are written down, 16 bytes each, with every seal: so a topic of small
// segments holds fewer, at most what takes a quarter of a segment.
inline constexpr std::chrono::seconds kHoldMaxDefault = 7 * 24h;
inline constexpr std::int64_t kHoldMaxSecondsMax = 366LL * 24 * 3600;
inline constexpr std::size_t kHeldRecordsMax = 4'000'000;
inline constexpr std::uint64_t kSegmentBytesPerHeldRecord = 64;
// Of those whose time has come, so many, of so many bytes, are read and appended together. What
// could not be appended is tried again after so long.
inline constexpr std::size_t kReleaseRecordsMax = 512;
inline constexpr std::size_t kReleaseBytesMax = kCommitPayloadBytes / 2;
inline constexpr auto kReleaseRetry = 200ms;
// So many of them, of so many bytes, are in memory at a time: the more that wait in the same blocks
// are read with them.
inline constexpr std::size_t kReleaseWindowMax = 16'384;
inline constexpr std::size_t kReleaseReadBytesMax = 32UL * 1024 * 1024;

// Names. A topic's name is its folder's name.
inline constexpr std::size_t kTopicNameBytesMax = 200;
inline constexpr std::uint32_t kTopicsMax = 10'000;
inline constexpr std::uint32_t kPartitionsPerTopicMax = 1024;
inline constexpr std::uint32_t kPartitionsMax = 10'000;

// Writes stop while the file system still has this much room.
inline constexpr std::uint64_t kFreeSpaceFloorDefault = 256ULL * 1024 * 1024;

}  // namespace bimip::engine::limits
