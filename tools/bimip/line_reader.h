// The lines of a file or a pipe, in bounded memory.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace bimip::tools {

// A line is what stands before a newline, any bytes; what stands behind the last one counts when
// there is something. Thread-compatible; the descriptor outlives it. Memory: the longest line
// allowed and one read.
class LineReader {
 public:
  enum class Next : std::uint8_t {
    kLine,     // line() is the next one
    kMissing,  // fill() first
    kEnd,      // there are no more
    kTooLong,  // the next line has more than line_bytes_max bytes
  };

  LineReader(int fd, std::size_t line_bytes_max);

  [[nodiscard]] Next next();
  // Until the next fill().
  [[nodiscard]] std::string_view line() const { return line_; }
  // Of the line that next() last told of, from 1.
  [[nodiscard]] std::uint64_t line_number() const { return line_number_; }
  // One read(2), which waits if the descriptor does. kIo.
  [[nodiscard]] engine::Status fill();
  [[nodiscard]] bool is_at_end() const { return is_at_end_; }
  // Bytes of the lines handed out, with their newlines.
  [[nodiscard]] std::uint64_t bytes_taken() const { return bytes_taken_; }

 private:
  void hand_out(std::size_t bytes, std::size_t with_newline);

  int fd_;
  std::size_t line_bytes_max_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;     // of the next line
  std::size_t searched_ = 0;  // no newline in [begin_, searched_)
  std::size_t end_ = 0;
  bool is_at_end_ = false;
  std::string_view line_{};
  std::uint64_t line_number_ = 0;
  std::uint64_t bytes_taken_ = 0;
};

}  // namespace bimip::tools
