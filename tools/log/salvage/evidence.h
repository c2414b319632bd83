// What the bytes of files prove, wherever they lie and whatever they are called. Page:
// docs/design/salvage.md.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/format/catalog.h"
#include "engine/format/entity_base.h"
#include "engine/format/loss_table.h"
#include "engine/format/manifest.h"
#include "engine/format/producer_state.h"
#include "engine/format/segment_header.h"
#include "tools/log/salvage/file_window.h"

namespace bimip::log_tools {

// Where a store that was salvaged keeps its report and what is in doubt.
inline constexpr std::string_view kSalvageFolder = "salvage";

// A commit block whose checksums hold.
struct BlockEvidence {
  BlockHeader header{};
  std::uint32_t file = 0;   // which of Evidence::files
  FilePosition position{};  // where it was found; header.position is where it belongs
};

template <typename T>
struct TableEvidence {
  SegmentIdentity identity{};
  T content{};
  std::uint32_t file = 0;
};

// The blocks an index once pointed to.
struct IndexSpan {
  Offset first{};
  Offset last{};
};

// Bytes of a file that are neither zeros nor anything that checks.
struct UnknownBytes {
  FilePosition from{};
  FilePosition end{};
};

struct FileEvidence {
  Path path{};
  std::uint64_t bytes = 0;
  std::vector<BlockEvidence> blocks{};  // in the order in which they stand
  std::vector<SegmentHeader> headers{};
  std::vector<SegmentFooter> footers{};
  std::optional<Catalog> catalog{};
  std::optional<Manifest> manifest{};
  std::optional<TableEvidence<ProducerState>> producers{};
  std::optional<TableEvidence<Checkpoint>> checkpoint{};
  std::optional<TableEvidence<IndexSpan>> index{};
  std::optional<TableEvidence<LossTable>> losses{};
  std::optional<EntityBaseHeader> entity_base{};
  std::vector<UnknownBytes> unknown{};
  std::uint64_t unreadable_bytes = 0;
  bool is_of_later_program = false;  // holds something that only a later version can read
};

// Every block, header and footer in it, at any byte; or the table that it is. kIo only when it
// cannot be opened.
[[nodiscard]] Result<FileEvidence> examine_file(const Path& path,
                                                std::atomic<std::uint64_t>& bytes_read);

struct EvidenceProgress {
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_total = 0;
};
struct EvidenceRequest {
  Path root{};  // a file or a folder
  unsigned jobs = 1;
  std::function<void(const EvidenceProgress&)> on_progress{};
};
struct Evidence {
  std::vector<FileEvidence> files{};  // sorted by path
  std::uint64_t bytes_read = 0;
};
// Of all files below the root, symbolic links followed. kNotFound, kIo.
[[nodiscard]] Result<Evidence> gather_evidence(const EvidenceRequest& request);

}  // namespace bimip::log_tools
