#include "tools/log/output_folder.h"

#include <algorithm>

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;

bool is_prefix(const Path& folder, const Path& path) {
  const auto [in_folder, in_path] =
      std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return in_folder == folder.end();
}

}  // namespace

bool lies_in(const Path& path, const Path& folder) {
  std::error_code ignored;
  return is_prefix(fs::weakly_canonical(folder, ignored), fs::weakly_canonical(path, ignored));
}

Status check_output_folder(const Path& output, const Path& input) {
  std::error_code error;
  if (lies_in(output, input) || lies_in(input, output)) {
    return fail(ErrorCode::kInvalidArgument,
                output.string() + ": lies in " + input.string() +
                    ", or the other way round; what is read is never written to");
  }
  if (!fs::exists(output, error)) return {};
  if (!fs::is_directory(output, error))
    return fail(ErrorCode::kInvalidArgument, output.string() + ": is not a folder");
  if (!fs::is_empty(output, error) || error) {
    return fail(
        ErrorCode::kInvalidArgument,
        output.string() + ": is not empty; give a folder that is, or that is not there yet");
  }
  return {};
}

Status make_folders(Device& device, const Path& folder) {
  std::error_code ignored;
  if (folder.empty() || fs::is_directory(folder, ignored)) return {};
  if (Status done = make_folders(device, folder.parent_path()); !done) return done;
  if (Status done = device.create_directory(folder); !done) return done;
  const Path parent = folder.parent_path();
  return device.sync_directory(parent.empty() ? Path(".") : parent);
}

}  // namespace bimip::log_tools
