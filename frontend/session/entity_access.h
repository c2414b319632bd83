// Reading the entities of topics: the newest record of a key, its history, which keys there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/store/log.h"
#include "frontend/identity/permissions.h"
#include "frontend/session/host.h"
#include "frontend/session/outbox.h"

namespace bimip::v1 {
class DeliveredRecord;
class EntityGap;
class EraseEntity;
class GetEntity;
class ListEntities;
class ReadEntity;
}  // namespace bimip::v1

namespace bimip::frontend {

class Bearer;

// As the wire has it.
[[nodiscard]] v1::EntityGap gap_of(const engine::EntityGap& gap);
// Of a record that is there and cannot be told.
[[nodiscard]] v1::EntityGap gap_of(const engine::Record& damaged);
// As a delivery has it. kDamaged: its headers are none.
[[nodiscard]] engine::Status describe_record(const engine::Record& record,
                                             v1::DeliveredRecord& into);

// Owner-thread only. Requests are answered as they come back from the log: at most
// limits::kEntityReadsMax are on their way, and each has an answer of bounded size.
class EntityAccess {
 public:
  EntityAccess(SessionHost& host, Bearer& bearer, Outbox& outbox)
      : host_(host), bearer_(bearer), outbox_(outbox) {}

  void get(const std::shared_ptr<Session>& session, std::uint64_t id, const v1::GetEntity& get);
  void read(const std::shared_ptr<Session>& session, std::uint64_t id, const v1::ReadEntity& read);
  void list(const std::shared_ptr<Session>& session, std::uint64_t id,
            const v1::ListEntities& list);
  // Goes on to its end when the session ends.
  void erase(const std::shared_ptr<Session>& session, std::uint64_t id,
             const v1::EraseEntity& erase);

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

  // The log's answers.
  class Reading;
  class Listing;
  class Erasing;
  void on_read(Reading& reading);
  void on_listed(Listing& listing);
  void on_erased(const Erasing& erasing);

 private:
  struct Place {
    engine::TopicId topic{};
    engine::PartitionId partition{};
  };
  // Whether the session may, and has room for another; if not, it was told.
  [[nodiscard]] bool may_begin(Action action, std::uint64_t id, const std::string& topic);
  [[nodiscard]] engine::Result<Place> place_of(const std::string& topic,
                                               const std::string& key) const;
  void begin(std::unique_ptr<Reading> reading, const std::string& topic);
  void answer_newest(const Reading& reading);
  void answer_records(const Reading& reading);

  SessionHost& host_;
  Bearer& bearer_;
  Outbox& outbox_;
  std::size_t in_flight_ = 0;
};

}  // namespace bimip::frontend
