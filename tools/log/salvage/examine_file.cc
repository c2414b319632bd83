#include <algorithm>
#include <cstring>

#include "engine/format/segment_index.h"
#include "engine/format/table.h"
#include "engine/segment/block_reader.h"
#include "tools/log/salvage/evidence.h"

namespace bimip::log_tools {
namespace {

constexpr std::size_t kMagicAt = 16;  // of blocks, headers, footers and tables alike
constexpr std::size_t kMagicBytes = 4;
constexpr std::size_t kStepBytes = 1024 * 1024;

bool is_magic(const std::byte* at) {
  const auto magic = load<std::uint32_t>(at);
  return magic == kBlockMagic || magic == kSegmentHeaderMagic || magic == kSegmentFooterMagic;
}

// Walks a file from its first byte to its last.
class Examiner {
 public:
  Examiner(const Path& path, const ReadOnlyFile& file, std::atomic<std::uint64_t>& bytes_read)
      : window_(file, bytes_read) {
    found_.path = path;
    found_.bytes = file.bytes();
  }

  FileEvidence run() {
    FilePosition at(0);
    while (at.value() < found_.bytes) {
      const std::size_t taken = take(at);
      at = taken > 0 ? at + taken : skip(at);
    }
    found_.unreadable_bytes = window_.unreadable_bytes();
    return std::move(found_);
  }

 private:
  // The length of what begins at `at` and checks; 0 when nothing does.
  std::size_t take(FilePosition at) {
    const Bytes head = window_.look(at, limits::kSectorBytes);
    if (head.size() < kMagicAt + kMagicBytes || !is_magic(head.data() + kMagicAt)) return 0;
    if (const std::size_t block = take_block(at, head); block > 0) return block;
    if (head.size() < limits::kSectorBytes) return 0;
    if (const Result<SegmentHeader> header = decode_segment_header(head)) {
      found_.headers.push_back(*header);
      return head.size();
    } else {
      note_version(header.error());
    }
    if (const Result<SegmentFooter> footer = decode_segment_footer(head)) {
      found_.footers.push_back(*footer);
      return head.size();
    } else {
      note_version(footer.error());
    }
    return 0;
  }

  std::size_t take_block(FilePosition at, Bytes head) {
    const Result<BlockHeader> header = decode_block_header(head);
    if (!header) {
      note_version(header.error());
      return 0;
    }
    const Bytes block = window_.look(at, header->block_bytes);
    if (block.size() < header->block_bytes || !check_payload(*header, block)) return 0;
    found_.blocks.push_back({.header = *header, .file = 0, .position = at});
    return block.size();
  }

  void note_version(const Error& error) {
    if (error.code == ErrorCode::kUnsupportedVersion) found_.is_of_later_program = true;
  }

  // The next place behind `at` where something might begin, or where to go on looking.
  FilePosition skip(FilePosition at) {
    const Bytes step = window_.look(at, kStepBytes);
    std::size_t next = step.size();
    for (std::size_t i = kMagicAt + 1; i + kMagicBytes <= step.size(); ++i) {
      const void* hit = std::memchr(step.data() + i, 'B', step.size() - kMagicBytes + 1 - i);
      if (hit == nullptr) break;
      i = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - step.data());
      if (!is_magic(step.data() + i)) continue;
      next = i - kMagicAt;
      break;
    }
    // A magic may begin in this step and end in the next.
    const bool is_last = at.value() + step.size() >= found_.bytes;
    if (next == step.size() && !is_last) next -= kMagicAt + kMagicBytes;
    note_unknown(at, step.first(next));
    return at + next;
  }

  void note_unknown(FilePosition at, Bytes bytes) {
    if (all_zero(bytes)) return;
    const auto is_set = [](std::byte byte) { return byte != std::byte{0}; };
    const auto first = std::ranges::find_if(bytes, is_set);
    const auto last = std::find_if(bytes.rbegin(), bytes.rend(), is_set);
    const FilePosition from = at + static_cast<std::uint64_t>(first - bytes.begin());
    const FilePosition end = at + static_cast<std::uint64_t>(last.base() - bytes.begin());
    const bool joins =
        !found_.unknown.empty() && from - found_.unknown.back().end < limits::kSectorBytes;
    if (joins) {
      found_.unknown.back().end = end;
    } else {
      found_.unknown.push_back({.from = from, .end = end});
    }
  }

