// What became of a message, for its author, its recipient or an operator.
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/category.h"
#include "frontend/session/inbox_requests.h"
#include "frontend/session/inboxes.h"
#include "frontend/session/session.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;
using engine::Result;

namespace {

// Which message is meant.
struct WantedMessage {
  std::uint64_t id = 0;  // of the peer's request
  std::string message_id{};
  std::string from{};         // empty: whoever
  std::string from_device{};  // empty: whichever
  std::string copies_of{};    // who is asked for copies of what waits; empty: nobody
  std::string category{};
  InboxKey inbox{};
  engine::PartitionId partition{};
};

bool fits(const v1::InboxMessage& message, const WantedMessage& wanted) {
  return message.message_id() == wanted.message_id &&
         (wanted.from.empty() || message.from() == wanted.from) &&
         (wanted.from_device.empty() || message.from_device() == wanted.from_device);
}

v1::DeviceDelivery delivery_of(const v1::MessageExplanation& told, const v1::DeviceProgress& device,
                               const std::optional<Inboxes::Progress>& open, bool is_connected) {
  const IncrementId increment(told.increment());
  if (!told.to_device().empty() && told.to_device() != device.device())
    return v1::DEVICE_DELIVERY_NOT_FOR_IT;
  if (told.increment() > 0 && device.cursor() >= told.increment())
    return v1::DEVICE_DELIVERY_ACKNOWLEDGED;
  if (told.fate() != v1::MESSAGE_FATE_IN_INBOX) return v1::DEVICE_DELIVERY_NOT_NOW;
  if (!is_connected) return v1::DEVICE_DELIVERY_AWAY;
  if (!open) return v1::DEVICE_DELIVERY_NOT_OPEN;
  if (open->next > increment) return v1::DEVICE_DELIVERY_UNACKNOWLEDGED;
  return open->has_credit ? v1::DEVICE_DELIVERY_ON_ITS_WAY : v1::DEVICE_DELIVERY_NO_CREDIT;
}

}  // namespace

// Looks for the message in the recipient's inbox, the newest first; then, when its author is known,
// in the copies he has of what waits for its time; then for the marks of the recipient's devices.
class Inboxes::Explaining final : public engine::EntityReadRequest, public SessionRequest {
 public:
  Explaining(std::shared_ptr<Session> session, WantedMessage wanted, engine::Timestamp now)
      : SessionRequest(std::move(session)), wanted_(std::move(wanted)), now_(now) {
    order = engine::EntityOrder::kNewestFirst;
    expired = engine::ExpiredRecords::kIncluded;
    records_max = limits::kInboxRecordsPerRead;
  }

  void begin() {
    topic = wanted_.inbox.category;
    partition = wanted_.partition;
    key = engine::as_bytes(wanted_.inbox.eid);
    session()->host().log().read_entity(*this);
  }
  void on_entity_read(Result<engine::EntityBatch> result) override {
    if (!result && result.error().code != ErrorCode::kNotFound)
      return end(std::move(result.error()));
    if (result) {
      for (const engine::Record& record : result->records()) {
        if (take(record)) return look_at_devices();
      }
      looked_at_ += result->records().size();
      from = result->next();
      if (from > IncrementId(0) && looked_at_ < limits::kExplainMessagesMax) return read();
    }
    if (in_copies_ || wanted_.copies_of.empty()) return end(not_found());
    search_copies();
  }
  void save(TapeWriter& to) const override {
    put(to, told_);
    put(to, error_);
  }
  void restore(TapeReader& told) override {
    told_ = get<v1::MessageExplanation>(told);
    error_ = get<std::optional<engine::Error>>(told);
  }
  void deliver(Moment) override { session()->inboxes().on_explained(*this); }

  [[nodiscard]] const WantedMessage& wanted() const { return wanted_; }
  [[nodiscard]] const std::optional<engine::Error>& error() const { return error_; }
  [[nodiscard]] v1::MessageExplanation& told() { return told_; }

 private:
  void read() { session()->host().log_elsewhere().read_entity(*this); }
  void end(std::optional<engine::Error> error) {
    error_ = std::move(error);
    session()->host().came_back(*this);
  }
  [[nodiscard]] engine::Error not_found() const {
    return {ErrorCode::kNotFound, "no message '" + wanted_.message_id + "' among the newest " +
                                      std::to_string(limits::kExplainMessagesMax) + " in '" +
                                      wanted_.category + "' of '" + wanted_.inbox.eid + "'"};
  }

  // Its time has not come: only its author and who runs the server know of it.
  void search_copies() {
    in_copies_ = true;
    looked_at_ = 0;
    const engine::TopicInfo& sent = *session()->host().inboxes().find(InboxService::kSent);
    topic = sent.id;
    key = engine::as_bytes(wanted_.copies_of);
    partition = engine::partition_of_key(key, sent.config.partitions);
    from.reset();
    read();
  }

