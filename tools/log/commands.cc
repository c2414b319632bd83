#include "tools/log/commands.h"

#include <nlohmann/json.hpp>

#include "tools/log/progress.h"
#include "tools/log/report_text.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

std::string verify_text(const VerifyReport& report, double seconds) {
  std::string out;
  std::size_t damages = 0;
  for (const Finding& finding : report.findings) {
    if (finding.verdict == Verdict::kDamage) ++damages;
    out += finding_text(finding);
  }
  out += count_text(report.partitions, "partition") + ", " +
         count_text(report.segments, "segment") + ", " + count_text(report.blocks, "block") + ", " +
         count_text(report.records, "record") + "; " + bytes_text(report.bytes_read) + " at " +
         rate_text(report.bytes_read, seconds) + "\n";
  return out + (damages == 0 ? "clean\n" : "damaged: " + count_text(damages, "finding") + "\n");
}

Json verify_json(const VerifyReport& report, const VerifyArguments& arguments,
                 const Inventory& inventory, double seconds) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(finding_json(finding));
  return {{"schema", "bimip.log.verify/1"},
          {"path", inventory.root.string()},
          {"scope", name_of(inventory.scope)},
          {"deep", arguments.depth == Depth::kRecords},
          {"live", inventory.holding == Holding::kLive},
          {"clean", report.is_clean()},
          {"partitions", report.partitions},
          {"segments", report.segments},
          {"blocks", report.blocks},
          {"records", report.records},
          {"bytes_read", report.bytes_read},
          {"seconds", seconds},
          {"findings", std::move(findings)}};
}

// Shows findings on stderr, as the rest of the output is, and remembers whether one is damage.
class FindingPrinter {
 public:
  FindingPrinter(const Console& console, Format format) : console_(console), format_(format) {}
  void operator()(const Finding& finding) {
    if (finding.verdict == Verdict::kDamage) is_damaged_ = true;
    console_.err(format_ == Format::kJson ? line(finding_json(finding)) : finding_text(finding));
  }
  [[nodiscard]] Exit exit() const { return is_damaged_ ? Exit::kDamage : Exit::kClean; }

 private:
  const Console& console_;
  Format format_;
  bool is_damaged_ = false;
};

// Catalogs, manifests and missing files that keep records from being found.
void report_inventory(const Inventory& inventory, FindingPrinter& print) {
  for (const Finding& finding : inventory.findings) {
    if (finding.verdict == Verdict::kDamage) print(finding);
  }
}

std::string shown(const DumpArguments& arguments, const PartitionPlace& partition,
                  const Record& record) {
  if (arguments.format == Format::kRaw) return std::string(as_text(record.value)) + "\n";
  std::optional<StoredStanza> stanza;
  if (arguments.stanza_of) stanza = arguments.stanza_of(partition, record);
  return arguments.format == Format::kJson ? line(record_json(partition, record, stanza))
                                           : record_text(partition, record, stanza);
}

std::string block_view(const SegmentPlace& segment, const Piece& piece, Bytes bytes,
                       Format format) {
  const std::vector<Field> fields = annotate_block(bytes);
  if (format != Format::kJson) {
    return segment.path.string() + "\n" + piece_text(piece) + hex_text(bytes, fields);
  }
  Json json = piece_json(segment, piece);
  Json list = Json::array();
  for (const Field& field : fields) {
    list.push_back(
        {{"at", field.at}, {"bytes", field.bytes}, {"name", field.name}, {"value", field.value}});
  }
  json["fields"] = std::move(list);
  return line(json);
}

}  // namespace

