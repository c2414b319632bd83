// Where Asio puts an operation that is waited for, inside the object that waits: none is allocated
// each time, and none of another operation's larger size is kept for it.
// After the custom allocation of Asio's examples (boost/asio/example/cpp11/allocation).
#pragma once

#include <array>
#include <cstddef>
#include <memory>

namespace bimip::frontend {

// Room for one operation at a time; another one meanwhile, or a larger one, comes from the heap.
// Owner-thread only; outlives its operations, which is so where their handlers keep its owner.
class HandlerMemory {
 public:
  HandlerMemory() = default;
  HandlerMemory(const HandlerMemory&) = delete;
  HandlerMemory& operator=(const HandlerMemory&) = delete;

  [[nodiscard]] void* allocate(std::size_t bytes) {
    if (is_used_ || bytes > memory_.size()) return ::operator new(bytes);
    is_used_ = true;
    return memory_.data();
  }
  void deallocate(void* at) {
    if (at != memory_.data()) return ::operator delete(at);
    is_used_ = false;
  }

 private:
  // A wait for a socket takes 104, with a handler of a pointer to its owner and this.
  static constexpr std::size_t kBytes = 104;
  alignas(alignof(void*)) std::array<std::byte, kBytes> memory_;
  bool is_used_ = false;
};

// For boost::asio::bind_allocator().
template <typename T>
class HandlerAllocator {
 public:
  using value_type = T;
  explicit HandlerAllocator(HandlerMemory& memory) : memory_(&memory) {}
  template <typename U>
  HandlerAllocator(const HandlerAllocator<U>& other) : memory_(other.memory()) {}
  [[nodiscard]] T* allocate(std::size_t count) {
    static_assert(alignof(T) <= alignof(void*));
    return static_cast<T*>(memory_->allocate(count * sizeof(T)));
  }
  void deallocate(T* at, std::size_t) { memory_->deallocate(at); }
  [[nodiscard]] HandlerMemory* memory() const { return memory_; }
  friend bool operator==(const HandlerAllocator&, const HandlerAllocator&) = default;

 private:
  HandlerMemory* memory_;
};

}  // namespace bimip::frontend
