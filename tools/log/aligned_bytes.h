// Memory that direct reads accept.
#pragma once

#include <memory>
#include <new>

#include "engine/base/limits.h"
#include "tools/log/words.h"

namespace bimip::log_tools {

// Aligned to limits::kSectorBytes, not initialised. Thread-compatible.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::size_t size)
      : memory_(static_cast<std::byte*>(::operator new(size, kAlignment))), size_(size) {}

  [[nodiscard]] MutableBytes bytes() { return {memory_.get(), size_}; }

 private:
  static constexpr std::align_val_t kAlignment{limits::kSectorBytes};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t size_;
};

}  // namespace bimip::log_tools
