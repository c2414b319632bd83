"""Ways to break the engine on purpose, each with the tests that must notice.

A mutation replaces a text that stands exactly once in its file; the rule `mutations_apply` says when one no longer does.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutation:
    name: str
    file: str
    old: str
    new: str
    test: str  # the program
    filter: str  # of its tests: at least one of them must fail


PARTITION = "engine_partition_test"
CRASH = "engine_crash_test"
WRITER = "engine/partition/partition_writer.cc"
SEGMENTS = "engine/partition/partition_writer_segments.cc"

MUTATIONS = [
    Mutation("a commit of a durable topic is only written", WRITER,
             "commit.operation.durability = config_.durability == Durability::kDurable",
             "commit.operation.durability = config_.partitions == 0",
             CRASH, "*lone_appends"),
    Mutation("a durable append is answered before the sync", WRITER,
             "if (wants_durable && durable_end_ < end) {", "if (wants_durable && durable_end_ > end) {",
             CRASH, "*written"),
    Mutation("what is on its way is answered with what came back", WRITER,
             "mine->finished = true;", "for (Commit& commit : commits_) commit.finished = true;",
             PARTITION, "*HoweverTheWritesFinish"),
    Mutation("a block claims that what is on its way is durable", WRITER,
             ".durable_offset = durable_end_,", ".durable_offset = tail_.next_offset,",
             CRASH, "*group_commits"),
    Mutation("records are visible before they are durable", WRITER,
             "if (packed.records > 0 && checkpoint_due()) plan_checkpoint();",
             "reader_.advance(tail_.next_offset, durable_end_);",
             PARTITION, "*AnswersOnlyWhatIsDurable"),
    Mutation("a failed write is passed over", WRITER,
             "if (!commit.operation.result && !degraded_) degrade(commit.operation.result.error());", "",
             PARTITION, "*AfterAFailedWrite*"),
    Mutation("a failed sync counts as one", WRITER,
             "if (!sync_operation_.result && !degraded_) degrade(sync_operation_.result.error());", "",
             PARTITION, "*AfterAFailedSync*"),
    Mutation("a sync covers what was written after it began", WRITER,
             "durable_end_ = std::max(durable_end_, sync_covers_);", "durable_end_ = written_end_;",
             PARTITION, "*ASyncCoversOnly*"),
    Mutation("time goes back with the wall clock", WRITER,
             "return last_timestamp_ = std::max(last_timestamp_, parts_.clock.now());",
             "return last_timestamp_ = parts_.clock.now();",
             PARTITION, "*TimestampsNeverGoBack"),
    Mutation("a retry is stored again", WRITER,
             "if (known.known != ProducerTable::Known::kStored) {", "if (packed.records < 1'000'000) {",
             PARTITION, "*StoresARetriedPublishOnce"),
    Mutation("a roll does not wait for what is only written", SEGMENTS,
             "if (durable_end_ < written_end_) return start_sync();", "",
             CRASH, "*written"),
    Mutation("jobs go on behind one that failed", SEGMENTS,
             "if (degraded_) jobs_.clear();", "",
             PARTITION, "*AFailedSealIsFollowed*"),
    Mutation("a table replaces another before its bytes are durable", "engine/device/device.cc",
             "return (*file)->sync();", "return {};",
             CRASH, "*rolls"),
    Mutation("a table's new name is not made durable", "engine/device/device.cc",
             "return device.sync_directory(path.parent_path());", "return {};",
             CRASH, "*rolls"),
    Mutation("the lock's name is not made durable", "engine/store/store.cc",
             "if (!has_lock) {", "if (has_lock) {",
             CRASH, "*lone_appends"),
    Mutation("a spare may be in two places", "engine/partition/spare_segments.cc",
             "if (Status gone = device_.sync_directory(options_.folder); !gone)",
             "if (Status gone = Status(); !gone)",
             PARTITION, "*IsNeverInTwoPlaces*"),
    Mutation("a block of another segment is taken for one of this", "engine/format/commit_block.cc",
             "if (header.identity != segment) {", "if (header.identity.topic != segment.topic) {",
             "engine_format_test", "*"),
    Mutation("a block in another place is taken for one of this", "engine/format/commit_block.cc",
             "if (header.position != position) {", "if (header.position < position) {",
             "engine_format_test", "*"),
    Mutation("rot is cut off as a torn tail", "engine/partition/segment_scan.cc",
             "if (durable <= scan_.tail.next_offset) return false;",
             "if (durable >= scan_.tail.next_offset) return false;",
             PARTITION, "*DamageInTheActiveSegment*"),
    Mutation("the tail cache forgets the order of blocks", "engine/partition/tail_cache.cc",
             "blocks_[where].push_back(std::move(block));", "blocks_[where].push_front(std::move(block));",
             PARTITION, "TailCache*"),
    Mutation("recovery forgets the newest retries", "engine/partition/producer_table.cc",
             "if (record.producer) add_number(*record.producer, offset, now);",
             "if (record.producer && runs_ > 0) add_number(*record.producer, offset, now);",
             PARTITION, "ProducerTable*"),
]
