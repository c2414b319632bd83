// Reads the commit blocks of one segment file, one after another, and finds the next good one after
// damage.
#pragma once

#include <limits>
#include <memory>
#include <optional>

#include "engine/device/device.h"
#include "engine/format/commit_block.h"
#include "engine/segment/block.h"

namespace bimip::engine {

// Around the page cache: what the medium holds.
enum class ReadThrough : std::uint8_t { kCache, kDevice };

// Verifies everything it answers: checksums and that the block belongs to this segment at this
// position. Thread-compatible. `pool` outlives the blocks.
class BlockReader {
 public:
  // Large enough to be sequential, small enough to be shared by few blocks.
  static constexpr std::size_t kChunkBytes = 256 * 1024;
  struct Place {
    std::shared_ptr<const File> file;
    SegmentIdentity segment;
    FilePosition from;  // a block begins here
    FilePosition end;   // no block begins at or after this; may be past the file's end
    ReadThrough through = ReadThrough::kCache;
    // One read of the device, at least; at most limits::kBlockBytesMax.
    std::size_t chunk_bytes = kChunkBytes;
    // resync() gives up behind so many zeros in a row.
    std::uint64_t zeros_max = std::numeric_limits<std::uint64_t>::max();
  };
  BlockReader(Place place, BufferPool& pool)
      : place_(std::move(place)), pool_(pool), position_(place_.from) {}

  [[nodiscard]] FilePosition position() const { return position_; }
  void seek(FilePosition position) { position_ = position; }
  [[nodiscard]] bool at_end() const { return position_ >= place_.end; }

  // The block at position(), which moves behind it. kDamaged, kForeign, kUnsupportedVersion:
  // position() stays. kIo: the device failed.
  [[nodiscard]] Result<BlockRef> next();

  // The same, when it lies wholly in what was read already and is good; else nothing, and
  // position() stays.
  [[nodiscard]] std::optional<BlockRef> next_at_hand();

  // The first good block behind the one at position(), good or not, which moves to it; nothing when
  // there is none before the end, position() then stays. Looks at every sector, so its cost is the
  // distance.
  [[nodiscard]] Result<std::optional<BlockHeader>> resync();

  // Bytes that were read from the file so far.
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  // End of the last sector seen so far that is not all zeros; the start when there was none.
  [[nodiscard]] FilePosition nonzero_end() const { return nonzero_end_; }

 private:
  [[nodiscard]] bool is_at_hand(FilePosition position, std::size_t count) const {
    return chunk_ && position >= chunk_start_ && position + count <= chunk_start_ + chunk_bytes_;
  }
  // The bytes at `position`, at least `count` of them unless the file ends first.
  [[nodiscard]] Result<Bytes> look(FilePosition position, std::size_t count);
  [[nodiscard]] Result<std::size_t> read_chunk(FilePosition position, std::size_t bytes);
  [[nodiscard]] Result<BlockRef> block_at(FilePosition position);

  Place place_;
  BufferPool& pool_;
  FilePosition position_;
  std::shared_ptr<Buffer> chunk_;
  FilePosition chunk_start_;
  std::size_t chunk_bytes_ = 0;
  std::uint64_t bytes_read_ = 0;
  FilePosition nonzero_end_{};
};

// Whether every byte is zero.
[[nodiscard]] bool all_zero(Bytes bytes);

}  // namespace bimip::engine
