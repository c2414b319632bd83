// Held records whose time has come, on their way into the log again.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/partition/partition_reader.h"
#include "engine/partition/requests.h"

namespace bimip::engine {

// Made on the writer's thread, filled on another, appended in parts and answered on the writer's.
// The log is read in its own order, each block once; the records are appended in the order of their
// times.
class Release final : public AppendRequest {
 public:
  using Done = std::function<void(Result<Appended>)>;

  // `due`: the earliest first.
  explicit Release(std::vector<Offset> due) : due_(std::move(due)), found_(due_.size()) {}

  // Blocks on the disk.
  void collect(const PartitionReader& reader, Timestamp now);

  // Of those due: for which there was no room, the last of them; which could not be read now;
  // which nobody is given any more, expired or erased; which cannot be read any more.
  [[nodiscard]] const std::vector<Offset>& later() const { return later_; }
  [[nodiscard]] const std::vector<Offset>& lapsed() const { return lapsed_; }
  [[nodiscard]] const std::vector<Offset>& lost() const { return lost_; }
  [[nodiscard]] std::size_t size() const { return due_.size(); }
  [[nodiscard]] bool was_cut_short() const { return bytes_ >= limits::kReleaseReadBytesMax; }

  // Makes the next part ready to be appended: false when there is none. `done` gets its answer, and
  // may destroy this.
  [[nodiscard]] bool next_part(Done done);
  // Where those of the part were held.
  [[nodiscard]] std::span<const Offset> part() const {
    return std::span(order_).subspan(part_first_, records.size());
  }
  void on_appended(Result<Appended> result) override {
    const Done done = std::move(done_);
    done(std::move(result));
  }

 private:
  enum class Outcome : std::uint8_t { kUnread, kFound, kUnreadable, kLapsed, kLost };
  struct Found {
    Outcome outcome = Outcome::kUnread;
    RecordFields fields{};
  };
  void read_block(const PartitionReader& reader, Timestamp now,
                  std::span<const std::size_t> by_offset);
  void keep(const Record& held, Found& into);
  [[nodiscard]] Bytes copy(Bytes bytes);

  const std::vector<Offset> due_;
  std::vector<Found> found_;  // as due_
  std::deque<std::vector<std::byte>> bytes_of_{};
  std::size_t bytes_ = 0;
  std::vector<Offset> later_{};
  std::vector<Offset> lapsed_{};
  std::vector<Offset> lost_{};
  std::vector<RecordFields> fields_{};  // to be appended
  std::vector<Offset> order_{};         // as fields_
  std::size_t part_first_ = 0;
  Done done_{};
};

}  // namespace bimip::engine
