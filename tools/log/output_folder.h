// Where a command may write, whether it fits there, and what is left when it does not end well.
#pragma once

#include "engine/device/device.h"
#include "tools/log/read_only_file.h"

namespace bimip::log_tools {

// Both as the file system has them; a folder lies in itself.
[[nodiscard]] bool lies_in(const Path& path, const Path& folder);
// The folder is missing or empty, and neither lies in the other. kInvalidArgument with a sentence.
[[nodiscard]] Status check_output_folder(const Path& output, const Path& input);
// That at least `bytes` can be written below the folder, which need not be there yet. kNoSpace says
// how much is missing; kIo.
[[nodiscard]] Status check_room(Device& device, const Path& folder, std::uint64_t bytes);

// Makes the folder and those above it that are missing; their names are durable.
[[nodiscard]] Status make_folders(Device& device, const Path& folder);

// A folder that is written into. Unless it is kept, what is in it goes when this is destroyed, and
// the folders that were made for it: a command that is refused or fails leaves nothing.
// Owner-thread only.
class OutputFolder {
 public:
  enum class Contents : std::uint8_t {
    kOurs,    // the folder is missing or empty: all that will be in it is the command's
    kOthers,  // what is in it stays; the command removes what it wrote
  };
  OutputFolder() = default;
  // Makes it and those above it that are missing; their names are durable. kNoSpace, kIo.
  [[nodiscard]] static Result<OutputFolder> make(Device& device, const Path& folder,
                                                 Contents contents);
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&& other) noexcept;
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  // It is whole, or worth keeping.
  void keep();

 private:
  std::vector<Path> made_{};  // the highest first
  Path emptied_{};            // whose contents go; none when it is empty
};

}  // namespace bimip::log_tools
