#include "tools/log/rewrite/working_copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <system_error>
#include <utility>

#include "tools/log/aligned_bytes.h"
#include "tools/log/output_folder.h"

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPieceBytes = 1024 * 1024;

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
  Copier(Device& device, const WorkingCopy::Plan& plan, Path root, Path into)
      : device_(device), plan_(plan), root_(std::move(root)), into_(std::move(into)) {
    if (!plan.to) linked_ = sealed_segments(plan.store);
  }

  Status run() {
    const Sizes sizes = measure();
    total_ = sizes.copied + sizes.linked;
    return copy_folder(root_, into_);
  }

  struct Sizes {
    std::uint64_t copied = 0;
    std::uint64_t linked = 0;  // need no room
  };
  [[nodiscard]] Sizes measure() const {
    Sizes sizes;
    std::error_code error;
    fs::recursive_directory_iterator entry(root_, error);
    for (; entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      if (!is_wanted(entry->path())) {
        entry.disable_recursion_pending();
      } else if (entry->is_regular_file(error)) {
        (linked_.contains(entry->path()) ? sizes.linked : sizes.copied) += entry->file_size(error);
      }
    }
    return sizes;
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
    if (!linked_.contains(from)) return copy_bytes(from, to);
    std::error_code error;
    fs::create_hard_link(from, to, error);
    if (error) return failed(to, "cannot write it", error);
    tell(fs::file_size(from, error));
    return {};
  }

  // By hand: what the library's copy says of a disk that fills up is no more than "I/O error".
  Status copy_bytes(const Path& from, const Path& to) {
    const Result<std::unique_ptr<ReadOnlyFile>> source =
        ReadOnlyFile::open(from, ReadVia::kPageCache);
    if (!source) return std::unexpected(source.error());
    const Result<std::shared_ptr<File>> target = device_.open(to, OpenMode::kCreate);
    if (!target) return std::unexpected(target.error());
    for (FilePosition at(0);;) {
      const Result<std::size_t> got = (*source)->read_at(at, piece_.bytes());
      if (!got) return std::unexpected(got.error());
      if (*got == 0) break;
      if (Status done = (*target)->write_at(at, Bytes(piece_.bytes()).first(*got)); !done)
        return done;
      at += *got;
      tell(*got);
    }
    std::error_code error;
    fs::permissions(to, fs::status(from, error).permissions(), error);
    return error ? failed(to, "cannot give it the rights of the one it is copied from", error)
                 : Status{};
  }

  void tell(std::uint64_t bytes) {
    done_ += bytes;
    if (plan_.on_progress) plan_.on_progress(done_, total_);
  }

  Device& device_;
  const WorkingCopy::Plan& plan_;
  const Path root_;
  const Path into_;
  std::set<Path> linked_{};
  AlignedBytes piece_{kPieceBytes};
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

bool is_mount_point(const Path& path) {
  struct statx facts{};
  return ::statx(AT_FDCWD, path.c_str(), 0, 0, &facts) == 0 &&
         (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// Which folder is replaced, as the file system has it: links are followed.
Result<Path> checked_target(const WorkingCopy::Plan& plan) {
  if (plan.store.scope != Scope::kStore || !plan.store.data_directory) {
    return fail(ErrorCode::kInvalidArgument,
                plan.store.root.string() +
                    ": is not a data directory; a store is written anew as "
                    "a whole");
  }
  std::error_code error;
  Path target = fs::canonical(*plan.store.data_directory, error);
  if (error) return std::unexpected(failed(target, "cannot be found", error).error());
  if (plan.to) {
    if (Status good = check_output_folder(*plan.to, target); !good)
      return std::unexpected(std::move(good.error()));
    target = fs::weakly_canonical(fs::absolute(*plan.to), error);
    if (!target.has_filename()) target = target.parent_path();  // given with a slash behind it
  }
  if (is_mount_point(target)) {
    return fail(ErrorCode::kInvalidArgument,
                target.string() +
                    ": is a mount point, so no other folder can take its place; give --to and a "
                    "folder that is none, in it for instance");
  }
  return target;
}

// What is copied; how much more the segments are that are written anew is not known yet.
Status fits(Device& device, const WorkingCopy::Plan& plan, const Path& target) {
  const Copier copier(device, plan, *plan.store.data_directory, target);
  return check_room(device, target.parent_path(), copier.measure().copied);
}

}  // namespace

Status WorkingCopy::check(Device& device, const Plan& plan) {
  const Result<Path> target = checked_target(plan);
  return target ? fits(device, plan, *target) : Status(std::unexpected(target.error()));
}

Result<WorkingCopy> WorkingCopy::make(Device& device, const Plan& plan) {
  const Result<Path> target = checked_target(plan);
  if (!target) return std::unexpected(target.error());
  const Path folder = target->parent_path() / ("." + target->filename().string() + ".rewriting");
  Status done = remove_tree(folder);
  if (done) done = fits(device, plan, *target);
  if (!done) return std::unexpected(std::move(done.error()));
  Result<OutputFolder> parent =
      OutputFolder::make(device, target->parent_path(), OutputFolder::Contents::kOthers);
  if (!parent) return std::unexpected(std::move(parent.error()));
  WorkingCopy copy(device, std::move(*parent), folder, *target);
  if (Status copied = Copier(device, plan, *plan.store.data_directory, folder).run(); !copied)
    return std::unexpected(std::move(copied.error()));
  return copy;
}

WorkingCopy::WorkingCopy(WorkingCopy&& other) noexcept
    : device_(other.device_),
      parent_(std::move(other.parent_)),
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
  parent_.keep();
  const Path old = std::exchange(folder_, {});
  if (!replaces) return {};
  if (Status gone = remove_tree(old); !gone) return gone;
  return device_->sync_directory(parent_of(target_));
}

}  // namespace bimip::log_tools
