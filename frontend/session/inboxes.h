// A session's own inboxes: delivered from a cursor on, followed, acknowledged, read.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/store/log.h"
#include "frontend/services/inbox/inbox_hub.h"
#include "frontend/services/inbox/marks.h"
#include "frontend/services/inbox/receipts.h"
#include "frontend/session/host.h"
#include "frontend/session/outbox.h"

namespace bimip::v1 {
class AcknowledgeInbox;
class CloseInbox;
class ExplainMessage;
class InboxState;
class MarkRead;
class OpenInbox;
class SendReceipt;
}  // namespace bimip::v1

namespace bimip::frontend {

class Bearer;
class StateHash;

// Owner-thread only. With no credit or room left nothing is kept of an inbox but the next number.
class Inboxes {
 public:
  Inboxes(SessionHost& host, Bearer& bearer, Outbox& outbox);
  ~Inboxes();

  void open(const std::shared_ptr<Session>& session, std::uint64_t id, const v1::OpenInbox& open);
  void acknowledge(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::AcknowledgeInbox& acknowledge);
  void close(std::uint64_t id, const v1::CloseInbox& close);
  void mark_read(const std::shared_ptr<Session>& session, std::uint64_t id,
                 const v1::MarkRead& mark);
  void send_receipt(const std::shared_ptr<Session>& session, std::uint64_t id,
                    const v1::SendReceipt& receipt);

  void explain(const std::shared_ptr<Session>& session, std::uint64_t id,
               const v1::ExplainMessage& asked, Moment now);

  // How far an open one has come with a message.
  struct Progress {
    bool is_left_out = false;  // it began behind it
    bool is_given = false;
    bool has_credit = false;
  };
  // Of the one that has come furthest with it, when there are several. Nothing: none is open.
  [[nodiscard]] std::optional<Progress> progress(const InboxKey& key,
                                                 engine::IncrementId increment) const;

  // There is room in the outbox again.
  void pump(const std::shared_ptr<Session>& session);
  void mix_into(StateHash& hash) const;
  // The session is over: nothing more is delivered.
  void close_all();

  // What came back.
  class Looking;
  class Fetch;
  class EndLook;
  class Marked;
  class News;
  void on_looked(Looking& looking);
  void on_fetched(const std::shared_ptr<Session>& session, Fetch& fetch);
  void on_end_known(const std::shared_ptr<Session>& session, EndLook& look);
  void on_marked(Marked& marked);
  class Acknowledged;
  void on_acknowledged(const Acknowledged& acknowledged);
  void on_news(const std::shared_ptr<Session>& session, std::uint64_t inbox);
  class Explaining;
  class DeviceSurvey;
  class DeviceMarks;
  void on_found(Explaining& explaining);
  void on_surveyed(DeviceSurvey& survey);
  void on_explained(DeviceMarks& marks);

 private:
  class Seat;
  // Of the session's entity in a category.
  struct Place {
    std::string category{};
    InboxKey key{};
    engine::PartitionId partition{};
  };
  struct Given {
    engine::IncrementId increment{};
    bool is_for_one_device = false;
  };
  struct Inbox {
    std::uint64_t id = 0;
    Place place{};
    std::shared_ptr<Mark> cursor{};
    std::shared_ptr<Mark> delivered{};
    std::shared_ptr<Mark> read{};
    std::unique_ptr<Seat> seat{};
    bool is_open = false;             // InboxOpened was sent
    engine::IncrementId begin{1};     // what is in front of it was not delivered here
    engine::IncrementId next{1};      // to be delivered
    engine::IncrementId last{};       // as far as is known
    engine::IncrementId told_last{};  // last told to the peer
    engine::IncrementId told_read{};
    bool only_looks = false;
    std::uint64_t credit = 0;
    std::deque<Given> unacknowledged{};
    bool fetching = false;  // or looking for its end
    bool has_news = true;   // since the last fetch began
  };

  [[nodiscard]] bool has_room(std::uint64_t id);
  [[nodiscard]] std::optional<Place> place_of(std::uint64_t id, const std::string& category);
  [[nodiscard]] Inbox* find(std::uint64_t id, std::uint64_t inbox);
  [[nodiscard]] std::shared_ptr<Mark> mark(const Place& place, MarkKind kind);
  [[nodiscard]] engine::IncrementId read_up_to(const std::shared_ptr<Mark>& read) const;
  [[nodiscard]] Mark::Ranges claim(const std::shared_ptr<Mark>& mark,
                                   const Mark::Ranges& wanted) const;
  void look(std::unique_ptr<Looking> looking);
  void opened(Looking& looking, const v1::OpenInbox& open);
  void move_read(Looking& looking, engine::IncrementId to);
  void tell_receipt(Looking& looking, const v1::SendReceipt& receipt);
  struct ReadLook {
    std::uint64_t id = 0;
    Place place{};
    engine::IncrementId to{};  // what was read is to be moved there
  };
  void look_at_read(const std::shared_ptr<Session>& session, const ReadLook& wanted,
                    std::function<void(Looking&)> then);
  void pass(const Looking& looking);
  [[nodiscard]] Marked* begin_marking(const Looking& looking);
  struct Words {
    std::string name{};
    ReceiptScope scope = ReceiptScope::kAll;
    Mark::Range range{};
    bool until_told = false;
  };
  void tell_authors(const Place& place, const Words& words, Receipts::Done done);
  void pump(const std::shared_ptr<Session>& session, Inbox& inbox);
  void look_at_end(const std::shared_ptr<Session>& session, const Inbox& inbox);
  void fetch(const std::shared_ptr<Session>& session, const Inbox& inbox);
  void deliver(Inbox& inbox, const engine::EntityBatch& batch);
  void tell_news(Inbox& inbox);
  void tell_state(std::uint64_t id, const std::string& category, engine::IncrementId last,
                  engine::IncrementId read);
  void move_cursor(const std::shared_ptr<Session>& session, std::uint64_t id, const Inbox& inbox,
                   const Mark::Range& had);
  void tell_delivered(const Inbox& inbox, const Mark::Ranges& had);
  void tell_delivered_here(const Inbox& inbox, const Mark::Range& given);

  SessionHost& host_;
  Bearer& bearer_;
  Outbox& outbox_;
  std::map<std::uint64_t, Inbox> inboxes_;
  std::uint64_t last_id_ = 0;
  std::size_t in_flight_ = 0;         // looks and marks
  std::size_t acknowledgements_ = 0;  // that wait to be answered
};

}  // namespace bimip::frontend
