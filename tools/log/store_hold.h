// Whether a store is there, and servers kept off it while an offline tool looks at it.
#pragma once

#include <memory>

#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

// Whether a server may have the store while it is read.
enum class Holding : std::uint8_t {
  kHeld,  // none may run
  kLive,  // one may, and write
};

// That the path is a data directory with a catalog, which this user may read. kNotFound, kForeign,
// kIo; says what is there instead, and what to do.
[[nodiscard]] Status check_data_directory(const Path& path);

// Holds the store's lock, shared with other readers; a server cannot start meanwhile. Ends with the
// object.
class StoreHold {
 public:
  // Creates and changes nothing; a folder without a lock file is held by nobody. kLocked, naming
  // the server's process, kIo.
  [[nodiscard]] static Result<StoreHold> take(const Path& data_directory);
  StoreHold() = default;  // of nothing
  StoreHold(StoreHold&& other) noexcept;
  StoreHold& operator=(StoreHold&& other) noexcept;
  ~StoreHold();

 private:
  explicit StoreHold(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace bimip::log_tools
