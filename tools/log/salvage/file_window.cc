#include "tools/log/salvage/file_window.h"

#include <algorithm>

#include "engine/base/limits.h"

namespace bimip::log_tools {
namespace {

constexpr std::size_t kWindowBytes = 8 * 1024 * 1024;
static_assert(kWindowBytes > 2 * limits::kBlockBytesMax);

}  // namespace

Bytes FileWindow::look(FilePosition position, std::size_t count) {
  if (position.value() >= file_.bytes()) return {};
  count = std::min<std::uint64_t>(count, file_.bytes() - position.value());
  const bool is_inside = position >= start_ && position + count <= start_ + window_.size();
  if (!is_inside) fill(position);
  return Bytes(window_).subspan(position - start_, count);
}

void FileWindow::fill(FilePosition position) {
  start_ = FilePosition(position.value() / limits::kSectorBytes * limits::kSectorBytes);
  window_.resize(std::min<std::uint64_t>(kWindowBytes, file_.bytes() - start_.value()));
  Result<std::size_t> got = file_.read_at(start_, window_);
  if (!got) {
    for (std::size_t at = 0; at < window_.size(); at += limits::kSectorBytes) {
      const MutableBytes sector =
          MutableBytes(window_).subspan(at, std::min(limits::kSectorBytes, window_.size() - at));
      if (file_.read_at(start_ + at, sector)) continue;
      std::ranges::fill(sector, std::byte{0});
      if (start_ + at >= read_until_) unreadable_bytes_ += sector.size();
    }
  }
  const FilePosition end = start_ + window_.size();
  if (end > read_until_) {
    bytes_read_ += end - std::max(read_until_, start_);
    read_until_ = end;
  }
}

}  // namespace bimip::log_tools
