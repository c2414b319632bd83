#include "engine/device/posix_error.h"

#include <cerrno>
#include <cstring>
#include <string>

namespace bimip::engine {
namespace {

ErrorCode code_of(int number) {
  switch (number) {
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::kNoSpace;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::kBusy;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Error posix_error(int number, std::string_view action, const Path& path) {
  // Not strerror(), which is not thread-safe.
  const char* words = ::strerrordesc_np(number);
  return Error{
      .code = code_of(number),
      .message = path.string() + ": cannot " + std::string(action) + ": " +
                 (words != nullptr ? std::string(words) : "error " + std::to_string(number))};
}

}  // namespace bimip::engine
