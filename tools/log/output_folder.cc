#include "tools/log/output_folder.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;

bool is_prefix(const Path& folder, const Path& path) {
  const auto [in_folder, in_path] =
      std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return in_folder == folder.end();
}

Path parent_of(const Path& path) {
  const Path parent = path.parent_path();
  return parent.empty() ? Path(".") : parent;
}

// The folder, or the nearest one above it that is there.
Path nearest_folder(Path folder) {
  std::error_code ignored;
  while (!fs::is_directory(folder, ignored) && folder != parent_of(folder))
    folder = parent_of(folder);
  return folder;
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

Status check_room(Device& device, const Path& folder, std::uint64_t bytes) {
  const Result<std::uint64_t> free = device.free_bytes(nearest_folder(fs::absolute(folder)));
  if (!free) return std::unexpected(free.error());
  if (*free >= bytes) return {};
  const std::uint64_t missing = bytes - *free;
  return fail(ErrorCode::kNoSpace,
              folder.string() + ": at least " + bytes_text(bytes) + " are to be written, " +
                  bytes_text(*free) + " are free there: " + bytes_text(missing) + " (" +
                  std::to_string(missing) + " bytes) are missing; nothing was written");
}

Status make_folders(Device& device, const Path& folder) {
  Result<OutputFolder> made = OutputFolder::make(device, folder, OutputFolder::Contents::kOthers);
  if (!made) return std::unexpected(std::move(made.error()));
  made->keep();
  return {};
}

Result<OutputFolder> OutputFolder::make(Device& device, const Path& folder, Contents contents) {
  std::vector<Path> missing;
  std::error_code ignored;
  for (Path at = folder; !at.empty() && !fs::is_directory(at, ignored); at = at.parent_path())
    missing.push_back(at);
  OutputFolder output;
  if (contents == Contents::kOurs) output.emptied_ = folder;
  for (const Path& next : missing | std::views::reverse) {
    if (Status done = device.create_directory(next); !done)
      return std::unexpected(std::move(done.error()));
    output.made_.push_back(next);
    if (Status done = device.sync_directory(parent_of(next)); !done)
      return std::unexpected(std::move(done.error()));
  }
  return output;
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : made_(std::exchange(other.made_, {})), emptied_(std::exchange(other.emptied_, {})) {}

OutputFolder& OutputFolder::operator=(OutputFolder&& other) noexcept {
  OutputFolder taken(std::move(other));
  std::swap(made_, taken.made_);
  std::swap(emptied_, taken.emptied_);
  return *this;
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  std::vector<Path> contents;
  if (!emptied_.empty()) {
    for (const auto& entry : fs::directory_iterator(emptied_, ignored))
      contents.push_back(entry.path());
  }
  for (const Path& path : contents) fs::remove_all(path, ignored);
  // One that somebody has put something into stays.
  for (const Path& folder : made_ | std::views::reverse) fs::remove(folder, ignored);
}

void OutputFolder::keep() {
  made_.clear();
  emptied_.clear();
}

}  // namespace bimip::log_tools
