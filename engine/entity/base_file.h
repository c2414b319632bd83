// A partition's entity base on the disk: opened, and written anew with what segments' directories
// add. Format page: docs/design/format-entities.md; when and why: docs/design/entities.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "engine/device/device.h"
#include "engine/format/entity_base.h"
#include "engine/format/entity_directory.h"

namespace bimip::engine {

// The file, mapped. Immutable.
class BaseFile {
 public:
  // kNotFound, kDamaged (its header or length), kForeign, kUnsupportedVersion, kIo.
  [[nodiscard]] static Result<std::shared_ptr<const BaseFile>> open(
      Device& device, const Path& folder, const SegmentIdentity& partition);

  [[nodiscard]] const EntityBaseView& view() const { return view_; }
  // Asked after it was looked at: no, and what was found, or not, counts for nothing.
  [[nodiscard]] bool is_readable() const;

 private:
  BaseFile(std::unique_ptr<Mapping> mapping, EntityBaseView view)
      : mapping_(std::move(mapping)), view_(std::move(view)) {}
  std::unique_ptr<Mapping> mapping_;
  EntityBaseView view_;
};

struct BaseFold {
  Path folder{};
  SegmentIdentity partition{};
  std::shared_ptr<const BaseFile> base{};  // as it is; none when there is none
  // Of the stretches of log from the base's end to `end`, in the order of the log.
  std::span<const EntityDirectoryView> directories{};
  std::span<const LostRecords> lost{};  // what is in neither
  // Asked when all was read; no: kIo.
  std::function<bool()> are_readable = [] { return true; };
  // Below the base's end when the log was cut there: an entity that goes on behind it, and is in no
  // directory, keeps its number, unless that is its first.
  Offset end{};
  std::optional<EntityHash> without{};  // an entity that was erased: the new base names it nowhere
};
// Replaces the base by one that counts in every record below `end`: the newest record of each
// entity of either. Streams: memory does not grow with the entities. Durable when it returns; a
// crash leaves the old or the new. kNoSpace, kIo.
[[nodiscard]] Status fold_into_base(Device& device, const BaseFold& fold);

}  // namespace bimip::engine
