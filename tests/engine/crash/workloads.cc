#include "tests/engine/crash/script.h"

namespace bimip::testing {
namespace {

using namespace std::chrono_literals;

constexpr TopicConfig kSmallSegments{.segment_bytes = limits::kSegmentBytesMin};

// One after another, each waiting for its answer; an idle second, so that a witness closes the log;
// a stop in good order and a start.
void lone_appends(Script& script) {
  script.topic("t", {});
  for (std::size_t i = 0; i < 6; ++i) {
    script.append(10 + i * 700);
    script.settle();
  }
  script.pass(2s);
  script.work(6);
  script.append(50);
  script.settle();
  script.reopen();
  script.append(60);
  script.append({.value_bytes = {1, 5000, 20}});
  script.settle();
}

// Many waiting at once, so that commits of all sizes are on their way together.
void group_commits(Script& script) {
  script.topic("t", {});
  for (std::size_t i = 0; i < 60; ++i) {
    script.append(1 + i * 977 % 9000);
    if (i % 3 == 0) script.append({.value_bytes = {i, 3000 + i, 2 * i}});
    if (i % 5 != 0) script.work(1);
  }
  script.append(60'000);
  script.append(90'000);
  script.append(70'000);
  script.settle();
}

// Segment after segment: prepared, begun, sealed, several rolls in a row.
void rolls(Script& script) {
  script.topic("t", kSmallSegments);
  for (std::size_t i = 0; i < 28; ++i) {
    script.append(4000 + i * 977 % 14'000);
    if (i % 4 == 0) script.work(2);
    if (i % 11 == 10) script.settle();
  }
  script.settle();
  script.reopen();
  script.append(9000);
  script.settle();
}

// By age: with little in the segment and nothing waiting.
void rolls_by_age(Script& script) {
  script.topic("t", {.segment_age = 60s});
  for (std::size_t round = 0; round < 3; ++round) {
    script.append(100 + round);
    script.append(5000);
    script.settle();
    script.pass(61s);
    script.work(12);
  }
  script.append(7);
  script.settle();
}

// Checkpoints while more is appended, and before a roll.
void checkpoints(Script& script) {
  script.topic("t", kSmallSegments);
  for (std::size_t i = 0; i < 40; ++i) {
    script.append(2500 + i * 31);
    script.pass(150ms);
    script.work(i % 3 == 0 ? 3 : 1);
  }
  script.settle();
  script.pass(2s);
  script.work(8);
}

// Answered when written; some of it durable on demand, the rest in the background.
void written(Script& script) {
  TopicConfig config = kSmallSegments;
  config.durability = Durability::kWritten;
  script.topic("t", config);
  for (std::size_t i = 0; i < 40; ++i) {
    script.append({.value_bytes = {500 + i * 977 % 7000},
                   .durability = i % 7 == 3 ? std::optional(Durability::kDurable) : std::nullopt});
    script.pass(100ms);
    script.work(1);
  }
  script.settle();
  script.pass(2s);
  script.work(8);
  script.append(30);
  script.settle();
  script.reopen();
  script.append(40);
  script.settle();
}

// Two topics, three partitions, made while others write; an end without a stop in good order.
void many_partitions(Script& script) {
  script.topic("t", kSmallSegments);
  script.append(4000);
  script.work(1);
  TopicConfig config = kSmallSegments;
  config.partitions = 2;
  script.topic("u", config);
  for (std::size_t i = 0; i < 9; ++i) {
    script.append(1000 + i * 900);
    script.append({.topic = "u", .partition = 0, .value_bytes = {200, 200 * i}});
    script.append({.topic = "u", .partition = 1, .value_bytes = {9000}});
    script.work(2);
  }
  script.settle();
}

// Segments out of a stock of zeroed files, filled again meanwhile.
void spares(Script& script) {
  script.topic("t", kSmallSegments);
  if (script.alive()) (void)script.store().fill_spares(limits::kSegmentBytesMin);
  for (std::size_t i = 0; i < 14; ++i) {
    script.append(12000);
    script.pass(300ms);
    script.work(2);
  }
  script.settle();
  script.reopen();
  script.append(9000);
  script.settle();
}

// Segments of small commits, packed behind the writer's back while it goes on.
void packing(Script& script) {
  script.topic("t", kSmallSegments);
  for (std::size_t i = 0; i < 40; ++i) {
    script.append(80 + i);
    script.settle();
  }
  for (std::size_t i = 0; i < 6; ++i) {
    script.idle(1s);
    script.append(4000);
    script.work(2);
  }
  script.settle();
  script.reopen();
  script.append(70);
  script.settle();
}

// Keys of one segment and of many, through rolls and checkpoints.
void entities(Script& script) {
  script.topic("t", kSmallSegments);
  for (std::size_t i = 0; i < 24; ++i) {
    script.append({.value_bytes = {2500 + i * 7}, .key = "often"});
    script.append({.value_bytes = {100, 3000 + i}, .key = "key " + std::to_string(i % 5)});
    if (i % 3 == 0) script.append(500);
    if (i % 4 == 0) script.append({.value_bytes = {60}, .key = "once " + std::to_string(i)});
    script.pass(120ms);
    script.work(2);
  }
  script.settle();
  script.reopen();
  script.append({.value_bytes = {70}, .key = "often"});
  script.settle();
}

// The oldest segments go while more is appended, with all that some keys ever had.
void retention(Script& script) {
  TopicConfig config = kSmallSegments;
  config.retention_bytes = 2 * limits::kSegmentBytesMin;
  script.topic("t", config);
  for (std::size_t i = 0; i < 30; ++i) {
    script.append({.value_bytes = {6000 + i * 31}, .key = "key " + std::to_string(i / 4)});
    script.work(3);
    if (i % 6 == 5) script.idle(6s);
  }
  script.settle();
  script.idle(6s);
  script.reopen();
  script.append({.value_bytes = {80}, .key = "key 0"});
  script.settle();
}

// Newest records are kept and the others go, while more is appended; then once more.
void compaction(Script& script) {
  TopicConfig config = kSmallSegments;
  config.compaction = Compaction::kNewest;
  script.topic("t", config);
  for (std::size_t i = 0; i < 36; ++i) {
    script.append({.value_bytes = {4000 + i * 31}, .key = "key " + std::to_string(i % 6)});
    if (i % 9 == 4) script.append(300);
    script.work(4);
    if (i % 12 == 11) script.idle(6s);
  }
  script.settle();
  script.idle(6s);
  script.reopen();
  script.append({.value_bytes = {90}, .key = "key 1"});
  script.settle();
}

// Both, of what was packed before.
void compaction_and_retention(Script& script) {
  TopicConfig config = kSmallSegments;
  config.compaction = Compaction::kNewest;
  config.retention_bytes = 3 * limits::kSegmentBytesMin;
  script.topic("t", config);
  for (std::size_t i = 0; i < 60; ++i) {
    script.append({.value_bytes = {i % 3 == 0 ? 9000UL : 90UL},
                   .key = "key " + std::to_string(i % 3 == 0 ? i : i % 7)});
    script.settle();
    if (i % 12 == 11) script.idle(6s);
  }
  script.idle(6s);
  script.reopen();
  script.append({.value_bytes = {90}, .key = "key 1"});
  script.settle();
}

// A key of several segments and of the active one goes, another of one segment follows; what is
// appended between and behind stays.
void erasure(Script& script) {
  script.topic("t", kSmallSegments);
  for (std::size_t i = 0; i < 26; ++i) {
    script.append({.value_bytes = {5000 + i * 31}, .key = "key " + std::to_string(i % 3)});
    if (i % 5 == 0) script.append({.value_bytes = {900}, .key = "gone, sooner"});
    if (i == 3) script.append({.value_bytes = {90}, .key = "gone, later"});
    script.work(3);
  }
  script.settle();
  script.erase("gone, sooner");
  script.append({.value_bytes = {800}, .key = "key 1"});
  script.settle();
  script.erase("gone, later");
  script.reopen();
  script.append({.value_bytes = {90}, .key = "key 0"});
  script.settle();
}

// Of each key the newest two are kept, while more is appended; then once more.
void bounded_keys(Script& script) {
  TopicConfig config = kSmallSegments;
  config.entity_records_max = 2;
  script.topic("t", config);
  for (std::size_t i = 0; i < 36; ++i) {
    script.append({.value_bytes = {4000 + i * 31}, .key = "key " + std::to_string(i % 4)});
    if (i % 9 == 4) script.append(300);
    script.work(4);
    if (i % 12 == 11) script.idle(6s);
  }
  script.settle();
  script.idle(6s);
  script.reopen();
  script.append({.value_bytes = {90}, .key = "key 1"});
  script.settle();
}

}  // namespace

const std::vector<Workload>& all_workloads() {
  static const std::vector<Workload> workloads{
      {.name = "lone_appends", .run = lone_appends},
      {.name = "group_commits", .run = group_commits},
      {.name = "rolls", .run = rolls},
      {.name = "rolls_by_age", .run = rolls_by_age},
      {.name = "checkpoints", .run = checkpoints},
      {.name = "written", .run = written},
      {.name = "many_partitions", .run = many_partitions},
      {.name = "packing", .run = packing, .removes = {.rewrites = 1}},
      {.name = "entities", .run = entities},
      {.name = "retention", .run = retention, .removes = {.log_start = 1}},
      {.name = "compaction", .run = compaction, .removes = {.compactions = 2}},
      {.name = "compaction_and_retention",
       .run = compaction_and_retention,
       .removes = {.rewrites = 3, .compactions = 2, .log_start = 1}},
      {.name = "erasure", .run = erasure, .removes = {.rewrites = 3}},
      {.name = "bounded_keys", .run = bounded_keys, .removes = {.compactions = 2}},
      {.name = "spares", .run = spares, .options = {.spare_bytes = 3 * limits::kSegmentBytesMin}},
  };
  return workloads;
}

}  // namespace bimip::testing
