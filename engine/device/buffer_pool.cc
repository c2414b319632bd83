#include "engine/device/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
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

constexpr std::size_t kHugePageBytes = 2 * 1024 * 1024;

// Aligned to huge pages when it is large. Pages cost memory only once used, unless a device
// registers (pins) the arena.
MutableBytes map_arena(std::size_t bytes) {
  if (bytes == 0) return {};
  const std::size_t in_front = bytes < kHugePageBytes ? 0 : kHugePageBytes;
  void* at =
      ::mmap(nullptr, bytes + in_front, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  MutableBytes mapped(static_cast<std::byte*>(at), bytes + in_front);
  if (in_front == 0) return mapped;
  const std::size_t skip = -reinterpret_cast<std::uintptr_t>(at) % kHugePageBytes;
  if (skip > 0) ::munmap(at, skip);
  if (skip < in_front) ::munmap(mapped.data() + skip + bytes, in_front - skip);
  return mapped.subspan(skip, bytes);
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
    : arena_(map_arena(arena_bytes / limits::kSectorBytes * limits::kSectorBytes)),
      blocks_(arena_.size() / limits::kSectorBytes) {
  const MutexLock lock(mutex_);
  lists_.fill(kNone);
  // Freed one by one, the sectors join into the largest blocks the arena has room for.
  for (std::size_t sector = blocks_.size(); sector > 0; --sector) {
    free_block(static_cast<Sector>(sector - 1), 0);
  }
}

BufferPool::~BufferPool() {
  if (!arena_.empty()) ::munmap(arena_.data(), arena_.size());
}

void BufferPool::use_huge_pages() {
  if (!arena_.empty()) (void)::madvise(arena_.data(), arena_.size(), MADV_HUGEPAGE);
}

Buffer BufferPool::take(std::size_t bytes) {
  BIMIP_ASSERT(bytes <= limits::kBlockBytesMax);
  const std::size_t size_class = class_of(bytes);
  const std::size_t size = bytes_of(size_class);
  {
    const MutexLock lock(mutex_);
    if (const Sector sector = take_block(size_class); sector != kNone) {
      return Buffer(this, arena_.subspan(sector * limits::kSectorBytes, size));
    }
  }
  void* at = std::aligned_alloc(limits::kSectorBytes, size);
  if (at == nullptr) throw std::bad_alloc();
  return Buffer(this, {static_cast<std::byte*>(at), size});
}

// From the smallest class that has a block; what is left of a larger one stays free in halves.
BufferPool::Sector BufferPool::take_block(std::size_t size_class) {
  std::size_t found = size_class;
  while (found < kClasses && lists_[found] == kNone) ++found;
  if (found == kClasses) return kNone;
  const Sector sector = lists_[found];
  unlink(sector);
  while (found > size_class) {
    --found;
    link(sector + (Sector{1} << found), found);
  }
  return sector;
}

void BufferPool::give_back(MutableBytes bytes) {
  const bool of_the_arena =
      bytes.data() >= arena_.data() && bytes.data() < arena_.data() + arena_.size();
  if (!of_the_arena) {
    std::free(bytes.data());
    return;
  }
  const auto position = static_cast<std::size_t>(bytes.data() - arena_.data());
  const MutexLock lock(mutex_);
  free_block(static_cast<Sector>(position / limits::kSectorBytes), class_of(bytes.size()));
}

// Joins the block with its other half as long as that one is free too.
void BufferPool::free_block(Sector sector, std::size_t size_class) {
  for (; size_class + 1 < kClasses; ++size_class) {
    const Sector other = sector ^ (Sector{1} << size_class);
    if (other >= blocks_.size() || blocks_[other].free_class != size_class) break;
    unlink(other);
    sector = std::min(sector, other);
  }
  link(sector, size_class);
}

void BufferPool::link(Sector sector, std::size_t size_class) {
  Sector& first = lists_[size_class];
  blocks_[sector] = Block{.free_class = static_cast<std::uint8_t>(size_class), .next = first};
  if (first != kNone) blocks_[first].previous = sector;
  first = sector;
}

void BufferPool::unlink(Sector sector) {
  Block& block = blocks_[sector];
  BIMIP_ASSERT(block.free_class != kNotFree);
  if (block.previous == kNone) {
    lists_[block.free_class] = block.next;
  } else {
    blocks_[block.previous].next = block.next;
  }
  if (block.next != kNone) blocks_[block.next].previous = block.previous;
  block = Block{};
}

}  // namespace bimip::engine
