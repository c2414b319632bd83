// What a command writes, and whether all of it was taken.
#pragma once

#include <string>
#include <string_view>

namespace bimip::tools {

// Whether standard output refused something, as a full disk does. A reader that went away refuses
// nothing: it has seen enough.
[[nodiscard]] bool output_failed();

// Standard output, gathered into large writes. Thread-compatible.
class Output {
 public:
  // `program` is whose complaint it is.
  explicit Output(std::string_view program = "bimip") : program_(program) {}
  ~Output() { (void)flush(); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  // False once its reader is gone, or it refuses something; the latter is complained of.
  bool write(std::string_view text);
  bool flush();

 private:
  const std::string_view program_;
  std::string waiting_;
  bool is_open_ = true;
};

}  // namespace bimip::tools
