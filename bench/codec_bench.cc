// What the codecs cost a byte and a record, each beside a baseline on the same bytes in the same
// run: a copy, or the bare checksum. Usage: codec_bench [--json] [Google Benchmark's own options]
#include <benchmark/benchmark.h>

#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bench/report.h"
#include "engine/base/hash.h"
#include "engine/format/commit_block.h"

namespace bimip::bench {
namespace {

using namespace bimip::engine;

constexpr std::size_t kValueBytes = 128;
const SegmentIdentity kSegment{.store = {.high = 0x0123456789ABCDEF, .low = 0xFEDCBA9876543210},
                               .topic = TopicId(1),
                               .partition = PartitionId(0),
                               .epoch = Epoch(1)};
const Timestamp kTime{std::chrono::microseconds(1'770'000'000'000'000)};

// As a publish through the front end leaves it: a producer mark, a short key, 128 bytes.
RecordFields make_fields() {
  static const std::string value(kValueBytes, 'v');
  RecordFields fields;
  fields.timestamp = kTime;
  fields.producer = ProducerMark{.id = {.high = 1, .low = 2}, .number = ProducerNumber(3)};
  fields.key = as_bytes("room-4711");
  fields.value = as_bytes(value);
  return fields;
}

// A block of `block_bytes` full of such records, finished.
struct FullBlock {
  explicit FullBlock(std::size_t block_bytes) : bytes(block_bytes) {
    const RecordFields fields = make_fields();
    const std::size_t each = encoded_record_bytes(fields);
    const auto count = static_cast<std::uint32_t>((block_bytes - kBlockHeaderBytes) / each);
    header = {.identity = kSegment,
              .position = FilePosition(4096),
              .number = BlockNumber(1),
              .base_offset = Offset(1000),
              .offset_span = count,
              .record_count = count,
              .payload_bytes = static_cast<std::uint32_t>(count * each),
              .block_bytes = static_cast<std::uint32_t>(block_bytes),
              .durable_offset = Offset(1000),
              .first_timestamp = kTime,
              .last_timestamp = kTime,
              .previous = {},
              .payload_checksum = {},
              .checksum = {}};
    for (std::uint32_t i = 0; i < count; ++i)
      encode_record(fields, i, MutableBytes(bytes).subspan(kBlockHeaderBytes + i * each));
    finish_block(header, bytes);
  }
  BlockHeader header;
  std::vector<std::byte> bytes;
};

void count_bytes(benchmark::State& state, std::size_t each) {
  state.SetBytesProcessed(static_cast<std::int64_t>(each) * state.iterations());
}

void encode_record_128(benchmark::State& state) {
  const RecordFields fields = make_fields();
  std::vector<std::byte> out(encoded_record_bytes(fields));
  for (auto _ : state) {
    benchmark::DoNotOptimize(encode_record(fields, 7, out));
    benchmark::ClobberMemory();
  }
  count_bytes(state, out.size());
}

void decode_record_128(benchmark::State& state) {
  const RecordFields fields = make_fields();
  std::vector<std::byte> bytes(encoded_record_bytes(fields));
  encode_record(fields, 7, bytes);
  for (auto _ : state) benchmark::DoNotOptimize(decode_record(bytes, Offset(1000)));
  count_bytes(state, bytes.size());
}

void copy_record_128(benchmark::State& state) {
  const std::vector<std::byte> from(encoded_record_bytes(make_fields()));
  std::vector<std::byte> to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, from.size());
}

void finish_block_of(benchmark::State& state, std::size_t block_bytes) {
  FullBlock block(block_bytes);
  for (auto _ : state) {
    finish_block(block.header, block.bytes);
    benchmark::DoNotOptimize(block.header.checksum);
  }
  count_bytes(state, block_bytes);
}

// What a reader does before it hands out a record: header, place, payload.
void check_block_of(benchmark::State& state, std::size_t block_bytes) {
  const FullBlock block(block_bytes);
  for (auto _ : state) {
    const Result<BlockHeader> header = decode_block_header(block.bytes);
    benchmark::DoNotOptimize(check_place(*header, kSegment, FilePosition(4096)));
    benchmark::DoNotOptimize(check_payload(*header, block.bytes));
  }
  count_bytes(state, block_bytes);
}

void walk_block_of(benchmark::State& state, std::size_t block_bytes) {
  const FullBlock block(block_bytes);
  for (auto _ : state) {
    RecordCursor records(block.header, block.bytes);
    while (!records.done()) benchmark::DoNotOptimize(records.next());
  }
  count_bytes(state, block_bytes);
}

void checksum_of(benchmark::State& state, std::size_t block_bytes) {
  const FullBlock block(block_bytes);
  for (auto _ : state) benchmark::DoNotOptimize(xxh3_128(block.bytes, 1));
  count_bytes(state, block_bytes);
}

void copy_of(benchmark::State& state, std::size_t block_bytes) {
  const FullBlock block(block_bytes);
  std::vector<std::byte> to(block_bytes);
  for (auto _ : state) {
    std::memcpy(to.data(), block.bytes.data(), block_bytes);
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, block_bytes);
}

// Keeps each benchmark's nanoseconds and rate for the report instead of printing them.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  struct Measured {
    double nanoseconds = 0;
    double megabytes_per_second = 0;
  };

  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      measured_[run.run_name.function_name] = {
          .nanoseconds = run.GetAdjustedCPUTime(),
          .megabytes_per_second = run.counters.at("bytes_per_second") / 1e6};
    }
  }
  [[nodiscard]] const Measured* find(const std::string& name) const {
    const auto found = measured_.find(name);
    return found == measured_.end() ? nullptr : &found->second;
  }

 private:
  std::map<std::string, Measured> measured_;
};

