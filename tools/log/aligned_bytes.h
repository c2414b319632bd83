// Memory that direct reads accept.
#pragma once

#include <sys/mman.h>

#include <memory>
#include <new>

#include "engine/base/limits.h"
#include "tools/log/words.h"

namespace bimip::log_tools {

// Aligned to limits::kSectorBytes, not initialised. Large ones lie on huge pages where the system
// has them to give: a device is told of a read in pieces of memory that lie together, and takes
// about 250 of them at a time. Thread-compatible.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::size_t size)
      : memory_(allocate(
            std::align_val_t{size < kHugePageBytes ? limits::kSectorBytes : kHugePageBytes}, size)),
        size_(size) {
    if (size >= kHugePageBytes) ::madvise(memory_.get(), size, MADV_HUGEPAGE);
  }

  [[nodiscard]] MutableBytes bytes() { return {memory_.get(), size_}; }

 private:
  static constexpr std::size_t kHugePageBytes = 2 * 1024 * 1024;
  struct Free {
    std::align_val_t alignment;
    void operator()(std::byte* memory) const { ::operator delete(memory, alignment); }
  };
  using Memory = std::unique_ptr<std::byte, Free>;
  static Memory allocate(std::align_val_t alignment, std::size_t size) {
    return {static_cast<std::byte*>(::operator new(size, alignment)), Free{alignment}};
  }
  Memory memory_;
  std::size_t size_;
};

}  // namespace bimip::log_tools
