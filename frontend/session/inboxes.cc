#include "frontend/session/inboxes.h"

#include <algorithm>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/session/category.h"
#include "frontend/session/inbox_requests.h"
#include "frontend/session/session.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;
using engine::IncrementId;

namespace {

constexpr std::uint32_t kCreditDefault = 100;

v1::InboxState state_of(const std::string& category, IncrementId last, IncrementId read) {
  v1::InboxState state;
  state.set_category(category);
  state.set_last_increment(last.value());
  state.set_read_up_to(read.value());
  state.set_unread(last.value() - std::min(last, read).value());
  return state;
}

}  // namespace

Inboxes::Inboxes(SessionHost& host, Bearer& bearer, Outbox& outbox)
    : host_(host), bearer_(bearer), outbox_(outbox) {}
Inboxes::~Inboxes() = default;

void Inboxes::close_all() { inboxes_.clear(); }

bool Inboxes::has_room(std::uint64_t id) {
  if (in_flight_ < limits::kInboxRequestsMax) return true;
  outbox_.send_error(id, Code::kResourceExhausted,
                     "at most " + std::to_string(limits::kInboxRequestsMax) +
                         " requests about inboxes are on their way at a time");
  return false;
}

std::optional<Inboxes::Place> Inboxes::place_of(std::uint64_t id, const std::string& category) {
  const std::string name = category.empty() ? std::string(InboxService::kChat) : category;
  const auto topic = find_category(host_, name);
  if (!topic) {
    outbox_.send_error(id, Code::kNotFound, "there is no category '" + name + "'");
    return std::nullopt;
  }
  const std::string& self = bearer_.grant().eid;
  if (self.empty()) {
    outbox_.send_error(id, Code::kInvalidArgument, "an inbox is an eid's; this session has none");
    return std::nullopt;
  }
  if (!has_room(id)) return std::nullopt;
  return Place{
      .category = name,
      .key = {.category = topic->id, .eid = self},
      .partition = engine::partition_of_key(engine::as_bytes(self), topic->config.partitions)};
}

// A replay has no marks: what theirs said is on the tape.
std::shared_ptr<Mark> Inboxes::mark(const Place& place, MarkKind kind) {
  if (is_replay(host_)) return nullptr;
  return host_.inboxes().marks().of(
      {.category = place.key.category,
       .kind = kind,
       .eid = place.key.eid,
       .device = kind == MarkKind::kCursor ? bearer_.device() : std::string()});
}

IncrementId Inboxes::read_up_to(const std::shared_ptr<Mark>& read) const {
  return learn(host_, [&] { return read->prefix(); });
}

Mark::Ranges Inboxes::claim(const std::shared_ptr<Mark>& mark, const Mark::Ranges& wanted) const {
  return learn(host_, [&] { return mark->claim(wanted); });
}

Inboxes::Inbox* Inboxes::find(std::uint64_t id, std::uint64_t inbox) {
  const auto at = inboxes_.find(inbox);
  if (at != inboxes_.end() && at->second.is_open) return &at->second;
  outbox_.send_error(id, Code::kNotFound, "there is no open inbox " + std::to_string(inbox));
  return nullptr;
}

void Inboxes::look(std::unique_ptr<Looking> looking) {
  ++in_flight_;
  looking.release()->begin();
}

void Inboxes::on_looked(Looking& looking) {
  --in_flight_;
  if (looking.error()) {
    inboxes_.erase(looking.inbox());
    return outbox_.send_error(looking.id(), *looking.error());
  }
  looking.go_on();
}

// Listens before it looks: nothing falls between the two.
void Inboxes::open(const std::shared_ptr<Session>& session, std::uint64_t id,
                   const v1::OpenInbox& open) {
  const std::optional<Place> place = place_of(id, open.category());
  if (!place) return;
  if (inboxes_.size() >= limits::kInboxesMax) {
    return outbox_.send_error(
        id, Code::kResourceExhausted,
        "a session has at most " + std::to_string(limits::kInboxesMax) + " inboxes open");
  }
  if (open.credit() > host_.limits().credit)
    return outbox_.send_error(id, Code::kInvalidArgument, "credit: more than credit_max");
  Inbox& inbox = inboxes_[++last_id_];
  inbox.id = last_id_;
  inbox.place = *place;
  inbox.cursor = mark(*place, MarkKind::kCursor);
  inbox.delivered = mark(*place, MarkKind::kDelivered);
  inbox.read = mark(*place, MarkKind::kRead);
  inbox.only_looks = open.only_looks();
  inbox.credit = open.credit() == 0 ? kCreditDefault : open.credit();
  inbox.seat = std::make_unique<Seat>(session, host_, place->key, inbox.id);
  look(
      std::make_unique<Looking>(session,
                                Looking::What{.id = id,
                                              .inbox = inbox.id,
                                              .place = *place,
                                              .marks = {inbox.cursor, inbox.delivered, inbox.read}},
                                [this, open](Looking& looking) { opened(looking, open); }));
}

