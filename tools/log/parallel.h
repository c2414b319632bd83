// Work on many files at once, with a word now and then on how far it is.
#pragma once

#include <cstddef>
#include <functional>

namespace bimip::log_tools {

struct ParallelWork {
  std::size_t count = 0;
  unsigned jobs = 1;
  // Called for each of [0, count) once, in that order, on any of the threads.
  std::function<void(std::size_t)> work{};
  // Called a few times a second on the caller's thread while the others work.
  std::function<void()> meanwhile{};
};
// Returns when all is done.
void run_parallel(const ParallelWork& work);

}  // namespace bimip::log_tools
