#include "tools/bimip/output.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace bimip::tools {
namespace {

constexpr std::size_t kOutputBytes = 64 * 1024;

std::atomic<bool> refused{false};

}  // namespace

bool output_failed() { return refused.load(); }

bool Output::write(std::string_view text) {
  waiting_ += text;
  return waiting_.size() < kOutputBytes ? is_open_ : flush();
}

bool Output::flush() {
  std::string_view rest = waiting_;
  while (!rest.empty() && is_open_) {
    const ssize_t done = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      is_open_ = false;
      if (errno != EPIPE && !refused.exchange(true)) {
        const std::string why = std::generic_category().message(errno);
        std::fprintf(stderr, "%.*s: standard output: %s\n", static_cast<int>(program_.size()),
                     program_.data(), why.c_str());
      }
    }
    if (done > 0) rest.remove_prefix(static_cast<std::size_t>(done));
  }
  waiting_.clear();
  return is_open_;
}

}  // namespace bimip::tools