struct Size {
  std::string name;
  std::size_t bytes;
};
const std::vector<Size> kSizes{{"4KiB", 4096}, {"64KiB", 65536}, {"1MiB", 1048576}};

void register_all() {
  benchmark::RegisterBenchmark("record_copy", copy_record_128);
  benchmark::RegisterBenchmark("record_encode", encode_record_128);
  benchmark::RegisterBenchmark("record_decode", decode_record_128);
  for (const Size& size : kSizes) {
    const auto add = [&](const char* what, void (*run)(benchmark::State&, std::size_t)) {
      benchmark::RegisterBenchmark((what + size.name).c_str(), run, size.bytes);
    };
    add("copy_", copy_of);
    add("xxh3_", checksum_of);
    add("finish_", finish_block_of);
    add("check_", check_block_of);
    add("walk_", walk_block_of);
  }
}

void report_all(const Collector& collected, const Report& report) {
  const auto nanoseconds = [&](const std::string& name, const std::string& baseline) {
    const auto* is = collected.find(name);
    const auto* base = collected.find(baseline);
    if (is != nullptr && base != nullptr)
      report.add({.name = name + "_128B vs copy",
                  .value = is->nanoseconds,
                  .unit = "ns",
                  .baseline = base->nanoseconds});
  };
  nanoseconds("record_encode", "record_copy");
  nanoseconds("record_decode", "record_copy");
  const auto rate = [&](const std::string& name, const std::string& baseline) {
    const auto* is = collected.find(name);
    const auto* base = collected.find(baseline);
    if (is != nullptr && base != nullptr)
      report.add({.name = name + " vs " + baseline,
                  .value = is->megabytes_per_second,
                  .unit = "MB/s",
                  .baseline = base->megabytes_per_second});
  };
  for (const Size& size : kSizes) {
    rate("finish_" + size.name, "xxh3_" + size.name);
    rate("check_" + size.name, "xxh3_" + size.name);
    rate("walk_" + size.name, "copy_" + size.name);
    rate("xxh3_" + size.name, "copy_" + size.name);
  }
}

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  bool json = false;
  std::vector<char*> others;
  for (int i = 0; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--json") {
      json = true;
    } else {
      others.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(others.size());
  others.push_back(nullptr);
  benchmark::Initialize(&count, others.data());
  if (benchmark::ReportUnrecognizedArguments(count, others.data())) return 2;
  bimip::bench::register_all();
  bimip::bench::Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  bimip::bench::report_all(collector, bimip::bench::Report(json));
}
