// Walks the commit blocks of one segment file with large reads, and finds the next good one after
// damage.
#pragma once

#include <atomic>
#include <optional>

#include "engine/format/commit_block.h"
#include "tools/log/aligned_bytes.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

// What the device's sectors say about a place where no good block is. A device writes 512 bytes
// whole, and space ahead of a log is zeros; so a write that was cut short leaves zeros where
// sectors did not arrive, never a sector with other bytes.
enum class Arrival : std::uint8_t {
  kNothing,  // no block was begun here: the sector of its header is zeros
  kPart,     // the header is whole, and a sector that should hold records is zeros
  kWhole,    // every sector arrived, and yet it is no good block
};

// Verifies everything it answers: checksums, and that the block belongs to this segment at this
// position. Thread-compatible. `file` and `bytes_read` outlive it.
class BlockWalk {
 public:
  struct Place {
    const ReadOnlyFile& file;
    SegmentIdentity segment{};
    FilePosition from{};                       // a block begins here
    FilePosition end{};                        // no block begins at or after this
    std::atomic<std::uint64_t>* bytes_read{};  // grows as bytes are read; none: nobody counts
  };
  explicit BlockWalk(const Place& place);

  struct Found {
    BlockHeader header;
    Bytes bytes;  // header.block_bytes long; until the next call
  };
  [[nodiscard]] FilePosition position() const { return position_; }
  [[nodiscard]] bool at_end() const { return position_ >= place_.end; }
  void seek(FilePosition position) { position_ = position; }

  // The block at position(), which moves behind it. kDamaged, kForeign, kUnsupportedVersion:
  // position() stays. kIo.
  [[nodiscard]] Result<Found> next();
  // The next one that is good, whatever comes before it; nothing when there is none. kIo.
  [[nodiscard]] Result<std::optional<Found>> next_good();
  // What is at position(), where next() found no good block. kIo.
  [[nodiscard]] Result<Arrival> examine();
  // Moves to the first good block behind position() and answers it; nothing, and stays, when there
  // is none. Looks at every sector. kIo.
  [[nodiscard]] Result<std::optional<BlockHeader>> resync();
  // Up to `count` bytes from `position`, as they are; until the next call. kIo.
  [[nodiscard]] Result<Bytes> look(FilePosition position, std::size_t count);

  // End of the last sector seen so far, good blocks included, that is not all zeros.
  [[nodiscard]] FilePosition nonzero_end() const { return nonzero_end_; }

 private:
  [[nodiscard]] Result<Found> block_at(FilePosition position);
  [[nodiscard]] Status refill(FilePosition position);

  Place place_;
  FilePosition position_;
  AlignedBytes window_;
  FilePosition window_start_{};
  std::size_t window_bytes_ = 0;
  FilePosition nonzero_end_{};
};

}  // namespace bimip::log_tools
