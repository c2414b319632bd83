#include "engine/partition/reopener.h"

#include <algorithm>

namespace bimip::engine {

void Reopener::reopen(Partition& partition, ReopenRequest& request) {
  if (closing_) return request.on_reopened(fail(ErrorCode::kClosed, "the log is closing"));
  const PartitionWriter* writer = partition.writer();
  if (writer != nullptr && !writer->degraded()) return request.on_reopened({});
  attempts_[&partition].requests.push_back(&request);
}

void Reopener::heal(Partition& partition, std::chrono::nanoseconds now) {
  pauses_.try_emplace(&partition,
                      Pause{.next = now + limits::kReopenAfter, .length = limits::kReopenAfter});
}

void Reopener::tick(std::chrono::nanoseconds now) {
  if (closing_) return;
  for (auto& [partition, pause] : pauses_) {
    if (now < pause.next) continue;
    pause.length = std::min<std::chrono::nanoseconds>(2 * pause.length, limits::kReopenAfterMax);
    pause.next = now + pause.length;
    attempts_.try_emplace(partition);
  }
}

void Reopener::advance() {
  for (auto& [partition, attempt] : attempts_) {
    if (attempt.recovering) continue;
    if (partition->writer() != nullptr) {
      if (!partition->writer()->idle()) continue;
      partition->close_writer();
    }
    attempt.recovering = true;
    recover(*partition);
  }
}

void Reopener::recover(Partition& partition) {
  const Offset visible = partition.reader().bounds().visible_end;
  parts_.jobs.post([this, &partition, visible] {
    auto recovered = std::make_shared<Result<RecoveredPartition>>(
        recover_partition(parts_.device, parts_.pool, partition.place(), parts_.clock.now(),
                          {.known_durable = visible}));
    parts_.post([this, &partition, recovered] { finish(partition, std::move(*recovered)); });
  });
}

void Reopener::finish(Partition& partition, Result<RecoveredPartition> recovered) {
  if (closing_) return answer(partition, fail(ErrorCode::kClosed, "the log is closing"));
  if (!recovered) {
    parts_.counters.reopen_failures.fetch_add(1, std::memory_order_relaxed);
    Error error{ErrorCode::kDegraded, "cannot be reopened: " + recovered.error().message};
    partition.in_trouble(error);
    return answer(partition, std::unexpected(std::move(error)));
  }
  parts_.adopt(partition, std::move(*recovered));
  if (const std::optional<Error>& again = partition.writer()->degraded())
    return answer(partition, std::unexpected(*again));
  parts_.counters.reopened.fetch_add(1, std::memory_order_relaxed);
  pauses_.erase(&partition);
  answer(partition, {});
}

void Reopener::answer(Partition& partition, const Status& result) {
  const std::vector<ReopenRequest*> requests = std::move(attempts_[&partition].requests);
  attempts_.erase(&partition);
  for (ReopenRequest* request : requests) request->on_reopened(result);
}

void Reopener::close() {
  closing_ = true;
  std::vector<Partition*> unbegun;
  for (const auto& [partition, attempt] : attempts_) {
    if (!attempt.recovering) unbegun.push_back(partition);
  }
  for (Partition* partition : unbegun)
    answer(*partition, fail(ErrorCode::kClosed, "the log is closing"));
}

}  // namespace bimip::engine
