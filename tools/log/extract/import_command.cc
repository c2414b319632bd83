#include "tools/log/extract/import_command.h"

#include <algorithm>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/format/catalog.h"
#include "engine/format/file_names.h"
#include "engine/store/store.h"
#include "tools/log/extract/extract_format.h"
#include "tools/log/report_text.h"
#include "tools/log/store_hold.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

// One append: as much as goes well into a block.
constexpr std::size_t kBatchBytes = 512 * 1024;
constexpr std::size_t kBatchRecords = 1000;

class BlockingAppend final : public AppendRequest {
 public:
  void on_appended(Result<Appended> result) override { answer_.set_value(std::move(result)); }
  Result<Appended> wait() { return answer_.get_future().get(); }

 private:
  std::promise<Result<Appended>> answer_;
};

struct Imported {
  std::map<PartitionId, std::uint64_t> stored{};
  std::map<PartitionId, std::uint64_t> known{};  // were there from an import before
};

// Where records are that are held until their time.
using HeldPlaces = std::set<std::pair<PartitionId, Offset>>;

class Importer {
 public:
  // `released`: those of the file that are in it again, as they were delivered.
  Importer(Store& store, TopicInfo topic, const HeldPlaces& released)
      : store_(store), topic_(std::move(topic)), released_(released) {}

  Status begin(const ExtractHeader& header) {
    header_ = header;
    for (std::uint32_t i = 0; i < topic_.config.partitions; ++i) {
      const Result<LogBounds> bounds = store_.bounds(topic_.id, PartitionId(i));
      if (!bounds) return std::unexpected(bounds.error());
      ends_[PartitionId(i)] = bounds->visible_end;
    }
    return {};
  }

  Status add(ExtractedRecord record) {
    if (released_.contains({record.partition, record.offset})) return {};
    const PartitionId partition = partition_for(record);
    Batch& batch = batches_[partition];
    batch.bytes += record.key.size() + record.value.size() + record.headers.size();
    batch.records.push_back(std::move(record));
    const bool is_full = batch.bytes >= kBatchBytes || batch.records.size() >= kBatchRecords;
    return is_full ? send(partition, batch) : Status{};
  }

  Status finish() {
    for (auto& [partition, batch] : batches_) {
      if (Status done = send(partition, batch); !done) return done;
    }
    return {};
  }

  [[nodiscard]] const Imported& outcome() const { return outcome_; }

 private:
  struct Batch {
    std::vector<ExtractedRecord> records{};
    std::size_t bytes = 0;
    std::uint64_t sent = 0;  // of the partition, in batches before
  };

  // Where it was, unless the topic has another number of partitions now: then where its key goes.
  PartitionId partition_for(const ExtractedRecord& record) const {
    const std::uint32_t partitions = topic_.config.partitions;
    if (header_.partitions == partitions && record.partition.value() < partitions)
      return record.partition;
    if (!record.key.empty()) return partition_of_key(as_bytes(record.key), partitions);
    return PartitionId(record.partition.value() % partitions);
  }

  // Numbered one by one, so that all of a file is one run of its producer.
  Status send(PartitionId partition, Batch& batch) {
    if (batch.records.empty()) return {};
    std::vector<RecordFields> fields;
    for (const ExtractedRecord& record : batch.records) {
      fields.push_back(record.fields());
      fields.back().producer =
          ProducerMark{.id = header_.id, .number = ProducerNumber(++batch.sent)};
    }
    BlockingAppend append;
    append.topic = topic_.id;
    append.partition = partition;
    append.records = fields;
    append.durability = Durability::kDurable;
    store_.append(append);
    const Result<Appended> answer = append.wait();
    if (!answer) return std::unexpected(answer.error());
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const bool is_known = answer->at(i) < ends_[partition];
      ++(is_known ? outcome_.known : outcome_.stored)[partition];
    }
    batch.records.clear();
    batch.bytes = 0;
    return {};
  }

  Store& store_;
  const TopicInfo topic_;
  const HeldPlaces& released_;
  ExtractHeader header_;
  std::map<PartitionId, Offset> ends_;
  std::map<PartitionId, Batch> batches_;
  Imported outcome_;
};

