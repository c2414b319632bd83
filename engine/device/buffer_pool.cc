#include "engine/device/buffer_pool.h"

#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <new>
#include <utility>

#include "engine/base/assert.h"

namespace bimip::engine {
namespace {

std::size_t class_of(std::size_t bytes) {
  const std::size_t sectors = (bytes + limits::kSectorBytes - 1) / limits::kSectorBytes;
  return sectors <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(sectors - 1));
}

std::size_t bytes_of(std::size_t size_class) { return limits::kSectorBytes << size_class; }

MutableBytes map_arena(std::size_t bytes) {
  if (bytes == 0) return {};
  // Pages cost memory only once used, unless a device registers (pins) the arena.
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  return {static_cast<std::byte*>(at), bytes};
}

}  // namespace

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  Buffer taken(std::move(other));
  std::swap(pool_, taken.pool_);
  std::swap(bytes_, taken.bytes_);
  return *this;
}

Buffer::~Buffer() {
  if (pool_ != nullptr) pool_->give_back(bytes_);
}

BufferPool::BufferPool(std::size_t arena_bytes)
    : arena_(map_arena(arena_bytes / limits::kSectorBytes * limits::kSectorBytes)) {}

BufferPool::~BufferPool() {
  if (!arena_.empty()) ::munmap(arena_.data(), arena_.size());
}

Buffer BufferPool::take(std::size_t bytes) {
  BIMIP_ASSERT(bytes <= limits::kBlockBytesMax);
  const std::size_t size_class = class_of(bytes);
  const std::size_t size = bytes_of(size_class);
  {
    const std::lock_guard lock(mutex_);
    if (auto& free = free_[size_class]; !free.empty()) {
      std::byte* at = free.back();
      free.pop_back();
      return Buffer(this, {at, size});
    }
    if (arena_.size() - arena_used_ >= size) {
      std::byte* at = arena_.data() + arena_used_;
      arena_used_ += size;
      return Buffer(this, {at, size});
    }
  }
  void* at = std::aligned_alloc(limits::kSectorBytes, size);
  if (at == nullptr) throw std::bad_alloc();
  return Buffer(this, {static_cast<std::byte*>(at), size});
}

void BufferPool::give_back(MutableBytes bytes) {
  const bool of_the_arena =
      bytes.data() >= arena_.data() && bytes.data() < arena_.data() + arena_.size();
  if (!of_the_arena) {
    std::free(bytes.data());
    return;
  }
  const std::lock_guard lock(mutex_);
  free_[class_of(bytes.size())].push_back(bytes.data());
}

}  // namespace bimip::engine
