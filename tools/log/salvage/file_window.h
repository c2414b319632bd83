// A damaged file, read in large pieces, whatever its disk says.
#pragma once

#include <atomic>

#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

// What cannot be read is zeros here, sector by sector, and counted. Thread-compatible. `file` and
// `bytes_read` outlive it.
class FileWindow {
 public:
  FileWindow(const ReadOnlyFile& file, std::atomic<std::uint64_t>& bytes_read)
      : file_(file), bytes_read_(bytes_read) {}

  // [position, position + count), less only at the file's end; until the next call. `count` is at
  // most limits::kBlockBytesMax.
  [[nodiscard]] Bytes look(FilePosition position, std::size_t count);
  [[nodiscard]] std::uint64_t unreadable_bytes() const { return unreadable_bytes_; }

 private:
  void fill(FilePosition position);

  const ReadOnlyFile& file_;
  std::atomic<std::uint64_t>& bytes_read_;
  std::vector<std::byte> window_;
  FilePosition start_{};
  FilePosition read_until_{};  // nothing before is counted again
  std::uint64_t unreadable_bytes_ = 0;
};

}  // namespace bimip::log_tools
