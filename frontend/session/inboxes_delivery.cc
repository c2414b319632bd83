// What an open inbox holds goes to the peer, and what changes there is told.
#include <algorithm>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/entity_access.h"
#include "frontend/session/inbox_requests.h"
#include "frontend/session/inboxes.h"
#include "frontend/session/session.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;

void Inboxes::pump(const std::shared_ptr<Session>& session) {
  for (auto& [id, inbox] : inboxes_) pump(session, inbox);
}

// What is new is read; with no credit its number alone is looked up.
void Inboxes::pump(const std::shared_ptr<Session>& session, Inbox& inbox) {
  if (!inbox.is_open || inbox.fetching || !outbox_.has_room()) return;
  const bool may_be_given = inbox.only_looks || inbox.credit > 0;
  if (!inbox.has_news && (!may_be_given || inbox.next > inbox.last)) return;
  inbox.fetching = true;
  may_be_given ? fetch(session, inbox) : look_at_end(session, inbox);
  inbox.has_news = false;
}

void Inboxes::fetch(const std::shared_ptr<Session>& session, const Inbox& inbox) {
  auto fetch = std::make_unique<Fetch>(session, inbox.id, inbox.place.key.eid, inbox.has_news);
  fetch->topic = inbox.place.key.category;
  fetch->partition = inbox.place.partition;
  fetch->from = inbox.next;
  fetch->records_max = limits::kInboxRecordsPerRead;
  if (!inbox.only_looks)
    fetch->records_max = std::min<std::uint64_t>(inbox.credit, fetch->records_max);
  fetch->bytes_max = limits::kDeliveryBytes;
  host_.log().read_entity(*fetch.release());
}

void Inboxes::look_at_end(const std::shared_ptr<Session>& session, const Inbox& inbox) {
  auto look = std::make_unique<EndLook>(session, inbox.id, inbox.place.key.eid);
  look->topic = inbox.place.key.category;
  look->partition = inbox.place.partition;
  host_.log().find_entity(*look.release());
}

void Inboxes::on_fetched(const std::shared_ptr<Session>& session, Fetch& fetch) {
  const auto at = inboxes_.find(fetch.inbox());
  if (at == inboxes_.end()) return;
  Inbox& inbox = at->second;
  inbox.fetching = false;
  if (fetch.result()) {
    deliver(inbox, *fetch.result());
  } else if (fetch.result().error().code != ErrorCode::kNotFound) {
    // The peer decides: nothing was passed over.
    outbox_.send_error(0, fetch.result().error());
    inboxes_.erase(at);
    return;
  }
  if (fetch.is_for_news()) tell_news(inbox);
  pump(session, inbox);
}

void Inboxes::on_end_known(const std::shared_ptr<Session>& session, EndLook& look) {
  const auto at = inboxes_.find(look.inbox());
  if (at == inboxes_.end()) return;
  Inbox& inbox = at->second;
  inbox.fetching = false;
  // What cannot be looked up now is told with what is delivered next.
  if (look.last()) inbox.last = std::max(inbox.last, *look.last());
  tell_news(inbox);
  pump(session, inbox);
}

void Inboxes::deliver(Inbox& inbox, const engine::EntityBatch& batch) {
  v1::Stanza stanza;
  v1::InboxDelivery& delivery = *stanza.mutable_inbox_delivery();
  delivery.set_inbox_id(inbox.id);
  for (const engine::EntityGap& gap : batch.gaps()) *delivery.add_gaps() = gap_of(gap);
  for (const engine::Record& record : batch.records()) {
    v1::InboxItem& item = *delivery.add_items();
    const bool parsed = item.mutable_message()->ParseFromArray(
        record.value.data(), static_cast<int>(record.value.size()));
    const IncrementId increment = record.entity->increment;
    const std::string& to_device = item.message().to_device();
    const bool is_for_one_device =
        item.message().kind() == v1::INBOX_MESSAGE_KIND_MESSAGE && !to_device.empty();
    if (!parsed || (is_for_one_device && to_device != bearer_.device())) {
      delivery.mutable_items()->RemoveLast();
      if (!parsed) *delivery.add_gaps() = gap_of(record);
      continue;
    }
    item.set_increment(increment.value());
    item.set_server_time_us(micros(record.timestamp));
    if (inbox.only_looks) continue;
    --inbox.credit;
    inbox.unacknowledged.push_back(
        {.increment = increment, .is_for_one_device = is_for_one_device});
  }
  inbox.last = std::max(inbox.last, batch.last_increment());
  if (batch.next() <= inbox.next && delivery.gaps_size() == 0) return;
  inbox.next = std::max(inbox.next, batch.next());
  inbox.told_last = std::max(inbox.told_last, inbox.last);
  delivery.set_up_to(inbox.next.value() - 1);
  delivery.set_last_increment(inbox.told_last.value());
  outbox_.send(stanza);
  host_.metrics().messages_delivered.add(static_cast<std::uint64_t>(delivery.items_size()));
}

void Inboxes::on_news(const std::shared_ptr<Session>& session, std::uint64_t id) {
  const auto at = inboxes_.find(id);
  if (at == inboxes_.end()) return;
  at->second.seat->heard();
  at->second.has_news = true;
  pump(session, at->second);
}

// Once it is known where the inbox ends: what is unread is the same for all who are told.
void Inboxes::tell_news(Inbox& inbox) {
  const IncrementId read = std::max(inbox.told_read, read_up_to(inbox.read));
  const IncrementId last = std::max({inbox.told_last, inbox.last, read});
  if (read == inbox.told_read && last == inbox.told_last) return;
  inbox.told_read = read;
  inbox.told_last = last;
  tell_state(0, inbox.place.category, last, read);
}

}  // namespace bimip::frontend
