// Bytes of a simulated file.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/base/bytes.h"

namespace bimip::engine {

// A growing range of bytes, zeros where nothing was written; only pages written to take memory. A
// copy shares pages until one of the two writes, so copies must stay under one lock; clone() shares
// nothing. Thread-compatible.
class SparseBytes {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }
  // What is cut off is forgotten: growing again reads zeros.
  void resize(std::uint64_t size);
  // The bytes read: fewer than asked only at the end.
  std::size_t read(std::uint64_t position, MutableBytes into) const;
  // Grows to hold them.
  void write(std::uint64_t position, Bytes bytes);
  [[nodiscard]] SparseBytes clone() const;
  [[nodiscard]] std::vector<std::byte> to_vector() const;

 private:
  static constexpr std::size_t kPageBytes = 4096;
  using Page = std::array<std::byte, kPageBytes>;
  [[nodiscard]] std::byte* writable(std::size_t page);

  std::vector<std::shared_ptr<Page>> pages_;  // null: zeros
  std::uint64_t size_ = 0;
};

}  // namespace bimip::engine
