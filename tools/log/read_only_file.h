// A file that the offline tools look at. There is no way to change one through it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "tools/log/words.h"

namespace bimip::log_tools {

using Path = std::filesystem::path;

enum class ReadVia : std::uint8_t {
  kPageCache,
  // Around the page cache where the file system allows it: reads what the disk holds, and leaves
  // the cache to others.
  kDevice,
};

// What is there under a path that somebody gave, with no link in it. kNotFound: nothing is. kIo:
// this user may not look at it.
[[nodiscard]] Result<Path> find_given(const Path& path);
// That this user may read the file, or list the folder and open what is in it. A path under which
// nothing is does no harm. kIo.
[[nodiscard]] Status check_readable(const Path& path);

// Immutable once it is shared, and then thread-safe.
class ReadOnlyFile {
 public:
  // Regular files only. kNotFound, kInvalidArgument (a folder, a pipe), kIo.
  [[nodiscard]] static Result<std::unique_ptr<ReadOnlyFile>> open(const Path& path, ReadVia via);
  ~ReadOnlyFile();
  ReadOnlyFile(const ReadOnlyFile&) = delete;
  ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

  [[nodiscard]] const Path& path() const { return path_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }            // its length
  [[nodiscard]] std::uint64_t disk_bytes() const { return disk_bytes_; }  // what it takes
  // Fills `into`, fewer bytes only at the file's end. Around the page cache the position and `into`
  // are multiples of limits::kSectorBytes, in memory too.
  [[nodiscard]] Result<std::size_t> read_at(FilePosition position, MutableBytes into) const;
  // How long it is by now. Before it is shared. kIo.
  [[nodiscard]] Status measure();
  // From now on the file ends there, whatever is written behind. Before it is shared; a multiple of
  // limits::kSectorBytes unless it is the file's own end.
  void end_at(FilePosition position) { bytes_ = std::min(bytes_, position.value()); }

 private:
  ReadOnlyFile(Path path, int descriptor, std::uint64_t bytes, std::uint64_t disk_bytes)
      : path_(std::move(path)), descriptor_(descriptor), bytes_(bytes), disk_bytes_(disk_bytes) {}

  const Path path_;
  const int descriptor_;
  std::uint64_t bytes_;
  std::uint64_t disk_bytes_;
};

// A whole small file; kTooLarge above `bytes_max`.
[[nodiscard]] Result<std::vector<std::byte>> read_whole(const Path& path, std::uint64_t bytes_max);

// Far above any table a store writes.
inline constexpr std::uint64_t kTableBytesMax = 1ULL << 30U;

}  // namespace bimip::log_tools
