// A session's publishing: Publish in, records appended, Published out.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/store/log.h"
#include "frontend/session/host.h"
#include "frontend/session/outbox.h"
#include "frontend/session/producer_fence.h"

namespace bimip::v1 {
class Publish;
}

namespace bimip::frontend {

class Publication;
class StateHash;

// Owner-thread only. Answers come in the order of publishing within a partition.
class Publisher {
 public:
  Publisher(SessionHost& host, Outbox& outbox) : host_(host), outbox_(outbox) {}

  // Whose numbers the publishes carry; none: they are not numbered.
  void set_producer(std::optional<engine::ProducerId> producer) { producer_ = producer; }
  void publish(const std::shared_ptr<Session>& session, std::uint64_t id,
               const v1::Publish& publish, Moment now) {
    (void)send(session, id, publish, 0, now);
  }
  // The record of a request, which only a refusal answers. False: it was refused at once.
  [[nodiscard]] bool request(const std::shared_ptr<Session>& session, std::uint64_t id,
                             const v1::Publish& publish, std::uint64_t correlation, Moment now) {
    return send(session, id, publish, correlation, now);
  }
  // Its answer has come.
  void on_published(Publication& publication, Moment now);

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  void mix_into(StateHash& hash) const;
  // A retry is recognised only as far back as the log remembers its producer's numbers.
  [[nodiscard]] std::size_t in_flight_max() const {
    const std::uint64_t in_force = host_.limits().publishes_in_flight;
    return producer_ ? std::min<std::uint64_t>(limits::kNumberedInFlightMax, in_force) : in_force;
  }
  // No more are to be taken until answers have come.
  [[nodiscard]] bool is_full() const {
    return in_flight_ >= in_flight_max() ||
           bytes_in_flight_ >= host_.limits().publish_bytes_in_flight;
  }

 private:
  [[nodiscard]] bool send(const std::shared_ptr<Session>& session, std::uint64_t id,
                          const v1::Publish& publish, std::uint64_t correlation, Moment now);
  [[nodiscard]] engine::Result<engine::TopicInfo> find_topic(const std::string& name);
  [[nodiscard]] engine::Result<engine::PartitionId> choose_partition(const v1::Publish& publish,
                                                                     std::uint32_t partitions);
  [[nodiscard]] engine::Status fill(Publication& publication, const v1::Publish& publish,
                                    Moment now) const;
  // `bytes`: of all its records.
  [[nodiscard]] engine::Status check(const v1::Publish& publish, std::size_t bytes,
                                     std::uint32_t partitions) const;

  SessionHost& host_;
  Outbox& outbox_;
  std::optional<engine::ProducerId> producer_{};
  std::optional<engine::TopicInfo> last_topic_{};  // its id and partitions never change
  std::map<std::pair<engine::TopicId, engine::PartitionId>, std::shared_ptr<ProducerFence>>
      fences_{};
  std::uint32_t next_partition_ = 0;
  std::size_t in_flight_ = 0;  // records
  std::size_t bytes_in_flight_ = 0;
};

}  // namespace bimip::frontend
