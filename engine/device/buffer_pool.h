// Sector-aligned buffers for commits, carved from one arena that a device can register with the
// kernel.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/limits.h"

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
class BufferPool {
 public:
  explicit BufferPool(std::size_t arena_bytes);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // At least `bytes` long; bytes <= limits::kBlockBytesMax.
  [[nodiscard]] Buffer take(std::size_t bytes);
  [[nodiscard]] MutableBytes arena() const { return arena_; }

 private:
  friend class Buffer;
  void give_back(MutableBytes bytes);

  static constexpr std::size_t kClasses = 10;  // 4 KiB << 0 .. 4 KiB << 9
  static_assert((limits::kSectorBytes << (kClasses - 1)) == limits::kBlockBytesMax);

  MutableBytes arena_;
  std::mutex mutex_;
  std::size_t arena_used_ = 0;              // under mutex_
  std::vector<std::byte*> free_[kClasses];  // under mutex_; arena pieces only
};

}  // namespace bimip::engine
