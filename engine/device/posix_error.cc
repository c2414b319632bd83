#include "engine/device/posix_error.h"

#include <cerrno>
#include <string>
#include <system_error>

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
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Error posix_error(int number, std::string_view action, const Path& path) {
  // Not strerror(), which is not thread-safe.
  return Error{.code = code_of(number),
               .message = path.string() + ": cannot " + std::string(action) + ": " +
                          std::system_category().message(number)};
}

}  // namespace bimip::engine