Exit run_stat(const StatArguments& arguments, const Console& console) {
  const Result<Inventory> inventory = take_inventory(arguments.path, arguments.holding);
  if (!inventory) return cannot_run(inventory.error(), console);
  const Result<StatReport> report = take_stat(*inventory);
  if (!report) return cannot_run(report.error(), console);
  const bool is_small =
      inventory->scope == Scope::kPartition || inventory->scope == Scope::kSegment;
  FindingPrinter print(console, arguments.format);
  if (arguments.format == Format::kJson) {
    Json json = stat_json(*report);
    json["path"] = inventory->root.string();
    json["scope"] = name_of(inventory->scope);
    console.out(line(json));
    return report->findings.empty() ? Exit::kClean : Exit::kDamage;
  }
  console.out(stat_text(*report, is_small ? Detail::kSegments : arguments.detail));
  for (const Finding& finding : report->findings) print(finding);
  return print.exit();
}

Exit run_verify(const VerifyArguments& arguments, const Console& console) {
  ProgressLine progress(console);
  const Result<Inventory> inventory = take_inventory(arguments.path, arguments.holding);
  if (!inventory) return cannot_run(inventory.error(), console);
  VerifyOptions options{.depth = arguments.depth, .jobs = arguments.jobs};
  options.on_progress = [&](const VerifyProgress& now) {
    progress.draw({}, now.bytes_read, now.bytes_total);
  };
  const Result<VerifyReport> report = verify(*inventory, options);
  progress.wipe();
  if (!report) return cannot_run(report.error(), console);
  const double seconds = progress.seconds();
  console.out(arguments.format == Format::kJson
                  ? line(verify_json(*report, arguments, *inventory, seconds))
                  : verify_text(*report, seconds));
  return report->is_clean() ? Exit::kClean : Exit::kDamage;
}

Exit run_dump(const DumpArguments& arguments, const Console& console) {
  const Result<Inventory> inventory = take_inventory(arguments.path, arguments.holding);
  if (!inventory) return cannot_run(inventory.error(), console);
  FindingPrinter print(console, arguments.format);
  report_inventory(*inventory, print);
  const DumpRequest request{
      .filter = arguments.filter,
      .count_max = arguments.count_max,
      .on_record =
          [&](const PartitionPlace& partition, const Record& record) {
            return console.out(shown(arguments, partition, record)) ? GoOn::kYes : GoOn::kNo;
          },
      .on_finding = [&](const Finding& finding) { print(finding); }};
  if (const Status done = dump_records(*inventory, request); !done)
    return cannot_run(done.error(), console);
  return print.exit();
}

Exit run_layout(const LayoutArguments& arguments, const Console& console) {
  const Result<Inventory> inventory = take_inventory(arguments.path, arguments.holding);
  if (!inventory) return cannot_run(inventory.error(), console);
  if (arguments.block && inventory->partitions.size() != 1) {
    return cannot_run({ErrorCode::kInvalidArgument,
                       "block numbers are a partition's own: give the folder of one partition"},
                      console);
  }
  FindingPrinter print(console, arguments.format);
  report_inventory(*inventory, print);
  Path shown;
  bool is_found = false;
  const auto on_piece = [&](const PartitionPlace&, const SegmentPlace& segment, const Piece& piece,
                            Bytes bytes) {
    if (arguments.block) {
      const bool is_it = (piece.block && piece.block->number == *arguments.block) ||
                         (piece.kind == PieceKind::kBad && piece.expected == arguments.block);
      if (!is_it) return GoOn::kYes;
      is_found = true;
      console.out(block_view(segment, piece, bytes, arguments.format));
      return GoOn::kNo;
    }
    std::string text;
    if (arguments.format == Format::kJson) {
      text = line(piece_json(segment, piece));
    } else {
      if (shown != segment.path) text = segment.path.string() + "\n";
      text += piece_text(piece);
      shown = segment.path;
    }
    return console.out(text) ? GoOn::kYes : GoOn::kNo;
  };
  const Status done = walk_layout(
      *inventory,
      {.on_piece = on_piece, .on_finding = [&](const Finding& finding) { print(finding); }});
  if (!done) return cannot_run(done.error(), console);
  if (arguments.block && !is_found) {
    return cannot_run({ErrorCode::kNotFound,
                       "no block " + std::to_string(arguments.block->value()) + " is there"},
                      console);
  }
  return print.exit();
}

}  // namespace bimip::log_tools
