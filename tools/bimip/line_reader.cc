#include "tools/bimip/line_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace bimip::tools {
namespace {

constexpr std::size_t kReadBytes = 256UL * 1024;

}  // namespace

LineReader::LineReader(int fd, std::size_t line_bytes_max)
    : fd_(fd), line_bytes_max_(line_bytes_max), buffer_(2 * kReadBytes) {}

LineReader::Next LineReader::next() {
  const void* found =
      end_ == searched_ ? nullptr : std::memchr(buffer_.data() + searched_, '\n', end_ - searched_);
  const std::size_t line_end =
      found == nullptr ? end_
                       : static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
  if (line_end - begin_ > line_bytes_max_) {
    ++line_number_;
    return Next::kTooLong;
  }
  if (found != nullptr) {
    hand_out(line_end - begin_, line_end - begin_ + 1);
    return Next::kLine;
  }
  searched_ = end_;
  if (!is_at_end_) return Next::kMissing;
  if (begin_ == end_) return Next::kEnd;
  hand_out(end_ - begin_, end_ - begin_);
  return Next::kLine;
}

void LineReader::hand_out(std::size_t bytes, std::size_t with_newline) {
  line_ = {buffer_.data() + begin_, bytes};
  begin_ += with_newline;
  searched_ = begin_;
  bytes_taken_ += with_newline;
  ++line_number_;
}

engine::Status LineReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    searched_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kReadBytes) buffer_.resize(end_ + kReadBytes);
  ssize_t count = -1;
  do {
    count = ::read(fd_, buffer_.data() + end_, kReadBytes);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return engine::fail(engine::ErrorCode::kIo, std::generic_category().message(errno));
  }
  end_ += static_cast<std::size_t>(count);
  is_at_end_ = count == 0;
  return {};
}

}  // namespace bimip::tools