  // Whether it is the one.
  bool take(const engine::Record& record) {
    v1::InboxMessage message;
    if (!message.ParseFromArray(record.value.data(), static_cast<int>(record.value.size())) ||
        !fits(message, wanted_))
      return false;
    if (in_copies_) return take_copy(record, message);
    if (message.kind() != v1::INBOX_MESSAGE_KIND_MESSAGE) return false;
    describe(message);
    told_.set_fate(engine::has_expired(record, now_) ? v1::MESSAGE_FATE_EXPIRED
                                                     : v1::MESSAGE_FATE_IN_INBOX);
    told_.set_partition(wanted_.partition.value());
    told_.set_offset(record.offset.value());
    told_.set_increment(record.entity->increment.value());
    told_.set_stored_at_us(micros(record.timestamp));
    if (const auto held = engine::held_at(record)) told_.set_held_at_offset(held->value());
    return true;
  }
  bool take_copy(const engine::Record& record, const v1::InboxMessage& copy) {
    const bool waits = copy.deliver_at_us() > micros(now_);
    if (copy.kind() != v1::INBOX_MESSAGE_KIND_COPY || copy.to() != wanted_.inbox.eid ||
        copy.category() != wanted_.category || !waits)
      return false;
    describe(copy);
    told_.set_fate(v1::MESSAGE_FATE_HELD);
    told_.set_partition(copy.message_partition());
    told_.set_offset(copy.message_offset());
    told_.set_held_at_offset(copy.message_offset());
    told_.set_stored_at_us(micros(record.timestamp));
    return true;
  }
  void describe(const v1::InboxMessage& message) {
    told_.set_message_id(message.message_id());
    told_.set_from(message.from());
    told_.set_from_device(message.from_device());
    told_.set_to(wanted_.inbox.eid);
    told_.set_category(wanted_.category);
    told_.set_to_device(message.to_device());
    told_.set_expires_at_us(message.expires_at_us());
    told_.set_deliver_at_us(message.deliver_at_us());
  }

  void look_at_devices() {
    const auto bounds =
        session()->host().log_elsewhere().bounds(wanted_.inbox.category, wanted_.partition);
    told_.set_is_durable(bounds && engine::Offset(told_.offset()) < bounds->durable_end);
    session()->host().inboxes().devices().of(
        wanted_.inbox.eid, [this](Result<std::vector<std::string>> names) {
          if (!names && names.error().code != ErrorCode::kDamaged)
            return end(std::move(names.error()));
          look_at_marks(names.value_or(std::vector<std::string>{}));
        });
  }
  void look_at_marks(const std::vector<std::string>& names) {
    Marks& marks = session()->host().inboxes().marks();
    const auto mark = [&](MarkKind kind, const std::string& device) {
      return marks.of({.category = wanted_.inbox.category,
                       .kind = kind,
                       .eid = wanted_.inbox.eid,
                       .device = device});
    };
    marks_.push_back(mark(MarkKind::kRead, {}));
    for (const std::string& name : names) {
      told_.add_devices()->set_device(name);
      marks_.push_back(mark(MarkKind::kCursor, name));
    }
    left_ = marks_.size();
    // The last answer may take this away.
    const std::vector<std::shared_ptr<Mark>> all = marks_;
    for (const std::shared_ptr<Mark>& one : all) {
      one->when_known([this](const Result<IncrementId>& value) {
        if (!value) is_marred_ = true;
        if (--left_ == 0) marks_known();
      });
    }
  }
  void marks_known() {
    if (is_marred_) return end(engine::Error{ErrorCode::kDamaged, "a mark of the inbox"});
    const std::uint64_t read_up_to = marks_.front()->value().value();
    told_.set_is_read(told_.increment() > 0 && told_.increment() <= read_up_to);
    for (std::size_t i = 1; i < marks_.size(); ++i)
      told_.mutable_devices(static_cast<int>(i - 1))->set_cursor(marks_[i]->value().value());
    end({});
  }

  const WantedMessage wanted_;
  const engine::Timestamp now_;
  v1::MessageExplanation told_;
  std::size_t looked_at_ = 0;
  bool in_copies_ = false;
  std::vector<std::shared_ptr<Mark>> marks_{};
  std::atomic<std::size_t> left_{0};
  std::atomic<bool> is_marred_{false};
  std::optional<engine::Error> error_{};
};

namespace {

// Which of the recipient's devices are connected, and how far each has come.
class DeviceSurvey final : public SessionSurvey {
 public:
  DeviceSurvey(std::shared_ptr<Session> session, WantedMessage wanted, v1::MessageExplanation told)
      : SessionSurvey(std::move(session)), wanted_(std::move(wanted)), told_(std::move(told)) {}

