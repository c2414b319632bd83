#include "tools/log/salvage/evidence.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "engine/format/file_names.h"
#include "tools/log/parallel.h"

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;

// What an earlier salvage left beside the store it wrote is no part of that store.
bool is_report_folder(const fs::directory_entry& entry) {
  std::error_code ignored;
  return entry.path().filename() == kSalvageFolder &&
         fs::exists(entry.path().parent_path() / file_names::kCatalog, ignored);
}

struct Found {
  Path path{};
  std::uint64_t bytes = 0;
};

// All files below a folder. A link that leads into a circle is followed once.
class Walk {
 public:
  Status into(const Path& folder) {
    std::error_code error;
    const Path real = fs::canonical(folder, error);
    if (error) return fail(ErrorCode::kIo, folder.string() + ": " + error.message());
    if (!seen_.insert(real).second) return {};
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::error_code ignored;
      if (entry->is_directory(ignored)) {
        if (is_report_folder(*entry)) continue;
        if (Status done = into(entry->path()); !done) return done;
      } else if (entry->is_regular_file(ignored) && entry->path().filename() != file_names::kLock) {
        found_.push_back({.path = entry->path(), .bytes = entry->file_size(ignored)});
      }
    }
    if (error) return fail(ErrorCode::kIo, folder.string() + ": cannot list: " + error.message());
    return {};
  }

  std::vector<Found> files() {
    std::ranges::sort(found_, {}, &Found::path);
    return std::move(found_);
  }

 private:
  std::set<Path> seen_;
  std::vector<Found> found_;
};

Result<std::vector<Found>> list_files(const Path& root) {
  std::error_code error;
  if (fs::is_regular_file(root, error))
    return std::vector<Found>{{.path = root, .bytes = fs::file_size(root, error)}};
  if (!fs::is_directory(root, error))
    return fail(ErrorCode::kNotFound, root.string() + ": is neither a file nor a folder");
  Walk walk;
  if (Status done = walk.into(root); !done) return std::unexpected(std::move(done.error()));
  return walk.files();
}

}  // namespace

Result<Evidence> gather_evidence(const EvidenceRequest& request) {
  Result<std::vector<Found>> files = list_files(request.root);
  if (!files) return std::unexpected(std::move(files.error()));
  EvidenceProgress progress;
  for (const Found& file : *files) progress.bytes_total += file.bytes;
  // The largest first, so that none is left alone at the end.
  std::vector<std::size_t> order(files->size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return (*files)[i].bytes; });

  std::vector<Result<FileEvidence>> examined(files->size(), FileEvidence{});
  std::atomic<std::uint64_t> bytes_read{0};
  run_parallel({.count = order.size(),
                .jobs = request.jobs,
                .work =
                    [&](std::size_t i) {
                      examined[order[i]] = examine_file((*files)[order[i]].path, bytes_read);
                    },
                .meanwhile =
                    [&] {
                      progress.bytes_read = bytes_read;
                      if (request.on_progress) request.on_progress(progress);
                    }});
  Evidence evidence;
  for (Result<FileEvidence>& file : examined) {
    if (!file) return std::unexpected(std::move(file.error()));
    const auto number = static_cast<std::uint32_t>(evidence.files.size());
    for (BlockEvidence& block : file->blocks) block.file = number;
    evidence.files.push_back(std::move(*file));
  }
  evidence.bytes_read = bytes_read;
  return evidence;
}

}  // namespace bimip::log_tools
