// What became of a message: it is looked for, then who of its recipient is there, then how far each
// device is.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/inbox_requests.h"
#include "frontend/session/inbox_search.h"
#include "frontend/session/inboxes.h"
#include "frontend/session/session.h"

namespace bimip::frontend {

// Which message is meant, and who asks.
struct WantedMessage {
  std::uint64_t id = 0;  // of the peer's request
  std::string message_id{};
  std::string from{};         // empty: whoever
  std::string from_device{};  // empty: whichever
  std::string copies_of{};    // who is asked for copies of what waits; empty: nobody
  // The recipient and operators. Others are told nothing of who is there.
  bool sees_devices = false;
  std::string category{};
  InboxKey inbox{};
  engine::PartitionId partition{};
};

// Looks for the message in the recipient's inbox, the newest first; then, when its author is known,
// in the copies he has of what waits for its time; then for the names of the recipient's devices.
class Inboxes::Explaining final : public SessionRequest {
 public:
  Explaining(std::shared_ptr<Session> session, WantedMessage wanted, engine::Timestamp now)
      : SessionRequest(std::move(session)), wanted_(std::move(wanted)), now_(now) {}

  void begin();
  void save(TapeWriter& to) const override;
  void restore(TapeReader& told) override;
  void deliver(Moment) override { session()->inboxes().on_found(*this); }

  [[nodiscard]] const WantedMessage& wanted() const { return wanted_; }
  [[nodiscard]] const std::optional<engine::Error>& error() const { return error_; }
  [[nodiscard]] const v1::MessageExplanation& told() const { return told_; }

 private:
  void end(std::optional<engine::Error> error);
  [[nodiscard]] engine::Error not_found() const;
  void search_copies();
  // Whether it is the one.
  [[nodiscard]] bool take(const engine::Record& record, const v1::InboxMessage& message);
  [[nodiscard]] bool take_copy(const engine::Record& record, const v1::InboxMessage& copy);
  void describe(const v1::InboxMessage& message);
  void look_at_devices();

  const WantedMessage wanted_;
  const engine::Timestamp now_;
  v1::MessageExplanation told_;
  std::optional<InboxSearch> search_{};
  std::optional<InboxSearch> copies_{};
  std::optional<engine::Error> error_{};
};

// The devices of an entity that are connected, and how far each has come in the inbox, if it has it
// open.
using ConnectedDevices = std::map<std::string, std::optional<Inboxes::Progress>>;

class Inboxes::DeviceSurvey final : public SessionSurvey {
 public:
  DeviceSurvey(std::shared_ptr<Session> session, WantedMessage wanted, v1::MessageExplanation told)
      : SessionSurvey(std::move(session)), wanted_(std::move(wanted)), told_(std::move(told)) {}

  void visit(Session& visited) override;
  void save(TapeWriter& to) const override;
  void restore(TapeReader& from) override;
  void deliver(Moment) override { session()->inboxes().on_surveyed(*this); }

  [[nodiscard]] const WantedMessage& wanted() const { return wanted_; }
  [[nodiscard]] const v1::MessageExplanation& told() const { return told_; }
  [[nodiscard]] const ConnectedDevices& connected() const { return connected_; }

 private:
  const WantedMessage wanted_;
  const v1::MessageExplanation told_;
  ConnectedDevices connected_{};
};

// The marks of the recipient and of its devices; of them follows what is told.
class Inboxes::DeviceMarks final : public SessionRequest {
 public:
  DeviceMarks(std::shared_ptr<Session> session, WantedMessage wanted, v1::MessageExplanation told,
              ConnectedDevices connected);

  // The last answer may take this away.
  void begin();
  void save(TapeWriter& to) const override;
  void restore(TapeReader& from) override;
  void deliver(Moment) override { session()->inboxes().on_explained(*this); }

  [[nodiscard]] const WantedMessage& wanted() const { return wanted_; }
  [[nodiscard]] const std::optional<engine::Error>& error() const { return error_; }
  [[nodiscard]] v1::MessageExplanation& told() { return told_; }

 private:
  void known();
  [[nodiscard]] v1::DeviceDelivery delivery_to(const std::string& device,
                                               const Increments& had) const;
  [[nodiscard]] v1::DeviceDelivery told_to_author(v1::DeviceDelivery delivery) const;

  const WantedMessage wanted_;
  v1::MessageExplanation told_;
  const ConnectedDevices connected_;
  std::vector<std::shared_ptr<Mark>> marks_{};  // what was read, then each device's cursor
  std::atomic<std::size_t> left_{0};
  std::atomic<bool> is_marred_{false};
  std::optional<engine::Error> error_{};
};

}  // namespace bimip::frontend