// The whole file is read before anything is stored: a damaged one stores nothing.
struct Checked {
  ExtractHeader header{};
  std::uint64_t records = 0;
  HeldPlaces released{};
};
Result<Checked> check_file(const Path& path) {
  Checked checked;
  const Status done =
      read_extract(path, {.on_header =
                              [&](const ExtractHeader& header) {
                                checked.header = header;
                                return Status{};
                              },
                          .on_record =
                              [&](const ExtractedRecord& record) {
                                ++checked.records;
                                if (record.held_at)
                                  checked.released.emplace(record.partition, *record.held_at);
                                return Status{};
                              }});
  if (!done) return std::unexpected(done.error());
  return checked;
}

// That the store is there, that no server holds it, and that it has the topic. The hold is over
// when this returns.
Status check_store(const Path& into, const std::string& topic) {
  if (Status there = check_data_directory(into); !there) return there;
  const Result<StoreHold> hold = StoreHold::take(into);
  if (!hold) return std::unexpected(hold.error());
  const Path path = into / file_names::kCatalog;
  const Result<std::vector<std::byte>> bytes = read_whole(path, kTableBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  const Result<Catalog> catalog = decode_catalog(*bytes);
  if (!catalog) return fail_at(path.string(), catalog.error());
  const bool has_topic = std::ranges::any_of(
      catalog->topics, [&](const CatalogTopic& one) { return one.name == topic; });
  if (has_topic) return {};
  return fail(ErrorCode::kNotFound,
              into.string() + ": has no topic '" + topic + "'; --topic names another");
}

Result<Imported> import(const ImportArguments& arguments, const std::string& topic_name,
                        const HeldPlaces& released) {
  Result<std::unique_ptr<Store>> store = Store::open({.directory = arguments.into});
  if (!store) return std::unexpected(std::move(store.error()));
  Result<TopicInfo> topic = (*store)->find_topic(topic_name);
  if (!topic) return std::unexpected(std::move(topic.error()));
  Importer importer(**store, std::move(*topic), released);
  Status done = read_extract(
      arguments.path,
      {.on_header = [&](const ExtractHeader& header) { return importer.begin(header); },
       .on_record = [&](ExtractedRecord record) { return importer.add(std::move(record)); }});
  if (done) done = importer.finish();
  if (!done) return std::unexpected(std::move(done.error()));
  return importer.outcome();
}

std::uint64_t sum(const std::map<PartitionId, std::uint64_t>& counts) {
  std::uint64_t total = 0;
  for (const auto& [partition, count] : counts) total += count;
  return total;
}

}  // namespace

Exit run_import(const ImportArguments& arguments, const Console& console) {
  const Result<Checked> checked = check_file(arguments.path);
  if (!checked) return cannot_run(checked.error(), console);
  const std::string topic = arguments.topic.value_or(checked->header.topic);
  if (const Status good = check_store(arguments.into, topic); !good)
    return cannot_run(good.error(), console);
  Json json{{"schema", "bimip.log.import/1"},  {"path", arguments.path.string()},
            {"into", arguments.into.string()}, {"topic", topic},
            {"records", checked->records},     {"dry_run", arguments.effect == Effect::kDryRun}};
  if (arguments.effect == Effect::kDryRun) {
    console.out(arguments.format == Format::kJson
                    ? line(json)
                    : count_text(checked->records, "record") + " for topic " + topic + " of " +
                          arguments.into.string() + "; nothing was stored (--dry-run)\n");
    return Exit::kClean;
  }
  const Result<Imported> imported = import(arguments, topic, checked->released);
  if (!imported) return cannot_run(imported.error(), console);
  json["stored"] = sum(imported->stored);
  json["known"] = sum(imported->known);
  console.out(arguments.format == Format::kJson
                  ? line(json)
                  : count_text(sum(imported->stored), "record") + " stored in topic " + topic +
                        ", " + std::to_string(sum(imported->known)) +
                        " were there from an import before\n");
  return Exit::kClean;
}

}  // namespace bimip::log_tools
