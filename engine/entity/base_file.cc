#include "engine/entity/base_file.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "engine/format/file_names.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kFlushBytes = 1024 * 1024;

// The entities of a base one after another; a damaged page is passed over and told of.
class BaseCursor {
 public:
  using Lose = std::function<void(const LostRecords&)>;
  BaseCursor(const EntityBaseView* base, Lose lose) : base_(base), lose_(std::move(lose)) {
    next_page();
  }
  [[nodiscard]] std::optional<EntityNewest> peek() const {
    if (!page_) return std::nullopt;
    return page_->at(slot_);
  }
  void pop() {
    if (++slot_ == page_->size()) next_page();
  }

 private:
  void next_page() {
    page_.reset();
    slot_ = 0;
    while (base_ != nullptr && number_ < base_->header().pages() && !page_) {
      Result<EntityPage> page = base_->page(number_);
      if (page)
        page_ = *page;
      else
        lose_(base_->lost_with(number_));
      ++number_;
    }
  }

  const EntityBaseView* base_;
  const Lose lose_;
  std::uint64_t number_ = 0;
  std::optional<EntityPage> page_{};
  std::size_t slot_ = 0;
};

// The next entity of a directory: lowest hash first, of one hash the newest directory first.
struct Head {
  EntityHash hash{};
  std::size_t newness = 0;
  std::size_t slot = 0;
  friend bool operator>(const Head& a, const Head& b) {
    return a.hash != b.hash ? a.hash > b.hash : a.newness < b.newness;
  }
};

// The newest record of each entity of several directories, by rising hash.
class DirectoryCursor {
 public:
  explicit DirectoryCursor(std::span<const EntityDirectoryView> directories)
      : directories_(directories) {
    for (std::size_t i = 0; i < directories.size(); ++i)
      push({.hash = {}, .newness = i, .slot = 0});
  }
  [[nodiscard]] std::optional<EntityNewest> peek() const {
    if (heads_.empty()) return std::nullopt;
    const Head& head = heads_.top();
    return EntityNewest{.hash = head.hash,
                        .newest = directories_[head.newness].at(head.slot).newest()};
  }
  void pop() {
    const EntityHash hash = heads_.top().hash;
    while (!heads_.empty() && heads_.top().hash == hash) {
      Head head = heads_.top();
      heads_.pop();
      ++head.slot;
      push(head);
    }
  }

 private:
  void push(Head head) {
    const EntityDirectoryView& directory = directories_[head.newness];
    if (head.slot == directory.size()) return;
    head.hash = directory.at(head.slot).hash();
    heads_.push(head);
  }

  std::span<const EntityDirectoryView> directories_;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_{};
};

// The same, and a bound that is this entity's hash moved outwards by one.
LostRecords not_naming(LostRecords lost, const std::optional<EntityHash>& erased) {
  if (!erased) return lost;
  if (lost.first == *erased) {
    if (lost.first.low > 0) {
      --lost.first.low;
    } else if (lost.first.high > 0) {
      lost.first = {.high = lost.first.high - 1, .low = kEntityHashLowMax};
    }
  }
  if (lost.last == *erased) {
    if (lost.last.low < kEntityHashLowMax) {
      ++lost.last.low;
    } else if (lost.last.high < kEntityHashMax.high) {
      lost.last = {.high = lost.last.high + 1, .low = 0};
    }
  }
  return lost;
}

std::unexpected<Error> unreadable(const Path& path) {
  return fail(ErrorCode::kIo, path.string() + ": a part of it cannot be read");
}

}  // namespace

Result<std::shared_ptr<const BaseFile>> BaseFile::open(Device& device, const Path& folder,
                                                       const SegmentIdentity& partition) {
  const Path path = folder / file_names::kEntityBase;
  Result<std::shared_ptr<File>> file = device.open(path, OpenMode::kRead);
  if (!file) return std::unexpected(std::move(file.error()));
  Result<std::unique_ptr<Mapping>> mapping = (*file)->map();
  if (!mapping) return std::unexpected(std::move(mapping.error()));
  Result<EntityBaseView> view = EntityBaseView::open(partition, (*mapping)->bytes());
  if (!view) {
    if (!(*mapping)->is_readable()) return unreadable(path);
    return fail_at(path.string(), std::move(view.error()));
  }
  return std::shared_ptr<const BaseFile>(new BaseFile(std::move(*mapping), std::move(*view)));
}

bool BaseFile::is_readable() const { return mapping_->is_readable(); }

Status fold_into_base(Device& device, const BaseFold& fold) {
  const EntityBaseView* base = fold.base ? &fold.base->view() : nullptr;
  const Path path = fold.folder / file_names::kEntityBase;
  const Path aside = path.string() + std::string(file_names::kNewSuffix);
  Result<bool> left_over = device.exists(aside);
  if (!left_over) return std::unexpected(std::move(left_over.error()));
  if (*left_over) {
    if (Status gone = device.remove(aside); !gone) return gone;
  }
  Result<std::shared_ptr<File>> file = device.open(aside, OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));

  EntityBaseWriter out({.partition = fold.partition,
                        .generation = base != nullptr ? base->header().generation + 1 : 1,
                        .end_offset = fold.end,
                        .entities = 0,
                        .lost = {}});
  const auto lose = [&](LostRecords lost) {
    lost.offsets.end = std::min(lost.offsets.end, fold.end);
    if (lost.offsets.first < lost.offsets.end) out.lose(not_naming(lost, fold.without));
  };
  if (base != nullptr) std::ranges::for_each(base->header().lost, lose);
  std::ranges::for_each(fold.lost, lose);
  for (const EntityDirectoryView& directory : fold.directories)
    std::ranges::for_each(directory.lost(), lose);
  FilePosition at(kEntityPageBytes);
  const auto write = [&](const std::vector<std::byte>& pages) -> Status {
    Status done = pages.empty() ? Status{} : (*file)->write_at(at, pages);
    at += pages.size();
    return done;
  };
  BaseCursor older(base, lose);
  DirectoryCursor newer(fold.directories);
  while (older.peek() || newer.peek()) {
    const std::optional<EntityNewest> a = older.peek();
    const std::optional<EntityNewest> b = newer.peek();
    const bool take_newer = b && (!a || b->hash <= a->hash);
    EntityNewest next = take_newer ? *b : *a;
    const bool goes_on_behind = next.newest.offset >= fold.end;
    const bool begins_behind = goes_on_behind && next.newest.increment == IncrementId(1);
    if (goes_on_behind && !begins_behind) next.newest.offset = fold.end - 1;
    if (!begins_behind && fold.without != next.hash) out.add(next);
    if (a && (!take_newer || a->hash == b->hash)) older.pop();
    if (take_newer) newer.pop();
    if (out.pending_bytes() >= kFlushBytes) {
      if (Status done = write(out.take_pages()); !done) return done;
    }
  }
  const EntityBaseWriter::Finished finished = out.finish();
  if ((fold.base && !fold.base->is_readable()) || !fold.are_readable()) return unreadable(path);
  Status done = write(finished.last_pages);
  if (done) done = (*file)->write_at(FilePosition(0), finished.header_page);
  if (done) done = (*file)->sync();
  if (done) done = device.rename(aside, path);
  if (done) done = device.sync_directory(fold.folder);
  return done;
}

}  // namespace bimip::engine
