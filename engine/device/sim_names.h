// The folders of the simulated device: names as applications see them, as the medium has them, and
// the changes between.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/device/device.h"
#include "engine/device/sim_crash.h"
#include "engine/device/sim_file.h"

namespace bimip::engine {

// A file or a folder; lives as long as a name or an open file refers to it. Guarded by the device's
// lock.
struct SimNode {
  enum class Kind : std::uint8_t { kFile, kFolder };
  using Entries = std::map<std::string, std::shared_ptr<SimNode>>;

  explicit SimNode(Kind node_kind) : kind(node_kind) {}
  const Kind kind;
  SimFileState file;  // of kFile
  Entries seen;       // of kFolder
  Entries medium;     // of kFolder
};

// Errors are those of Device. A change is named by the step that issued it and stays volatile until
// each folder it touches was synced. Thread-compatible: the device's lock guards it.
class SimNames {
 public:
  SimNames() : root_(std::make_shared<SimNode>(SimNode::Kind::kFolder)) {}

  // Null when there is none.
  [[nodiscard]] std::shared_ptr<SimNode> find(const Path& path) const;
  [[nodiscard]] Result<std::shared_ptr<SimNode>> create(std::uint64_t step, const Path& path,
                                                        SimNode::Kind kind);
  // The file under this name, or a new one whose name is durable at once.
  [[nodiscard]] Result<std::shared_ptr<SimNode>> plant(const Path& path);
  [[nodiscard]] Status remove(std::uint64_t step, const Path& path);
  [[nodiscard]] Status rename(std::uint64_t step, const Path& from, const Path& to);
  [[nodiscard]] Status sync(const Path& folder);

  // Every file that has a name, in order of the names.
  void for_each_file(const std::function<void(const std::string&, const SimNode&)>& visit) const;
  // Adds the steps of the volatile changes of names, and of the writes of every file that may
  // survive.
  void collect_steps(std::vector<std::uint64_t>& steps) const;
  [[nodiscard]] SimNames image(SimCrash& crash) const;

 private:
  struct Place {
    std::shared_ptr<SimNode> folder;
    std::string name;
    friend bool operator==(const Place&, const Place&) = default;
  };
  // Takes `node` from one place and puts it in another; a creation has no `from`, a removal no
  // `to`.
  struct Change {
    std::uint64_t step;
    std::shared_ptr<SimNode> node;
    std::optional<Place> from;
    std::optional<Place> to;
    bool from_synced = false;
    bool to_synced = false;
    [[nodiscard]] bool durable() const { return (!from || from_synced) && (!to || to_synced); }
  };
  using Clones = std::map<const SimNode*, std::shared_ptr<SimNode>>;

  explicit SimNames(std::shared_ptr<SimNode> root) : root_(std::move(root)) {}
  [[nodiscard]] Result<Place> place_of(const Path& path) const;
  void add(Change change);
  void settle(std::list<Change>::iterator change);
  [[nodiscard]] static bool depends(const Change& later, const Change& earlier);
  [[nodiscard]] std::vector<bool> changes_that_survive(SimCrash& crash) const;
  static std::shared_ptr<SimNode> clone(const std::shared_ptr<SimNode>& node, SimCrash& crash,
                                        Clones& clones);

  std::shared_ptr<SimNode> root_;
  std::list<Change> changes_;  // volatile, in the order of their steps
};

}  // namespace bimip::engine
