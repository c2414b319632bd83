#include "frontend/transport/handler_memory.h"

#include <gtest/gtest.h>

namespace bimip::frontend {
namespace {

bool is_inside(const void* at, const HandlerMemory& memory) {
  const auto* const begin = reinterpret_cast<const std::byte*>(&memory);
  const auto* const byte = static_cast<const std::byte*>(at);
  return byte >= begin && byte < begin + sizeof(memory);
}

TEST(HandlerMemory, HoldsOneOperationAndTheNextWhenThatIsOver) {
  HandlerMemory memory;
  void* const first = memory.allocate(100);
  EXPECT_TRUE(is_inside(first, memory));
  void* const meanwhile = memory.allocate(100);
  EXPECT_FALSE(is_inside(meanwhile, memory));
  memory.deallocate(first);
  EXPECT_EQ(memory.allocate(100), first);
  memory.deallocate(meanwhile);
  memory.deallocate(first);
}

TEST(HandlerMemory, LeavesWhatIsLargerToTheHeap) {
  HandlerMemory memory;
  void* const large = memory.allocate(1000);
  EXPECT_FALSE(is_inside(large, memory));
  EXPECT_TRUE(is_inside(memory.allocate(8), memory));
  memory.deallocate(large);
}

}  // namespace
}  // namespace bimip::frontend