void Inboxes::opened(Looking& looking, const v1::OpenInbox& open) {
  const auto at = inboxes_.find(looking.inbox());
  if (at == inboxes_.end()) return;
  Inbox& inbox = at->second;
  const IncrementId cursor = learn(host_, [&] { return inbox.cursor->up_to(); });
  inbox.last = looking.last();
  pass(looking);
  inbox.told_read = read_up_to(inbox.read);
  inbox.told_last = std::max(inbox.last, inbox.told_read);
  switch (open.from_case()) {
    case v1::OpenInbox::kEarliest:
      inbox.next = IncrementId(1);
      break;
    case v1::OpenInbox::kLatest:
      inbox.next = inbox.last + 1;
      break;
    case v1::OpenInbox::kIncrement:
      inbox.next = IncrementId(std::max<std::uint64_t>(open.increment(), 1));
      break;
    case v1::OpenInbox::FROM_NOT_SET:
      inbox.next = cursor + 1;
      break;
  }
  if (inbox.next > inbox.last + 1) {
    outbox_.send_error(looking.id(), Code::kOutOfRange,
                       "the inbox ends at " + std::to_string(inbox.last.value()));
    inboxes_.erase(at);
    return;
  }
  inbox.is_open = true;
  inbox.begin = inbox.next;
  if (!inbox.only_looks) {
    const std::string& eid = inbox.place.key.eid;
    tell(host_, [&] { host_.inboxes().devices().note(eid, bearer_.device()); }, eid);
  }
  v1::Stanza stanza;
  stanza.set_id(looking.id());
  v1::InboxOpened& opened = *stanza.mutable_inbox_opened();
  opened.set_inbox_id(inbox.id);
  opened.set_cursor(cursor.value());
  opened.set_from_increment(inbox.next.value());
  *opened.mutable_state() = state_of(inbox.place.category, inbox.told_last, inbox.told_read);
  outbox_.send(stanza);
  // A crash may have kept the cursor and not what the authors were to be told.
  tell_delivered(inbox, learn(host_, [&] { return inbox.cursor->increments().parts(); }));
  pump(looking.session(), inbox);
}

void Inboxes::close(std::uint64_t id, const v1::CloseInbox& close) {
  if (find(id, close.inbox_id()) == nullptr) return;
  inboxes_.erase(close.inbox_id());
  v1::Stanza stanza;
  stanza.set_id(id);
  stanza.mutable_inbox_closed()->set_inbox_id(close.inbox_id());
  outbox_.send(stanza);
}

void Inboxes::mix_into(StateHash& hash) const {
  hash.add(inboxes_.size()).add(last_id_).add(in_flight_).add(acknowledgements_);
  for (const auto& [id, inbox] : inboxes_) {
    hash.add(id).add(inbox.place.category).add(inbox.place.partition).add(inbox.is_open);
    hash.add(inbox.begin).add(inbox.next).add(inbox.last).add(inbox.told_last);
    hash.add(inbox.told_read).add(inbox.only_looks);
    hash.add(inbox.credit).add(inbox.fetching).add(inbox.has_news);
    for (const Given& given : inbox.unacknowledged)
      hash.add(given.increment).add(given.is_for_one_device);
  }
}

void Inboxes::tell_state(std::uint64_t id, const std::string& category, IncrementId last,
                         IncrementId read) {
  v1::Stanza stanza;
  stanza.set_id(id);
  *stanza.mutable_inbox_state() = state_of(category, last, read);
  outbox_.send(stanza);
}

}  // namespace bimip::frontend
