#include "tools/log/extract/extract_command.h"

#include <nlohmann/json.hpp>

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "tools/log/extract/extract_format.h"
#include "tools/log/interrupt.h"
#include "tools/log/output_folder.h"
#include "tools/log/report_text.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

constexpr std::size_t kBufferBytes = 1024 * 1024;

// Writes lines aside, and gives the file its name when all of them are there.
class LineFile {
 public:
  LineFile(Device& device, Path path) : device_(device), path_(std::move(path)), aside_(path_) {
    aside_ += kAsideSuffix;
  }
  ~LineFile() {
    if (file_ != nullptr) (void)device_.remove(aside_);  // before the folders that were made for it
  }
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  Status open() {
    Result<OutputFolder> folder =
        OutputFolder::make(device_, path_.parent_path(), OutputFolder::Contents::kOthers);
    if (!folder) return std::unexpected(std::move(folder.error()));
    folder_ = std::move(*folder);
    Result<std::shared_ptr<File>> file = device_.open(aside_, OpenMode::kCreate);
    if (!file) return std::unexpected(std::move(file.error()));
    file_ = std::move(*file);
    return {};
  }
  // With its end; once a write failed the others do nothing.
  void write(const std::string& text) {
    lines_ = chained(lines_, std::string_view(text).substr(0, text.size() - 1));
    if (file_ == nullptr) return;
    waiting_ += text;
    if (waiting_.size() >= kBufferBytes) flush();
  }
  [[nodiscard]] const Hash128& lines() const { return lines_; }
  [[nodiscard]] bool is_failed() const { return !state_; }

  Status close() {
    if (file_ == nullptr) return {};
    flush();
    if (state_) state_ = file_->sync();
    if (state_) state_ = device_.rename(aside_, path_);
    if (!state_) return state_;
    file_.reset();
    folder_.keep();
    const Path folder = path_.parent_path();
    return device_.sync_directory(folder.empty() ? Path(".") : folder);
  }

 private:
  void flush() {
    if (state_) state_ = file_->write_at(end_, as_bytes(waiting_));
    end_ += waiting_.size();
    waiting_.clear();
  }

  Device& device_;
  const Path path_;
  Path aside_;
  OutputFolder folder_;
  std::shared_ptr<File> file_;
  std::string waiting_;
  FilePosition end_{};
  Hash128 lines_{};
  Status state_;
};

struct Outcome {
  std::uint64_t records = 0;
  std::uint64_t value_bytes = 0;
  bool is_damaged = false;
};

Status check(const ExtractArguments& arguments, const Inventory& inventory) {
  if (inventory.scope == Scope::kStore)
    return fail(ErrorCode::kInvalidArgument, "give one topic, or a partition of one");
  if (!arguments.out) return {};
  std::error_code ignored;
  if (std::filesystem::exists(*arguments.out, ignored))
    return fail(ErrorCode::kInvalidArgument, arguments.out->string() + ": is there already");
  if (lies_in(*arguments.out, inventory.data_directory.value_or(inventory.root)))
    return fail(ErrorCode::kInvalidArgument,
                arguments.out->string() + ": lies in what is read, and that is never written to");
  return {};
}

// What the file will have at least: a line says more of a record than a block does. How many
// records a key or a time chooses is not known before they are read.
std::uint64_t least_bytes(const ExtractArguments& arguments, const Inventory& inventory) {
  const RecordFilter& filter = arguments.filter;
  if (arguments.count_max || filter.since || filter.until || filter.key || !filter.headers.empty())
    return 0;
  std::uint64_t bytes = 0;
  for (const PartitionPlace& partition : inventory.partitions) {
    for (const SegmentPlace& segment : partition.segments) {
      const auto& listed = segment.listed;
      if (listed && listed->state == SegmentState::kSealed && segment.exists &&
          listed->base_offset >= filter.offsets.first && listed->end_offset <= filter.offsets.end)
        bytes += listed->record_bytes;
    }
  }
  return bytes;
}

ExtractHeader header_of(const Inventory& inventory) {
  const PartitionPlace* first =
      inventory.partitions.empty() ? nullptr : &inventory.partitions.front();
  return {.id = random_id(),
          .topic = first != nullptr ? first->topic : std::string(),
          .partitions = first != nullptr && first->config ? first->config->config.partitions : 0,
          .path = inventory.root.string(),
          .time = system_clock().now()};
}

Result<Outcome> extract(const ExtractArguments& arguments, const Inventory& inventory,
                        const Console& console) {
  const std::unique_ptr<Device> device = make_output_device();
  if (arguments.out) {
    const Path folder = std::filesystem::absolute(*arguments.out).parent_path();
    if (Status fits = check_room(*device, folder, least_bytes(arguments, inventory)); !fits)
      return std::unexpected(std::move(fits.error()));
  }
  LineFile file(*device, arguments.out.value_or(Path()));
  if (arguments.effect == Effect::kWrite) {
    if (Status opened = file.open(); !opened) return std::unexpected(std::move(opened.error()));
  }
  Outcome outcome;
  file.write(encode_extract_header(header_of(inventory)));
  Status done = dump_records(
      inventory, {.filter = arguments.filter,
                  .count_max = arguments.count_max,
                  .on_record =
                      [&](const PartitionPlace& partition, const Record& record) {
                        file.write(line(record_json(partition, record)));
                        ++outcome.records;
                        outcome.value_bytes += record.value.size();
                        return file.is_failed() ? GoOn::kNo : GoOn::kYes;
                      },
                  .on_finding =
                      [&](const Finding& finding) {
                        outcome.is_damaged =
                            outcome.is_damaged || finding.verdict == Verdict::kDamage;
                        console.err(arguments.format == Format::kJson ? line(finding_json(finding))
                                                                      : finding_text(finding));
                      }});
  file.write(encode_extract_end(outcome.records, file.lines()));
  if (done) done = file.close();
  if (!done) return std::unexpected(std::move(done.error()));
  return outcome;
}

}  // namespace

Exit run_extract(const ExtractArguments& arguments, const Console& console) {
  const Result<Inventory> inventory = take_inventory(arguments.path, arguments.holding);
  if (!inventory) return cannot_run(inventory.error(), console);
  if (!arguments.out && arguments.effect == Effect::kWrite)
    return cannot_run({ErrorCode::kInvalidArgument, "give --out FILE or --dry-run"}, console);
  if (const Status good = check(arguments, *inventory); !good)
    return cannot_run(good.error(), console);
  const Result<Outcome> outcome = extract(arguments, *inventory, console);
  if (!outcome) return cannot_run(outcome.error(), console);
  const bool writes = arguments.effect == Effect::kWrite;
  if (arguments.format == Format::kJson) {
    Json json{{"schema", "bimip.log.extract/1"}, {"path", inventory->root.string()},
              {"records", outcome->records},     {"value_bytes", outcome->value_bytes},
              {"damaged", outcome->is_damaged},  {"dry_run", !writes}};
    if (writes) json["out"] = arguments.out->string();
    console.out(line(json));
  } else {
    console.out(count_text(outcome->records, "record") + ", " + bytes_text(outcome->value_bytes) +
                (writes ? "; written to " + arguments.out->string()
                        : std::string("; nothing was written (--dry-run)")) +
                "\n");
  }
  return outcome->is_damaged ? Exit::kDamage : Exit::kClean;
}

}  // namespace bimip::log_tools
