// What became of a message, for its author, its recipient or an operator.
#include "frontend/session/message_explanation.h"

#include <utility>

#include "frontend/session/category.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::Result;

namespace {

// A missed offer has no name but its offer's.
const std::string& name_of(const v1::InboxMessage& message) {
  return message.kind() == v1::INBOX_MESSAGE_KIND_MISSED_OFFER ? message.offer().offer_id()
                                                               : message.message_id();
}

bool fits(const v1::InboxMessage& message, const WantedMessage& wanted) {
  return name_of(message) == wanted.message_id &&
         (wanted.from.empty() || message.from() == wanted.from) &&
         (wanted.from_device.empty() || message.from_device() == wanted.from_device);
}

}  // namespace

void Inboxes::Explaining::begin() {
  search_.emplace(
      session()->host(), wanted_.inbox, wanted_.partition,
      [this](const engine::Record& record, const v1::InboxMessage& message) {
        return take(record, message);
      },
      [this](const Result<bool>& found) {
        if (!found) return end(found.error());
        if (*found) return look_at_devices();
        if (wanted_.copies_of.empty()) return end(not_found());
        search_copies();
      });
  search_->begin();
}

void Inboxes::Explaining::save(TapeWriter& to) const {
  put(to, told_);
  put(to, error_);
}

void Inboxes::Explaining::restore(TapeReader& told) {
  told_ = get<v1::MessageExplanation>(told);
  error_ = get<std::optional<engine::Error>>(told);
}

void Inboxes::Explaining::end(std::optional<engine::Error> error) {
  error_ = std::move(error);
  session()->host().came_back(*this);
}

engine::Error Inboxes::Explaining::not_found() const {
  const std::string newest = std::to_string(limits::kExplainMessagesMax);
  std::string text = "no message '" + wanted_.message_id + "' among the newest " + newest +
                     " in '" + wanted_.category + "' of '" + wanted_.inbox.eid + "'";
  if (copies_) {
    text += ", nor a copy of one that waits for its time among the newest " + newest +
            " in 'sent' of '" + wanted_.copies_of +
            "'; what waits and was sent without a copy is found once it is there";
  }
  return {ErrorCode::kNotFound, std::move(text)};
}

// Its time has not come: only its author and who runs the server know of it.
void Inboxes::Explaining::search_copies() {
  const engine::TopicInfo& sent = *session()->host().inboxes().find(InboxService::kSent);
  copies_.emplace(
      session()->host(), InboxKey{.category = sent.id, .eid = wanted_.copies_of},
      engine::partition_of_key(engine::as_bytes(wanted_.copies_of), sent.config.partitions),
      [this](const engine::Record& record, const v1::InboxMessage& copy) {
        return take_copy(record, copy);
      },
      [this](const Result<bool>& found) {
        if (!found) return end(found.error());
        if (*found) return look_at_devices();
        end(not_found());
      });
  copies_->begin_elsewhere();
}

bool Inboxes::Explaining::take(const engine::Record& record, const v1::InboxMessage& message) {
  if (!fits(message, wanted_) || (message.kind() != v1::INBOX_MESSAGE_KIND_MESSAGE &&
                                  message.kind() != v1::INBOX_MESSAGE_KIND_MISSED_OFFER))
    return false;
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

bool Inboxes::Explaining::take_copy(const engine::Record& record, const v1::InboxMessage& copy) {
  const bool waits = copy.deliver_at_us() > micros(now_);
  if (!fits(copy, wanted_) || copy.kind() != v1::INBOX_MESSAGE_KIND_COPY ||
      copy.to() != wanted_.inbox.eid || copy.category() != wanted_.category || !waits)
    return false;
  describe(copy);
  told_.set_fate(v1::MESSAGE_FATE_HELD);
  told_.set_partition(copy.message_partition());
  told_.set_offset(copy.message_offset());
  told_.set_held_at_offset(copy.message_offset());
  told_.set_stored_at_us(micros(record.timestamp));
  return true;
}

void Inboxes::Explaining::describe(const v1::InboxMessage& message) {
  // A copy tells of the message.
  told_.set_kind(message.kind() == v1::INBOX_MESSAGE_KIND_COPY ? v1::INBOX_MESSAGE_KIND_MESSAGE
                                                               : message.kind());
  told_.set_message_id(name_of(message));
  told_.set_from(message.from());
  told_.set_from_device(message.from_device());
  told_.set_to(wanted_.inbox.eid);
  told_.set_category(wanted_.category);
  told_.set_to_device(message.to_device());
  told_.set_expires_at_us(message.expires_at_us());
  told_.set_deliver_at_us(message.deliver_at_us());
}

void Inboxes::Explaining::look_at_devices() {
  const auto bounds =
      session()->host().log_elsewhere().bounds(wanted_.inbox.category, wanted_.partition);
  told_.set_is_durable(bounds && engine::Offset(told_.offset()) < bounds->durable_end);
  session()->host().inboxes().devices().of(
      wanted_.inbox.eid, [this](Result<std::vector<std::string>> names) {
        if (!names && names.error().code != ErrorCode::kDamaged)
          return end(std::move(names.error()));
        for (std::string& name : names.value_or(std::vector<std::string>{}))
          told_.add_devices()->set_device(std::move(name));
        end({});
      });
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
      .sees_devices = is_recipient || grant.permissions->is_operator,
      .category = category,
      .inbox = {.category = topic->id, .eid = to},
      .partition = engine::partition_of_key(engine::as_bytes(to), topic->config.partitions)};
  ++in_flight_;
  auto explaining = std::make_unique<Explaining>(session, std::move(wanted), now.wall);
  explaining.release()->begin();
}

}  // namespace bimip::frontend