  FileWindow window_;
  FileEvidence found_;
};

// The magic and the kind of what begins the file, where that is a table.
struct TableHead {
  std::uint32_t magic = 0;
  std::uint16_t kind = 0;
};
TableHead head_of(const ReadOnlyFile& file) {
  std::array<std::byte, kMagicAt + kMagicBytes + 4> head{};
  const Result<std::size_t> got = file.read_at(FilePosition(0), head);
  if (!got || *got < head.size()) return {};
  return {.magic = load<std::uint32_t>(head.data() + kMagicAt),
          .kind = load<std::uint16_t>(head.data() + kMagicAt + kMagicBytes + 2)};
}

// What entity directories say is in the records, too: nothing of them needs to be brought back.
bool is_directory(const TableHead& head) {
  return head.magic == kTableMagic && head.kind == static_cast<std::uint16_t>(TableKind::kEntities);
}

// The header of an entity base; its pages are read when it is carried over.
bool take_entity_base(const ReadOnlyFile& file, FileEvidence& found) {
  std::vector<std::byte> page(kEntityPageBytes);
  const Result<std::size_t> got = file.read_at(FilePosition(0), page);
  if (!got || *got < page.size()) return false;
  const Result<EntityBaseHeader> header = decode_entity_base_header(page);
  if (!header) return false;
  found.entity_base = *header;
  return true;
}

// What the table says; false when it is none that checks.
bool take_table(Bytes bytes, FileEvidence& found) {
  for (const TableKind kind : {TableKind::kCatalog, TableKind::kManifest, TableKind::kIndex,
                               TableKind::kProducers, TableKind::kCheckpoint, TableKind::kLosses}) {
    const Result<Table> table = decode_table(kind, bytes);
    if (!table && table.error().code == ErrorCode::kUnsupportedVersion)
      found.is_of_later_program = true;
    if (!table) continue;
    const SegmentIdentity whose = table->identity;
    if (Result<Catalog> catalog = decode_catalog(bytes)) found.catalog = std::move(*catalog);
    if (Result<Manifest> manifest = decode_manifest(whose, bytes))
      found.manifest = std::move(*manifest);
    if (Result<ProducerState> state = decode_producer_state(whose, bytes))
      found.producers = {.identity = whose, .content = std::move(*state)};
    if (Result<Checkpoint> checkpoint = decode_checkpoint(whose, bytes))
      found.checkpoint = {.identity = whose, .content = std::move(*checkpoint)};
    if (Result<LossTable> losses = decode_losses(whose, bytes))
      found.losses = {.identity = whose, .content = std::move(*losses)};
    if (const Result<IndexView> index = IndexView::open(whose, bytes); index && index->size() > 0) {
      found.index = {.identity = whose,
                     .content = {.first = index->at(0).base_offset,
                                 .last = index->at(index->size() - 1).base_offset}};
    }
    return true;
  }
  return false;
}

}  // namespace

Result<FileEvidence> examine_file(const Path& path, std::atomic<std::uint64_t>& bytes_read) {
  Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(path, ReadVia::kPageCache);
  if (!file) return std::unexpected(std::move(file.error()));
  const TableHead head = head_of(**file);
  FileEvidence whole{.path = path, .bytes = (*file)->bytes()};
  if (is_directory(head)) return whole;
  if (take_entity_base(**file, whole)) return whole;
  if (head.magic == kTableMagic && (*file)->bytes() <= kTableBytesMax) {
    if (const Result<std::vector<std::byte>> bytes = read_whole(path, kTableBytesMax)) {
      FileEvidence found{.path = path, .bytes = bytes->size()};
      if (take_table(*bytes, found)) {
        bytes_read += bytes->size();
        return found;
      }
    }
  }
  return Examiner(path, **file, bytes_read).run();
}

}  // namespace bimip::log_tools
