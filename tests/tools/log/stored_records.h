// What records a folder holds, read twice and independently: straight out of the bytes of its
// files, and through an opened store.
#pragma once

#include <map>
#include <tuple>

#include "engine/base/hash.h"
#include "tests/tools/log/example_store.h"

namespace bimip::testing {

struct RecordPlace {
  TopicId topic{};
  PartitionId partition{};
  Offset offset{};
  friend auto operator<=>(const RecordPlace&, const RecordPlace&) = default;
};

// Everything of a record, so that two are equal only when nothing of them differs.
struct RecordCopy {
  Timestamp timestamp{};
  RecordKind kind{};
  std::string key;
  std::string value;
  std::string headers;
  std::string idempotency_key;
  std::optional<ProducerMark> producer{};
  std::optional<Timestamp> expires_at{};
  std::optional<Timestamp> not_before{};
  friend bool operator==(const RecordCopy&, const RecordCopy&) = default;

  explicit RecordCopy(const Record& record)
      : timestamp(record.timestamp),
        kind(record.kind),
        key(as_text(record.key)),
        value(as_text(record.value)),
        headers(as_text(record.headers)),
        idempotency_key(as_text(record.idempotency_key)),
        producer(record.producer),
        expires_at(record.expires_at),
        not_before(record.not_before) {}
};

using Records = std::map<RecordPlace, RecordCopy>;

// Looks at every byte of a file for the beginning of a block; shares nothing with the tool but the
// codecs.
inline void add_records_in(const std::vector<std::byte>& bytes, Records& found) {
  for (std::size_t at = 0; at + kBlockHeaderBytes <= bytes.size(); ++at) {
    if (load<std::uint32_t>(bytes.data() + at + 16) != kBlockMagic) continue;
    const Result<BlockHeader> header = decode_block_header(Bytes(bytes).subspan(at));
    if (!header || at + header->block_bytes > bytes.size()) continue;
    const Bytes block = Bytes(bytes).subspan(at, header->block_bytes);
    if (!check_payload(*header, block)) continue;
    RecordCursor records(*header, block);
    while (!records.done()) {
      const Result<Record> record = records.next();
      if (!record) break;
      found.emplace(RecordPlace{header->identity.topic, header->identity.partition, record->offset},
                    *record);
    }
  }
}

inline Records records_that_check(const Path& folder) {
  Records found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) add_records_in(read_bytes(entry.path()), found);
  }
  return found;
}

// Nothing of it is written anew while it is open: a test looks at the files that are there.
inline std::unique_ptr<Store> open_as_it_is(const Path& directory, Device& device) {
  constexpr std::uint64_t kNothing = 1;  // bytes a second
  Result<std::unique_ptr<Store>> store = Store::open({.directory = directory,
                                                      .free_space_floor = 0,
                                                      .rewrite_bytes_per_second = kNothing,
                                                      .device = &device});
  if (!store) throw std::runtime_error(store.error().message);
  return std::move(*store);
}

// Of all topics of an open store, past its gaps.
inline Records records_of(Store& store) {
  Records found;
  LogClient log(store);
  for (const TopicInfo& topic : store.list_topics()) {
    for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
      const PartitionId partition(i);
      const Result<LogBounds> bounds = store.bounds(topic.id, partition);
      if (!bounds) throw std::runtime_error(bounds.error().message);
      Offset from = bounds->start;
      while (from < bounds->visible_end) {
        Result<RecordBatch> batch = log.read(topic.id, from, partition);
        if (!batch && batch.error().code != ErrorCode::kDamaged)
          throw std::runtime_error(batch.error().message);
        if (!batch) {
          from = batch.error().range.end;
          continue;
        }
        const Status read = batch->for_each([&](const Record& record) {
          found.emplace(RecordPlace{topic.id, partition, record.offset}, record);
        });
        if (!read) throw std::runtime_error(read.error().message);
        from = batch->range().end;
      }
    }
  }
  return found;
}

// Each file below the folder and what is in it.
inline std::map<Path, Hash128> contents_of(const Path& folder) {
  std::map<Path, Hash128> contents;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) contents[entry.path()] = xxh3_128(read_bytes(entry.path()));
  }
  return contents;
}

}  // namespace bimip::testing
