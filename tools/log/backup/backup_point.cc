#include "tools/log/backup/backup_point.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/base/hash.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSchema = "bimip.backup/1";
constexpr std::size_t kHexDigits = 16;  // of 64 bits

std::string hash_text(const Hash128& hash) { return id_text(hash.high, hash.low); }

Json file_json(const BackupFile& file) {
  return {{"name", file.name},
          {"object", file.object},
          {"bytes", file.bytes},
          {"checksum", hash_text(file.checksum)}};
}

// Reads what encode_point wrote; remembers that something was not as it should be.
class PointReader {
 public:
  explicit PointReader(const Json& json) : json_(json) {}

  Result<BackupPoint> run() {
    BackupPoint point;
    const Hash128 store = hash(json_, "store");
    point.store = {.high = store.high, .low = store.low};
    point.begun_at =
        Timestamp(std::chrono::microseconds(number<std::int64_t>(json_, "begun_at_us")));
    point.catalog = file(member(json_, "catalog"));
    for (const Json& partition : list(json_, "partitions"))
      point.partitions.push_back(read_partition(partition));
    if (!ok_) return fail(ErrorCode::kDamaged, "the list of a backup lacks something");
    return point;
  }

 private:
  BackupPartition read_partition(const Json& json) {
    BackupPartition partition;
    partition.topic = text(json, "topic");
    partition.partition = PartitionId(number<std::uint32_t>(json, "partition"));
    partition.offsets = {Offset(number<std::uint64_t>(json, "first_offset")),
                         Offset(number<std::uint64_t>(json, "end_offset"))};
    for (const Json& one : list(json, "files")) partition.files.push_back(file(one));
    return partition;
  }
  BackupFile file(const Json& json) {
    return {.name = text(json, "name"),
            .object = text(json, "object"),
            .bytes = number<std::uint64_t>(json, "bytes"),
            .checksum = hash(json, "checksum")};
  }

  const Json& member(const Json& json, const char* name) {
    static const Json kNothing;
    const auto found = json.is_object() ? json.find(name) : json.end();
    if (json.is_object() && found != json.end()) return *found;
    ok_ = false;
    return kNothing;
  }
  const Json& list(const Json& json, const char* name) {
    static const Json kEmpty = Json::array();
    const Json& found = member(json, name);
    if (found.is_array()) return found;
    ok_ = false;
    return kEmpty;
  }
  std::string text(const Json& json, const char* name) {
    const Json& found = member(json, name);
    if (found.is_string()) return found.get<std::string>();
    ok_ = false;
    return {};
  }
  template <typename Number>
  Number number(const Json& json, const char* name) {
    const Json& found = member(json, name);
    if (found.is_number_integer()) return found.get<Number>();
    ok_ = false;
    return {};
  }
  Hash128 hash(const Json& json, const char* name) {
    const std::optional<Hash128> hash = parse_id(text(json, name));
    ok_ = ok_ && hash.has_value();
    return hash.value_or(Hash128{});
  }

  const Json& json_;
  bool ok_ = true;
};

std::string checksum_line(std::string_view text) {
  return hash_text(xxh3_128(as_bytes(text))) + "\n";
}

}  // namespace

std::string point_name(Timestamp time) {
  std::string name = time_text(time);
  std::erase_if(name, [](char c) { return c == '-' || c == ':'; });
  return name;
}

std::string encode_point(const BackupPoint& point) {
  Json partitions = Json::array();
  for (const BackupPartition& partition : point.partitions) {
    Json files = Json::array();
    for (const BackupFile& file : partition.files) files.push_back(file_json(file));
    partitions.push_back({{"topic", partition.topic},
                          {"partition", partition.partition.value()},
                          {"first_offset", partition.offsets.first.value()},
                          {"end_offset", partition.offsets.end.value()},
                          {"files", std::move(files)}});
  }
  const Json json{{"schema", kSchema},
                  {"store", id_text(point.store.high, point.store.low)},
                  {"begun_at", time_text(point.begun_at)},
                  {"begun_at_us", point.begun_at.time_since_epoch().count()},
                  {"catalog", file_json(point.catalog)},
                  {"partitions", std::move(partitions)}};
  const std::string text = json.dump(1) + "\n";
  return text + checksum_line(text);
}

Result<BackupPoint> decode_point(std::string_view text) {
  const std::size_t line = 2 * kHexDigits + 1;
  if (text.size() < line) return fail(ErrorCode::kDamaged, "too short for the list of a backup");
  const std::string_view body = text.substr(0, text.size() - line);
  if (text.substr(body.size()) != checksum_line(body))
    return fail(ErrorCode::kDamaged, "the list of a backup fails its checksum");
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::kDamaged, "the list of a backup is none");
  if (json.value("schema", std::string()) != kSchema)
    return fail(ErrorCode::kUnsupportedVersion, "the backup is of another version");
  return PointReader(json).run();
}

}  // namespace bimip::log_tools
