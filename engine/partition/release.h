// Held records whose time has come, on their way back into the log.
#pragma once

#include <functional>
#include <vector>

#include "engine/format/delayed_state.h"
#include "engine/partition/requests.h"

namespace bimip::engine {

// Made on the writer's thread, filled on another, appended and answered on the writer's.
class Release final : public AppendRequest {
 public:
  explicit Release(std::function<void(Release&, bool)> on_done) : on_done_(std::move(on_done)) {}

  // A held record at `offset`; the batch keeps its bytes.
  void add(const Record& held) {
    RecordFields copy = held;
    copy.not_before.reset();
    copy.entity.reset();
    copy.idempotency_key = {};
    copy.producer =
        ProducerMark{.id = kReleaseProducer, .number = ProducerNumber(held.offset.value())};
    fields_.push_back(copy);
    offsets.push_back(held.offset);
    bytes += encoded_record_bytes(copy);
  }
  void keep(RecordBatch batch) { batches_.push_back(std::move(batch)); }
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  void ready() { records = fields_; }
  void on_appended(Result<Appended> result) override { on_done_(*this, result.has_value()); }

  std::vector<Offset> offsets{};  // of those in it
  std::vector<Offset> later{};    // due too, and too many for one append
  std::vector<Offset> lost{};     // cannot be read any more
  std::size_t bytes = 0;

 private:
  std::function<void(Release&, bool)> on_done_;
  std::vector<RecordFields> fields_;
  std::vector<RecordBatch> batches_;
};

}  // namespace bimip::engine
