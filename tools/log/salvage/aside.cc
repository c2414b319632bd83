#include "tools/log/salvage/aside.h"

#include <algorithm>

#include "tools/log/output_folder.h"
#include "tools/log/salvage/block_source.h"

namespace bimip::log_tools {
namespace {

class AsideWriter {
 public:
  explicit AsideWriter(const AsideRequest& request)
      : request_(request), source_(request.evidence) {}

  Status add(const Doubt& doubt, KeptBlock& kept) {
    if (file_ == nullptr || from_ != doubt.block->file) {
      if (Status done = next_file(doubt.block->file); !done) return done;
    }
    Result<Bytes> bytes = source_.read(*doubt.block);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    kept.kept_in = path_;
    kept.kept_at = end_;
    if (Status done = file_->write_at(end_, *bytes); !done) return done;
    end_ += bytes->size();
    return {};
  }

  Status finish() {
    if (file_ == nullptr) return {};
    if (Status done = file_->sync(); !done) return done;
    file_.reset();
    return request_.device->sync_directory(request_.folder);
  }

 private:
  Status next_file(std::uint32_t from) {
    if (Status done = finish(); !done) return done;
    if (Status made = make_folders(*request_.device, request_.folder); !made) return made;
    path_ = request_.folder / (std::to_string(++count_) + ".blocks");
    Result<std::shared_ptr<File>> file = request_.device->open(path_, OpenMode::kCreate);
    if (!file) return std::unexpected(std::move(file.error()));
    file_ = std::move(*file);
    from_ = from;
    end_ = FilePosition(0);
    return {};
  }

  const AsideRequest& request_;
  BlockSource source_;
  std::shared_ptr<File> file_;
  std::uint32_t from_ = 0;
  std::uint64_t count_ = 0;
  Path path_;
  FilePosition end_{};
};

}  // namespace

Result<std::vector<KeptBlock>> keep_aside(const AsideRequest& request) {
  std::vector<Doubt> doubts = request.doubts;
  std::ranges::stable_sort(doubts, {}, [](const Doubt& doubt) {
    return std::pair(doubt.block->file, doubt.block->position);
  });
  AsideWriter writer(request);
  std::vector<KeptBlock> kept;
  for (const Doubt& doubt : doubts) {
    KeptBlock& block = kept.emplace_back(
        KeptBlock{.doubt = doubt, .source = request.evidence.files[doubt.block->file].path});
    if (request.device == nullptr) continue;
    if (Status done = writer.add(doubt, block); !done)
      return std::unexpected(std::move(done.error()));
  }
  if (Status done = writer.finish(); !done) return std::unexpected(std::move(done.error()));
  return kept;
}

}  // namespace bimip::log_tools
