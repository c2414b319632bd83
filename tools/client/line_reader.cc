#include "tools/client/line_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace bimip::client {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

}  // namespace

std::optional<std::string_view> LineReader::next() {
  const std::string_view buffer = buffer_;
  const std::size_t end = buffer.find('\n', scanned_);
  if (end == std::string_view::npos) {
    scanned_ = buffer.size();
    if (!ended_ || begin_ == buffer.size()) return std::nullopt;
    const std::string_view last = buffer.substr(begin_);
    begin_ = buffer.size();
    ++lines_;
    return last;
  }
  const std::string_view line = buffer.substr(begin_, end - begin_);
  begin_ = scanned_ = end + 1;
  ++lines_;
  return line;
}

engine::Result<LineReader::Filled> LineReader::fill() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  if (buffer_.size() > line_bytes_max_) {
    return engine::fail(engine::ErrorCode::kTooLarge, "line " + std::to_string(lines_ + 1) +
                                                          " is longer than a message may be (" +
                                                          std::to_string(line_bytes_max_) +
                                                          " bytes)");
  }
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kReadBytes);
  ssize_t got = 0;
  do {
    got = ::read(descriptor_, buffer_.data() + had, kReadBytes);
  } while (got < 0 && errno == EINTR);
  buffer_.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
  if (got < 0)
    return engine::fail(engine::ErrorCode::kIo,
                        std::string("cannot read: ") + std::strerror(errno));
  bytes_read_ += static_cast<std::uint64_t>(got);
  ended_ = got == 0;
  return ended_ ? Filled::kEnded : Filled::kMore;
}

}  // namespace bimip::client
