// Lines of a file or a pipe, each a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace bimip::client {

// Splits at '\n'; a last line without one counts, a '\r' is part of its line, any bytes are
// allowed. Holds one read and at most one unfinished line. Owner-thread only; does not close the
// descriptor.
class LineReader {
 public:
  LineReader(int descriptor, std::size_t line_bytes_max)
      : descriptor_(descriptor), line_bytes_max_(line_bytes_max) {}

  // The next line without its end; none when the input has ended, or when more must be read first
  // (fill() says which). Its view ends with the next call.
  [[nodiscard]] std::optional<std::string_view> next();
  enum class Filled : std::uint8_t { kMore, kEnded };
  // Reads once, waiting for input if there is none. kIo; kTooLarge for a line above the limit.
  [[nodiscard]] engine::Result<Filled> fill();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  int descriptor_;
  std::size_t line_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the next line
  std::size_t scanned_ = 0;  // no end of line before this
  std::uint64_t bytes_read_ = 0;
  std::uint64_t lines_ = 0;
  bool ended_ = false;
};

}  // namespace bimip::client
