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
KEEPER = "engine/partition/segment_keeper.cc"
REWRITE = "engine/partition/segment_rewrite.cc"
INDEX = "engine/entity/entity_index.cc"
STORE = "engine_store_test"
UPKEEP = "engine_upkeep_test"
BROKER = "frontend_services_broker_test"
SESSION = "frontend_session_test"
AWARENESS = "frontend_services_awareness_test"
CORE = "frontend/services/awareness/awareness_core.cc"
DEVICES = "frontend/services/awareness/awareness_devices.cc"
VIEWERS = "frontend/services/awareness/awareness_viewers.cc"
PRIVACY = "frontend/services/awareness/privacy.cc"

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
    Mutation("an increment is used again", INDEX,
             "link.increment = before->increment + 1;", "link.increment = before->increment;",
             CRASH, "*entities"),
    Mutation("what a lost record may have counted is counted again", INDEX,
             "if (!lost_.empty()) link.increment += lost_behind(hash, link.previous);", "",
             "engine_entity_test", "*LeavesOutAnIncrement*"),
    Mutation("recovery forgets the newest records of the entities", "engine/partition/recovery.cc",
             "{.increment = record->entity->increment, .offset = record->offset});",
             "{.increment = record->entity->increment, .offset = Offset(0)});",
             CRASH, "*entities"),
    Mutation("entities are forgotten with the last segment that has them", KEEPER,
             "if (Status done = remember_entities(gone.back().end_offset); !done)",
             "if (Status done = gone.empty() ? remember_entities(start) : Status(); !done)",
             CRASH, "*retention"),
    Mutation("a rewritten segment's name is not durable before it is listed", KEEPER,
             "Status done = device_.sync_directory(place_.folder);\n  *first = rewritten;",
             "Status done;\n  *first = rewritten;",
             CRASH, "*packing"),
    Mutation("what was rewritten is not synced", REWRITE,
             "if (Status done = file_->sync(); !done) return done;\n  outcome_.segment = {", "outcome_.segment = {",
             CRASH, "*compaction"),
    Mutation("what was rewritten is not compared", REWRITE,
             "if (!same)\n", "if (!same && !header)\n",
             UPKEEP, "*ComparesWhatItWrote*"),
    Mutation("compaction drops the newest", "engine/partition/compaction.cc",
             "if (!newest_->contains(record.offset)) return Fate::kDropped;",
             "if (newest_->contains(record.offset)) return Fate::kDropped;",
             CRASH, "*compaction"),
    Mutation("a tombstone has no grace", "engine/partition/compaction.cc",
             "segment.cleaned_at + config.tombstone_grace <= now;", "segment.cleaned_at <= now;",
             UPKEEP, "*TombstonesAfterTheirGrace"),
    Mutation("retention takes one segment too many", "engine/partition/retention.cc",
             "bytes - segment.file_bytes >= config.retention_bytes;", "bytes >= config.retention_bytes;",
             STORE, "Retention*"),
    Mutation("a scrub passes over what it cannot read", "engine/store/scrubber.cc",
             "pass_damage(block.error());", "blocks.seek(blocks.position() + limits::kSectorBytes);",
             STORE, "Scrub*"),
    Mutation("a commit moves with what was delivered", "frontend/session/subscription.h",
             "return ledger.lowest().value_or(next);", "return next;",
             SESSION, "Cursor*"),
    Mutation("a partition is given before its owner let go", "frontend/services/broker/group.cc",
             "if (partition.owner) {\n", "if (partition.owner && partition.taken) {\n",
             BROKER, "Group*"),
    Mutation("a block hides one way only", PRIVACY,
             "sides.to_viewer.restriction == Restriction::kBlocked ||\n      sides.to_owner",
             "sides.to_owner.restriction == Restriction::kBlocked ||\n      sides.to_owner",
             AWARENESS, "AwarenessModel*"),
    Mutation("who hides from one sees him", PRIVACY,
             "if (aspect != Aspect::kLocation && refuses(", "if (aspect == Aspect::kLocation && refuses(",
             AWARENESS, "AwarenessModel*"),
    Mutation("an old seat ends a new one", DEVICES,
             "return device.name == seat.device && device.seat == seat.seat;", "return device.name == seat.device;",
             AWARENESS, "AwarenessModel*"),
    Mutation("what hides somebody waits", CORE,
             "if (is_due || hides) publish(number, now);", "if (is_due) publish(number, now);",
             AWARENESS, "AwarenessModel*"),
    Mutation("an invisible one can be felt", VIEWERS,
             "if (!is_own && !is_shown(entity.published.state)) return visible;", "",
             AWARENESS, "AwarenessModel*"),
    Mutation("what was not yet published at a crash never is", CORE,
             "entity.is_dirty = !entity.devices.empty() || entity.published.state != UserState::kOffline;", "",
             AWARENESS, "AwarenessModel*"),
    Mutation("an audience changes and nobody looks again", VIEWERS,
             "mark_seen_by(number);\n  tell_marked(now);", "tell_marked(now);",
             AWARENESS, "AwarenessModel*"),
    Mutation("a viewer is told again before it took the last", VIEWERS,
             "if (!has_news || !watch.is_ready) return;", "if (!has_news) return;",
             AWARENESS, "*TakesNothing*"),
    Mutation("what is seen as before is told again", VIEWERS,
             "target.fingerprint == fingerprint) {", "target.fingerprint == 0) {",
             AWARENESS, "AwarenessModel*"),
    Mutation("a lapse is not passed on to who is left", CORE,
             "remove_device(number, i);\n        continue;", "entity.devices.erase(entity.devices.begin());\n        continue;",
             AWARENESS, "AwarenessModel*"),
]
