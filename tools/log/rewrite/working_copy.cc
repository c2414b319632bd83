#include "tools/log/rewrite/working_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <system_error>
#include <utility>

#include "tools/log/output_folder.h"

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;

Status failed(const Path& path, const char* what, const std::error_code& error) {
  const bool full = error == std::errc::no_space_on_device;
  return fail(full ? ErrorCode::kNoSpace : ErrorCode::kIo,
              path.string() + ": " + what + ": " + error.message());
}

// The segments that no engine ever writes to again.
std::set<Path> sealed_segments(const Inventory& store) {
  std::set<Path> sealed;
  for (const PartitionPlace& partition : store.partitions) {
    for (const SegmentPlace& segment : partition.segments) {
      if (segment.listed && segment.listed->state == SegmentState::kSealed)
        sealed.insert(segment.path);
    }
  }
  return sealed;
}

class Copier {
 public:
  Copier(const WorkingCopy::Plan& plan, Path root, Path into)
      : plan_(plan), root_(std::move(root)), into_(std::move(into)) {
    if (!plan.to) linked_ = sealed_segments(plan.store);
  }

  Status run() {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(root_, error)) {
      if (entry.is_regular_file(error)) total_ += entry.file_size(error);
    }
    return copy_folder(root_, into_);
  }

 private:
  bool is_wanted(const Path& path) const {
    const std::string name = path.filename();
    const bool is_top = path.parent_path() == root_;
    return !(is_top && (name == file_names::kLock || name == file_names::kSpares)) &&
           !name.ends_with(file_names::kNewSuffix);
  }

  Status copy_folder(const Path& from, const Path& to) {
    std::error_code error;
    fs::create_directory(to, from, error);
    if (error) return failed(to, "cannot make it", error);
    for (const auto& entry : fs::directory_iterator(from, error)) {
      if (!is_wanted(entry.path())) continue;
      const Path target = to / entry.path().filename();
      Status done;
      if (entry.is_directory(error)) {
        done = copy_folder(entry.path(), target);
      } else if (entry.is_regular_file(error)) {
        done = copy_file(entry.path(), target);
      }
      if (!done) return done;
    }
    return error ? failed(from, "cannot list it", error) : Status{};
  }

  Status copy_file(const Path& from, const Path& to) {
    std::error_code error;
    if (linked_.contains(from)) {
      fs::create_hard_link(from, to, error);
    } else {
      fs::copy_file(from, to, error);
    }
    if (error) return failed(to, "cannot write it", error);
    done_ += fs::file_size(from, error);
    if (plan_.on_progress) plan_.on_progress(done_, total_);
    return {};
  }

  const WorkingCopy::Plan& plan_;
  const Path root_;
  const Path into_;
  std::set<Path> linked_{};
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

Status remove_tree(const Path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  return error ? failed(folder, "cannot remove it", error) : Status{};
}

Path parent_of(const Path& path) {
  const Path parent = path.parent_path();
  return parent.empty() ? Path(".") : parent;
}

}  // namespace

Result<WorkingCopy> WorkingCopy::make(Device& device, const Plan& plan) {
  if (plan.store.scope != Scope::kStore || !plan.store.data_directory) {
    return fail(ErrorCode::kInvalidArgument,
                plan.store.root.string() +
                    ": is not a data directory; a store is written anew as "
                    "a whole");
  }
  std::error_code error;
  const Path root = fs::canonical(*plan.store.data_directory, error);
  if (error) return std::unexpected(failed(root, "cannot be found", error).error());
  if (plan.to) {
    if (Status good = check_output_folder(*plan.to, root); !good)
      return std::unexpected(std::move(good.error()));
  }
  const Path target = plan.to ? fs::weakly_canonical(fs::absolute(*plan.to), error) : root;
  if (Status made = make_folders(device, target.parent_path()); !made)
    return std::unexpected(std::move(made.error()));
  const Path folder = target.parent_path() / ("." + target.filename().string() + ".rewriting");
  if (Status gone = remove_tree(folder); !gone) return std::unexpected(std::move(gone.error()));
  WorkingCopy copy(device, folder, target);
  if (Status copied = Copier(plan, *plan.store.data_directory, folder).run(); !copied)
    return std::unexpected(std::move(copied.error()));
  return copy;
}

WorkingCopy::WorkingCopy(WorkingCopy&& other) noexcept
    : device_(other.device_),
      folder_(std::exchange(other.folder_, {})),
      target_(std::move(other.target_)) {}

WorkingCopy::~WorkingCopy() {
  if (!folder_.empty()) (void)remove_tree(folder_);
}

// Who runs this need not be who runs the server.
Status WorkingCopy::belong_to_owner_of(const Path& store) const {
  struct stat owner{};
  if (::geteuid() != 0 || ::stat(store.c_str(), &owner) != 0) return {};
  std::error_code error;
  const auto give = [&](const Path& path) {
    return ::lchown(path.c_str(), owner.st_uid, owner.st_gid) == 0;
  };
  bool all = give(folder_);
  for (const auto& entry : fs::recursive_directory_iterator(folder_, error))
    all = give(entry.path()) && all;
  return all ? Status{}
             : fail(ErrorCode::kIo, folder_.string() + ": cannot be given to the store's owner");
}

Status WorkingCopy::put_in_place() {
  std::error_code error;
  const bool replaces = fs::exists(target_, error) && !fs::is_empty(target_, error);
  if (replaces) {
    if (Status given = belong_to_owner_of(target_); !given) return given;
  }
  if (Status synced = device_->sync_tree(folder_); !synced) return synced;
  // An empty folder is in nobody's way.
  const unsigned how = replaces ? RENAME_EXCHANGE : 0U;
  if (::renameat2(AT_FDCWD, folder_.c_str(), AT_FDCWD, target_.c_str(), how) != 0) {
    const int why = errno;
    const bool is_mounted = why == EXDEV || why == EBUSY;
    return fail(ErrorCode::kIo, target_.string() + ": cannot be exchanged with " +
                                    folder_.string() + ": " +
                                    (is_mounted ? "it is a mount point; give --to DIR"
                                                : std::generic_category().message(why)));
  }
  if (Status synced = device_->sync_directory(parent_of(target_)); !synced) return synced;
  const Path old = std::exchange(folder_, {});
  if (!replaces) return {};
  if (Status gone = remove_tree(old); !gone) return gone;
  return device_->sync_directory(parent_of(target_));
}

}  // namespace bimip::log_tools
