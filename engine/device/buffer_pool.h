// Sector-aligned buffers for commits, carved from one arena that a device can register with the
// kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"
#include "engine/base/thread_annotations.h"

namespace bimip::engine {

class BufferPool;

// Aligned to limits::kSectorBytes. Its bytes are whatever its last user left.
// Thread-compatible; goes back to its pool when destroyed, from any thread. The pool outlives it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  [[nodiscard]] MutableBytes bytes() { return bytes_; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  friend class BufferPool;
  Buffer(BufferPool* pool, MutableBytes bytes) : pool_(pool), bytes_(bytes) {}

  BufferPool* pool_ = nullptr;
  MutableBytes bytes_;
};

// Powers of two from a sector to limits::kBlockBytesMax. When the arena has no room the buffer
// comes from the heap: slower to write, never refused. Thread-safe.
//
// A buddy allocator (Knuth, The Art of Computer Programming 2.5): a free block is split for a
// smaller buffer and joined with its neighbour again, so that many small commits leave room for
// later large ones.
class BufferPool {
 public:
  explicit BufferPool(std::size_t arena_bytes);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Has the arena lie on huge pages, where the system has them to give: a disk is told of a
  // transfer in pieces of memory that lie together, and takes about 250 of them at a time. Costs 2
  // MiB where else a page would do. Before the first take().
  void use_huge_pages();
  // At least `bytes` long; bytes <= limits::kBlockBytesMax.
  [[nodiscard]] Buffer take(std::size_t bytes);
  [[nodiscard]] MutableBytes arena() const { return arena_; }

 private:
  friend class Buffer;

  // A block is named by its first sector's place in the arena; one of class c has 2^c sectors.
  using Sector = std::uint32_t;
  static constexpr Sector kNone = ~Sector{0};
  static constexpr std::uint8_t kNotFree = 0xFF;
  static constexpr std::size_t kClasses = 10;  // 4 KiB << 0 .. 4 KiB << 9
  static_assert((limits::kSectorBytes << (kClasses - 1)) == limits::kBlockBytesMax);

  // Of a free block's first sector: its class and its neighbours in that class's list.
  struct Block {
    std::uint8_t free_class = kNotFree;
    Sector previous = kNone;
    Sector next = kNone;
  };

  [[nodiscard]] Sector take_block(std::size_t size_class) REQUIRES(mutex_);
  void give_back(MutableBytes bytes);
  void free_block(Sector sector, std::size_t size_class) REQUIRES(mutex_);
  void link(Sector sector, std::size_t size_class) REQUIRES(mutex_);
  void unlink(Sector sector) REQUIRES(mutex_);

  const MutableBytes arena_;
  Mutex mutex_;
  std::vector<Block> blocks_ GUARDED_BY(mutex_);           // one a sector
  std::array<Sector, kClasses> lists_ GUARDED_BY(mutex_);  // the first free block of each class
};

}  // namespace bimip::engine