  void visit(Session& visited) override {
    if (!visited.is_open()) return;
    const SessionFacts facts = visited.facts();
    if (facts.eid != wanted_.inbox.eid) return;
    std::optional<Inboxes::Progress>& known = connected_[facts.device];
    const Inboxes* const inboxes = visited.known_inboxes();
    const auto open = inboxes == nullptr ? std::nullopt : inboxes->progress(wanted_.inbox);
    if (open && (!known || open->next > known->next)) known = open;
  }
  void save(TapeWriter& to) const override {
    put(to, connected_.size());
    for (const auto& [device, open] : connected_) {
      put(to, device);
      put(to, open.has_value());
      if (!open) continue;
      put(to, open->next);
      put(to, open->has_credit);
    }
  }
  void restore(TapeReader& from) override {
    connected_.clear();
    for (auto left = get<std::size_t>(from); left > 0 && from.ok(); --left) {
      std::optional<Inboxes::Progress>& open = connected_[get<std::string>(from)];
      if (!get<bool>(from)) continue;
      const auto next = get<IncrementId>(from);
      open = Inboxes::Progress{.next = next, .has_credit = get<bool>(from)};
    }
  }
  void deliver(Moment) override {
    if (!session()->is_open()) return;
    std::set<std::string> named;
    for (const v1::DeviceProgress& device : told_.devices()) named.insert(device.device());
    for (const auto& [device, open] : connected_) {
      if (!named.contains(device)) told_.add_devices()->set_device(device);
    }
    for (v1::DeviceProgress& device : *told_.mutable_devices()) {
      const auto at = connected_.find(device.device());
      const bool is_connected = at != connected_.end();
      device.set_delivery(
          delivery_of(told_, device, is_connected ? at->second : std::nullopt, is_connected));
    }
    v1::Stanza stanza;
    stanza.set_id(wanted_.id);
    *stanza.mutable_message_explanation() = std::move(told_);
    session()->outbox().send(stanza);
  }

 private:
  const WantedMessage wanted_;
  v1::MessageExplanation told_;
  std::map<std::string, std::optional<Inboxes::Progress>> connected_{};
};

}  // namespace

std::optional<Inboxes::Progress> Inboxes::progress(const InboxKey& key) const {
  std::optional<Progress> furthest;
  for (const auto& [id, inbox] : inboxes_) {
    if (!inbox.is_open || inbox.only_looks || inbox.place.key != key) continue;
    if (!furthest || inbox.next > furthest->next)
      furthest = Progress{.next = inbox.next, .has_credit = inbox.credit > 0};
  }
  return furthest;
}

// The author, the recipient and operators may ask. Who is neither is not told whether there is such
// a message.
void Inboxes::explain(const std::shared_ptr<Session>& session, std::uint64_t id,
                      const v1::ExplainMessage& asked, Moment now) {
  if (asked.message_id().empty() || asked.message_id().size() > limits::kMessageIdBytesMax)
    return outbox_.send_error(id, Code::kInvalidArgument, "message_id: has 1 to 128 bytes");
  const Grant& grant = bearer_.grant();
  const std::string to = asked.to().empty() ? grant.eid : asked.to();
  if (to.empty())
    return outbox_.send_error(id, Code::kInvalidArgument,
                              "to: this session has no eid of its own; say whose inbox it is");
  const bool is_recipient = to == grant.eid;
  std::string from = asked.from();
  if (from.empty() && !is_recipient && !grant.permissions->is_operator) from = grant.eid;
  if (!grant.permissions->is_operator && !is_recipient && from != grant.eid) {
    return outbox_.send_error(
        id, Code::kPermissionDenied,
        "what became of a message is for its author, its recipient and operators");
  }
  const std::string category =
      asked.category().empty() ? std::string(InboxService::kChat) : asked.category();
  const auto topic = find_category(host_, category);
  if (!topic)
    return outbox_.send_error(id, Code::kNotFound, "there is no category '" + category + "'");
  if (!has_room(id)) return;
  const std::string& author = from.empty() ? grant.eid : from;
  const bool may_see_copies = author == grant.eid || grant.permissions->is_operator;
  WantedMessage wanted{
      .id = id,
      .message_id = asked.message_id(),
      .from = from,
      .from_device = asked.from_device(),
      .copies_of = may_see_copies ? author : std::string(),
      .category = category,
      .inbox = {.category = topic->id, .eid = to},
      .partition = engine::partition_of_key(engine::as_bytes(to), topic->config.partitions)};
  ++in_flight_;
  auto explaining = std::make_unique<Explaining>(session, std::move(wanted), now.wall);
  explaining.release()->begin();
}

void Inboxes::on_explained(Explaining& explaining) {
  --in_flight_;
  if (explaining.error()) return outbox_.send_error(explaining.wanted().id, *explaining.error());
  host_.survey(std::make_unique<DeviceSurvey>(explaining.session(), explaining.wanted(),
                                              std::move(explaining.told())));
}

}  // namespace bimip::frontend
