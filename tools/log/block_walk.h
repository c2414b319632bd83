// Walks the commit blocks of one segment file with large reads, and finds the next good one after
// damage.
#pragma once

#include <atomic>
#include <future>
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
// position. Who walks on has the next read made on a thread of its own, while the one before it is
// looked at. Thread-compatible. `file` and `bytes_read` outlive it.
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
  // Up to `count` bytes, at most limits::kBlockBytesMax, from `position`, as they are; until the
  // next call. kIo.
  [[nodiscard]] Result<Bytes> look(FilePosition position, std::size_t count);

  // End of the last sector seen so far, good blocks included, that is not all zeros.
  [[nodiscard]] FilePosition nonzero_end() const { return nonzero_end_; }

 private:
  [[nodiscard]] Result<Found> block_at(FilePosition position);
  [[nodiscard]] Status refill(FilePosition position);
  [[nodiscard]] Result<std::size_t> read_piece(FilePosition from);
  void read_ahead(FilePosition from);
  [[nodiscard]] FilePosition window_end() const { return window_start_ + window_.size(); }

  Place place_;
  FilePosition position_;
  // A piece that was read, and before it the part of a block that the piece before ended in.
  AlignedBytes buffer_;
  // For the piece that comes next.
  AlignedBytes next_buffer_;
  Bytes window_{};  // what is looked at, in `buffer_`
  FilePosition window_start_{};
  FilePosition ahead_from_{};
  std::future<Result<std::size_t>> ahead_{};  // into `next_buffer_`; goes before it
  FilePosition nonzero_end_{};
};

}  // namespace bimip::log_tools
