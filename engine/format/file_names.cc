#include "engine/format/file_names.h"

#include <algorithm>
#include <charconv>

namespace bimip::engine::file_names {
namespace {

constexpr std::size_t kEpochDigits = 10;
constexpr std::string_view kTornPrefix = "torn-";
constexpr std::string_view kQuarantinePrefix = "quarantine-";
constexpr std::string_view kSpareEnding = ".spare";

std::string of_epoch(Epoch epoch, std::string_view ending) {
  std::string digits = std::to_string(epoch.value());
  if (digits.size() < kEpochDigits) digits.insert(0, kEpochDigits - digits.size(), '0');
  return digits + "." + std::string(ending);
}

// The whole of `text` as a number without sign; canonical digits are the caller's to check.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string partition(PartitionId partition) { return std::to_string(partition.value()); }
std::string segment(Epoch epoch) { return of_epoch(epoch, "segment"); }
std::string index(Epoch epoch) { return of_epoch(epoch, "index"); }
std::string producers(Epoch epoch) { return of_epoch(epoch, "producers"); }
std::string checkpoint(Epoch epoch) { return of_epoch(epoch, "checkpoint"); }
std::string entities(Epoch epoch) { return of_epoch(epoch, "entities"); }
std::string entity_runs(Epoch epoch) { return of_epoch(epoch, "entity-runs"); }
std::string torn(Epoch epoch, FilePosition position, std::uint64_t n) {
  return of_epoch(
      epoch, std::string(kTornPrefix) + std::to_string(position.value()) + "-" + std::to_string(n));
}

std::string quarantine(Epoch epoch, FilePosition position) {
  return of_epoch(epoch, std::string(kQuarantinePrefix) + std::to_string(position.value()));
}

std::string spare(std::uint64_t number) {
  return std::to_string(number) + std::string(kSpareEnding);
}

std::optional<std::uint64_t> parse_spare(std::string_view name) {
  if (!name.ends_with(kSpareEnding)) return std::nullopt;
  const auto number = parse_number(name.substr(0, name.size() - kSpareEnding.size()));
  return number && spare(*number) == name ? number : std::nullopt;
}

std::optional<PartitionFile> parse(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<std::uint64_t> number = parse_number(name.substr(0, dot));
  if (!number) return std::nullopt;
  const Epoch epoch(*number);
  const std::string_view ending = name.substr(dot + 1);
  const auto is = [&](FileKind kind, const std::string& canonical) -> std::optional<PartitionFile> {
    if (name != canonical) return std::nullopt;
    return PartitionFile{.kind = kind, .epoch = epoch};
  };
  if (ending == "segment") return is(FileKind::kSegment, segment(epoch));
  if (ending == "index") return is(FileKind::kIndex, index(epoch));
  if (ending == "producers") return is(FileKind::kProducers, producers(epoch));
  if (ending == "checkpoint") return is(FileKind::kCheckpoint, checkpoint(epoch));
  if (ending == "entities") return is(FileKind::kEntities, entities(epoch));
  if (ending == "entity-runs") return is(FileKind::kEntityRuns, entity_runs(epoch));
  if (ending.starts_with(kQuarantinePrefix)) {
    const auto position = parse_number(ending.substr(kQuarantinePrefix.size()));
    if (!position) return std::nullopt;
    return is(FileKind::kQuarantine, quarantine(epoch, FilePosition(*position)));
  }
  if (!ending.starts_with(kTornPrefix)) return std::nullopt;
  const std::string_view numbers = ending.substr(kTornPrefix.size());
  const std::size_t dash = numbers.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto position = parse_number(numbers.substr(0, dash));
  const auto n = parse_number(numbers.substr(dash + 1));
  if (!position || !n) return std::nullopt;
  return is(FileKind::kTorn, torn(epoch, FilePosition(*position), *n));
}

}  // namespace bimip::engine::file_names
