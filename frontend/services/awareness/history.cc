#include "frontend/services/awareness/history.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "frontend/services/awareness/records.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;

namespace {

// The times of records go back where a connection was found to have ended before; this many records
// may stand between.
constexpr std::uint64_t kOutOfOrder = 64;

}  // namespace

// Page by page. Owns itself until it is done.
class History::Reading final : public engine::EntityReadRequest {
 public:
  Reading(History& history, HistoryQuery query, Then then)
      : history_(history),
        query_(std::move(query)),
        then_(std::move(then)),
        past_(query_.range, query_.reader) {
    topic = history_.topic_;
    key = engine::as_bytes(query_.eid);
    order = engine::EntityOrder::kNewestFirst;
    records_max = limits::kTransitionsPerStanza;
  }
  void read() { history_.log_.read_entity(*this); }

  void on_entity_read(engine::Result<engine::EntityBatch> result) override {
    if (!result && result.error().code == ErrorCode::kNotFound) return end(past_.end());
    if (!result) return end(std::unexpected(std::move(result.error())));
    if (search_) return halve(*result);
    const bool is_first = !std::exchange(has_begun_, true);
    if (is_first && begin_search(*result)) return;
    for (const engine::Record& record : result->records()) {
      auto transition = decode_transition(record.value);
      if (!transition) continue;
      if (transition->at < query_.range.until) ++looked_at_;
      if (past_.add(std::move(*transition))) return end(past_.end());
    }
    if (result->next() == IncrementId(0)) return end(past_.end());
    if (looked_at_ >= query_.records_max && past_.can_break_off()) return end(past_.break_off());
    from = result->next();
    read();
  }

 private:
  // The first increment that is behind the range is at `low` or above, and not above `high`.
  struct Search {
    std::uint64_t low = 1;
    std::uint64_t high = 0;
    std::uint64_t last = 0;  // of the entity
  };
  [[nodiscard]] bool is_in_range(const engine::Record& record) const {
    const auto transition = decode_transition(record.value);
    return !transition || transition->at < query_.range.until;
  }
  // When the newest records are all behind the range.
  bool begin_search(const engine::EntityBatch& newest) {
    if (newest.next() == IncrementId(0) || newest.records().empty()) return false;
    if (is_in_range(newest.records().back())) return false;
    search_ = {.high = newest.next().value(), .last = newest.last_increment().value()};
    probe();
    return true;
  }
  void probe() {
    if (search_->low >= search_->high) {
      from = IncrementId(std::min(search_->high + kOutOfOrder, search_->last));
      search_.reset();
      records_max = limits::kTransitionsPerStanza;
    } else {
      from = IncrementId(search_->low + (search_->high - search_->low) / 2);
      records_max = 1;
    }
    read();
  }
  void halve(const engine::EntityBatch& one) {
    const std::uint64_t middle = from->value();
    if (one.records().empty() || is_in_range(one.records().front())) {
      search_->low = middle + 1;
    } else {
      search_->high = middle;
    }
    probe();
  }
  void end(engine::Result<HistoryAnswer> answer) {
    const std::unique_ptr<Reading> self(this);
    then_(std::move(answer));
    history_.in_flight_.ended();
  }

  History& history_;
  const HistoryQuery query_;
  Then then_;
  Past past_;
  std::optional<Search> search_{};
  bool has_begun_ = false;
  std::size_t looked_at_ = 0;
};

void History::read(HistoryQuery query, Then then) {
  in_flight_.begun();
  std::make_unique<Reading>(*this, std::move(query), std::move(then)).release()->read();
}

}  // namespace bimip::frontend
