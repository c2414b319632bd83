#include "tools/log/pinned_segments.h"

#include "tools/log/active_prefix.h"

namespace bimip::log_tools {
namespace {

class Pinner {
 public:
  explicit Pinner(PartitionPlace& place) : place_(place) {}

  // All are open before one is read: what the server removes from now on stays readable.
  Status run() {
    for (SegmentPlace& segment : place_.segments) {
      if (Status done = open(segment); !done) return done;
    }
    // The prepared one before the active one: a header that is found in it proves that all of the
    // active one is there to be read.
    for (std::size_t i = files_.size(); i-- > 0;) {
      if (!files_[i]) continue;
      if (Status done = end_growing(i); !done) return done;
      SegmentPlace& segment = place_.segments[i];
      segment.bytes = files_[i]->bytes();
      segment.disk_bytes = files_[i]->disk_bytes();
      segment.pinned = std::move(files_[i]);
    }
    leave_out_unbegun();
    return {};
  }

 private:
  Status open(SegmentPlace& segment) {
    Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(segment.path, ReadVia::kDevice);
    if (!file && file.error().code != ErrorCode::kNotFound)
      return std::unexpected(std::move(file.error()));
    segment.exists = file.has_value();
    files_.push_back(file ? std::move(*file) : nullptr);
    return {};
  }

  Status end_growing(std::size_t i) {
    const SegmentPlace& segment = place_.segments[i];
    if (!segment.listed || segment.listed->state == SegmentState::kSealed) return {};
    // It may have grown while the one behind it was read.
    if (Status done = files_[i]->measure(); !done) return done;
    SegmentIdentity identity = place_.identity;
    identity.epoch = segment.epoch;
    const Result<ActivePrefix> prefix = measure_active(*files_[i], identity);
    if (!prefix) return std::unexpected(prefix.error());
    if (i + 1 == files_.size()) is_last_begun_ = prefix->has_header;
    files_[i]->end_at(prefix->end);
    return {};
  }

  void leave_out_unbegun() {
    if (!place_.manifest || is_last_begun_ || place_.segments.empty()) return;
    const auto& last = place_.segments.back().listed;
    if (!last || last->state != SegmentState::kPrepared) return;
    place_.segments.pop_back();
    place_.manifest->segments.pop_back();
  }

  PartitionPlace& place_;
  std::vector<std::unique_ptr<ReadOnlyFile>> files_;
  bool is_last_begun_ = false;
};

}  // namespace

Status pin_segments(PartitionPlace& place) { return Pinner(place).run(); }

}  // namespace bimip::log_tools
