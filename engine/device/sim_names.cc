#include "engine/device/sim_names.h"

#include <cerrno>
#include <set>
#include <utility>

#include "engine/base/assert.h"
#include "engine/device/posix_error.h"

namespace bimip::engine {
namespace {

std::vector<std::string> parts_of(const Path& path) {
  std::vector<std::string> parts;
  for (const Path& part : path.lexically_normal().relative_path()) {
    if (!part.empty() && part != ".") parts.push_back(part.string());
  }
  return parts;
}

using Entries = SimNode::Entries;

void apply(const std::shared_ptr<SimNode>& node, Entries* from, const std::string& from_name,
           Entries* to, const std::string& to_name) {
  if (from != nullptr) {
    const auto entry = from->find(from_name);
    if (entry != from->end() && entry->second == node) from->erase(entry);
  }
  if (to != nullptr) (*to)[to_name] = node;
}

void visit_files(const std::string& prefix, const SimNode& folder,
                 const std::function<void(const std::string&, const SimNode&)>& visit) {
  for (const auto& [name, node] : folder.seen) {
    if (node->kind == SimNode::Kind::kFile) {
      visit(prefix + name, *node);
    } else {
      visit_files(prefix + name + "/", *node, visit);
    }
  }
}

}  // namespace

std::shared_ptr<SimNode> SimNames::find(const Path& path) const {
  std::shared_ptr<SimNode> node = root_;
  for (const std::string& part : parts_of(path)) {
    const auto entry = node->seen.find(part);
    if (entry == node->seen.end()) return nullptr;
    node = entry->second;
  }
  return node;
}

Result<SimNames::Place> SimNames::place_of(const Path& path) const {
  const Path whole = path.lexically_normal();
  const auto parts = parts_of(whole);
  if (parts.empty()) return fail_posix(EBUSY, "change", path);
  auto folder =
      find(whole.has_filename() ? whole.parent_path() : whole.parent_path().parent_path());
  if (folder == nullptr) return fail_posix(ENOENT, "find the folder of", path);
  if (folder->kind != SimNode::Kind::kFolder) return fail_posix(ENOTDIR, "look into", path);
  return Place{.folder = std::move(folder), .name = parts.back()};
}

void SimNames::add(Change change) {
  apply(change.node, change.from ? &change.from->folder->seen : nullptr,
        change.from ? change.from->name : "", change.to ? &change.to->folder->seen : nullptr,
        change.to ? change.to->name : "");
  changes_.push_back(std::move(change));
}

Result<std::shared_ptr<SimNode>> SimNames::create(std::uint64_t step, const Path& path,
                                                  SimNode::Kind kind) {
  auto place = place_of(path);
  if (!place) return std::unexpected(std::move(place.error()));
  if (place->folder->seen.contains(place->name)) return fail_posix(EEXIST, "create", path);
  auto node = std::make_shared<SimNode>(kind);
  add({.step = step, .node = node, .from = {}, .to = std::move(*place)});
  return node;
}

Result<std::shared_ptr<SimNode>> SimNames::plant(const Path& path) {
  if (auto node = find(path); node != nullptr && node->kind == SimNode::Kind::kFile) return node;
  auto place = place_of(path);
  if (!place) return std::unexpected(std::move(place.error()));
  if (place->folder->seen.contains(place->name)) return fail_posix(EISDIR, "create", path);
  auto node = std::make_shared<SimNode>(SimNode::Kind::kFile);
  place->folder->seen[place->name] = place->folder->medium[place->name] = node;
  return node;
}

Status SimNames::remove(std::uint64_t step, const Path& path) {
  auto place = place_of(path);
  if (!place) return std::unexpected(std::move(place.error()));
  const auto entry = place->folder->seen.find(place->name);
  if (entry == place->folder->seen.end()) return fail_posix(ENOENT, "remove", path);
  const auto node = entry->second;
  if (!node->seen.empty()) return fail_posix(ENOTEMPTY, "remove", path);
  add({.step = step, .node = node, .from = std::move(*place), .to = {}});
  return {};
}

Status SimNames::rename(std::uint64_t step, const Path& from, const Path& to) {
  auto old_place = place_of(from);
  if (!old_place) return std::unexpected(std::move(old_place.error()));
  auto new_place = place_of(to);
  if (!new_place) return std::unexpected(std::move(new_place.error()));
  const auto entry = old_place->folder->seen.find(old_place->name);
  if (entry == old_place->folder->seen.end()) return fail_posix(ENOENT, "rename", from);
  const auto node = entry->second;
  const auto replaced = new_place->folder->seen.find(new_place->name);
  if (replaced != new_place->folder->seen.end()) {
    if (replaced->second == node) return {};
    if (replaced->second->kind != node->kind) return fail_posix(EISDIR, "rename onto", to);
    if (!replaced->second->seen.empty()) return fail_posix(ENOTEMPTY, "rename onto", to);
  }
  add({.step = step, .node = node, .from = std::move(*old_place), .to = std::move(*new_place)});
  return {};
}

Status SimNames::sync(const Path& path) {
  const auto folder = find(path);
  if (folder == nullptr) return fail_posix(ENOENT, "sync the folder", path);
  if (folder->kind != SimNode::Kind::kFolder) return fail_posix(ENOTDIR, "sync the folder", path);
  for (Change& change : changes_) {
    if (change.from && change.from->folder == folder) change.from_synced = true;
    if (change.to && change.to->folder == folder) change.to_synced = true;
  }
  for (;;) {
    auto next = changes_.begin();
    while (next != changes_.end() && !next->durable()) ++next;
    if (next == changes_.end()) return {};
    settle(next);
  }
}

// A change to a node, or to a name, builds on the earlier ones to it.
bool SimNames::depends(const Change& later, const Change& earlier) {
  const auto same = [](const std::optional<Place>& a, const std::optional<Place>& b) {
    return a && b && *a == *b;
  };
  return later.node == earlier.node || same(later.from, earlier.from) ||
         same(later.from, earlier.to) || same(later.to, earlier.from) || same(later.to, earlier.to);
}

void SimNames::settle(std::list<Change>::iterator change) {
  for (auto earlier = changes_.begin(); earlier != change;) {
    if (!depends(*change, *earlier)) {
      ++earlier;
      continue;
    }
    settle(earlier);
    earlier = changes_.begin();
  }
  apply(change->node, change->from ? &change->from->folder->medium : nullptr,
        change->from ? change->from->name : "", change->to ? &change->to->folder->medium : nullptr,
        change->to ? change->to->name : "");
  changes_.erase(change);
}

void SimNames::for_each_file(
    const std::function<void(const std::string&, const SimNode&)>& visit) const {
  visit_files("", *root_, visit);
}

void SimNames::collect_steps(std::vector<std::uint64_t>& steps) const {
  std::set<const SimNode*> files;
  const auto add_files = [&](const auto& self, const SimNode& folder) -> void {
    for (const Entries* entries : {&folder.seen, &folder.medium}) {
      for (const auto& [name, node] : *entries) {
        if (!files.insert(node.get()).second) continue;
        if (node->kind == SimNode::Kind::kFolder) self(self, *node);
      }
    }
  };
  add_files(add_files, *root_);
  for (const Change& change : changes_) {
    steps.push_back(change.step);
    files.insert(change.node.get());
  }
  for (const SimNode* node : files) node->file.collect_steps(steps);
}

// Two changes to one file keep their order: a file is never found under a name it had given up for
// one that is found too. Changes to different files survive each for itself.
std::vector<bool> SimNames::changes_that_survive(SimCrash& crash) const {
  std::vector<bool> survive;
  for (const Change& change : changes_) survive.push_back(crash.name_survives(change.step));
  std::set<const SimNode*> wanted;
  auto index = survive.size();
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    --index;
    if (wanted.contains(change->node.get())) survive[index] = true;
    if (survive[index]) wanted.insert(change->node.get());
  }
  return survive;
}

SimNames SimNames::image(SimCrash& crash) const {
  Clones clones;
  SimNames image(clone(root_, crash, clones));
  const auto survive = changes_that_survive(crash);
  std::size_t index = 0;
  for (const Change& change : changes_) {
    if (!survive[index++]) continue;
    const auto entries = [&](const std::optional<Place>& place) -> Entries* {
      return place ? &clone(place->folder, crash, clones)->medium : nullptr;
    };
    apply(clone(change.node, crash, clones), entries(change.from),
          change.from ? change.from->name : "", entries(change.to),
          change.to ? change.to->name : "");
  }
  for (const auto& [original, copy] : clones) copy->seen = copy->medium;
  return image;
}

std::shared_ptr<SimNode> SimNames::clone(const std::shared_ptr<SimNode>& node, SimCrash& crash,
                                         Clones& clones) {
  auto& copy = clones[node.get()];
  if (copy != nullptr) return copy;
  copy = std::make_shared<SimNode>(node->kind);
  if (node->kind == SimNode::Kind::kFile) copy->file = SimFileState(node->file.image(crash));
  for (const auto& [name, child] : node->medium) copy->medium[name] = clone(child, crash, clones);
  return copy;
}

}  // namespace bimip::engine
