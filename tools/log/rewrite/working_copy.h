// A store that is worked on beside the one it was copied from, and then takes its place or another.
#pragma once

#include <functional>
#include <optional>

#include "engine/device/device.h"
#include "tools/log/inventory.h"
#include "tools/log/output_folder.h"

namespace bimip::log_tools {

// Made beside where it goes, under a name of its own (".NAME.rewriting"), so that whatever is under
// the names that count is whole. Destroying it before it was put in place removes it.
// Owner-thread only.
class WorkingCopy {
 public:
  struct Plan {
    const Inventory& store;    // all of it, held
    std::optional<Path> to{};  // an empty folder or none yet; not given: in the store's place
    std::function<void(std::uint64_t done, std::uint64_t total)> on_progress{};
  };
  // Copies every file but spare segments; sealed segments that are to be in the store's place in
  // the end are not copied but named twice, since nobody ever changes one. What an earlier attempt
  // left is removed. kInvalidArgument, kNoSpace, kIo.
  [[nodiscard]] static Result<WorkingCopy> make(Device& device, const Plan& plan);
  WorkingCopy(WorkingCopy&& other) noexcept;
  WorkingCopy(const WorkingCopy&) = delete;
  WorkingCopy& operator=(const WorkingCopy&) = delete;
  ~WorkingCopy();

  [[nodiscard]] const Path& folder() const { return folder_; }

  // Nobody has it open any more. Durable when it returns: the folder asked for holds it, or the
  // store's folder does, by one exchange of names; what was there is removed then. An error: what
  // was there is there.
  [[nodiscard]] Status put_in_place();

  // What make() looks at before it writes: that the target can be taken, and that a copy fits
  // beside it. kInvalidArgument, kNoSpace, kIo.
  [[nodiscard]] static Status check(Device& device, const Plan& plan);

 private:
  WorkingCopy(Device& device, OutputFolder parent, Path folder, Path target)
      : device_(&device),
        parent_(std::move(parent)),
        folder_(std::move(folder)),
        target_(std::move(target)) {}
  [[nodiscard]] Status belong_to_owner_of(const Path& store) const;

  Device* device_;
  OutputFolder parent_;  // of both
  Path folder_;          // empty: there is none any more
  Path target_;
};

}  // namespace bimip::log_tools
