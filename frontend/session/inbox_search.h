// Looking for one message among an inbox's newest.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "engine/store/log.h"
#include "frontend/services/inbox/inbox_hub.h"
#include "frontend/session/host.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

// The newest first, at most limits::kExplainMessagesMax, what has expired included. For sources
// only: it includes the stanzas.
class InboxSearch final : public engine::EntityReadRequest {
 public:
  // Whether it is the one that is looked for.
  using IsIt = std::function<bool(const engine::Record&, const v1::InboxMessage&)>;
  // Once, on any thread: whether it was there, or why nobody knows. Everything of this may be
  // destroyed inside.
  using Done = std::function<void(engine::Result<bool>)>;
  InboxSearch(SessionHost& host, InboxKey inbox, engine::PartitionId in, IsIt is_it, Done done)
      : host_(host), inbox_(std::move(inbox)), is_it_(std::move(is_it)), done_(std::move(done)) {
    topic = inbox_.category;
    partition = in;
    key = engine::as_bytes(inbox_.eid);
    order = engine::EntityOrder::kNewestFirst;
    expired = engine::ExpiredRecords::kIncluded;
    records_max = limits::kInboxRecordsPerRead;
  }
  InboxSearch(const InboxSearch&) = delete;
  InboxSearch& operator=(const InboxSearch&) = delete;

  // On the session's thread.
  void begin() { host_.log().read_entity(*this); }
  // On another.
  void begin_elsewhere() { host_.log_elsewhere().read_entity(*this); }

  void on_entity_read(engine::Result<engine::EntityBatch> result) override {
    if (!result && result.error().code == engine::ErrorCode::kNotFound) return done_(false);
    if (!result) return done_(std::unexpected(std::move(result.error())));
    for (const engine::Record& record : result->records()) {
      v1::InboxMessage message;
      const bool is_read =
          message.ParseFromArray(record.value.data(), static_cast<int>(record.value.size()));
      if (is_read && is_it_(record, message)) return done_(true);
    }
    looked_at_ += result->records().size();
    from = result->next();
    if (from == engine::IncrementId(0) || looked_at_ >= limits::kExplainMessagesMax)
      return done_(false);
    begin_elsewhere();
  }

 private:
  SessionHost& host_;
  const InboxKey inbox_;
  const IsIt is_it_;
  const Done done_;
  std::size_t looked_at_ = 0;
};

}  // namespace bimip::frontend
