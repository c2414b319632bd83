// How far a device has come in an inbox, how far the entity has read it, and who is told.
#include <algorithm>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/session/inbox_requests.h"
#include "frontend/session/inboxes.h"
#include "frontend/session/session.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::IncrementId;

namespace {

bool is_receipt_name(const std::string& name) {
  const bool is_word = !name.empty() && name.size() <= limits::kCategoryBytesMax &&
                       std::ranges::all_of(name, [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                (c >= '0' && c <= '9') || c == '-';
                       });
  return is_word && name != "delivered" && name != "read";
}

}  // namespace

void Inboxes::acknowledge(const std::shared_ptr<Session>& session, std::uint64_t id,
                          const v1::AcknowledgeInbox& acknowledge) {
  Inbox* inbox = find(id, acknowledge.inbox_id());
  if (inbox == nullptr) return;
  if (inbox->only_looks)
    return outbox_.send_error(id, Code::kInvalidArgument, "the inbox was opened with only_looks");
  const IncrementId up_to(acknowledge.up_to());
  if (up_to >= inbox->next) {
    return outbox_.send_error(id, Code::kInvalidArgument,
                              "up_to: " + std::to_string(up_to.value()) +
                                  " was not delivered; the next one is " +
                                  std::to_string(inbox->next.value()));
  }
  if (id != 0 && acknowledgements_ >= limits::kInboxAcknowledgementsMax) {
    return outbox_.send_error(id, Code::kResourceExhausted,
                              "at most " + std::to_string(limits::kInboxAcknowledgementsMax) +
                                  " acknowledgements wait for their answers at a time");
  }
  std::optional<Mark::Range> for_this_device;
  for (; !inbox->unacknowledged.empty() && inbox->unacknowledged.front().increment <= up_to;
       inbox->unacknowledged.pop_front(), ++inbox->credit) {
    const Given& given = inbox->unacknowledged.front();
    host_.metrics().messages_acknowledged.add();
    if (!given.is_for_one_device) continue;
    if (!for_this_device) for_this_device = {.first = given.increment};
    for_this_device->last = given.increment;
  }
  if (for_this_device) tell_delivered_here(*inbox, *for_this_device);
  // Of what is in front of where this inbox began the device says that it goes on behind it.
  const Mark::Range had{.first = inbox->begin, .last = up_to};
  move_cursor(session, id, *inbox, had);
  tell_delivered(*inbox, {had});
  pump(session, *inbox);
}

// Who wants an answer waits for the log, also when the cursor is there already but not yet stored.
void Inboxes::move_cursor(const std::shared_ptr<Session>& session, std::uint64_t id,
                          const Inbox& inbox, const Mark::Range& had) {
  if (id == 0)
    return tell(host_, [&] { inbox.cursor->advance(had, [](const engine::Status&) {}); }, had);
  ++acknowledgements_;
  Acknowledged* const acknowledged =
      std::make_unique<Acknowledged>(session, id, inbox.id, had.last).release();
  tell(
      host_,
      [&] {
        inbox.cursor->advance(
            had, [acknowledged](engine::Status stored) { acknowledged->end(std::move(stored)); });
      },
      had);
}

void Inboxes::on_acknowledged(const Acknowledged& acknowledged) {
  --acknowledgements_;
  if (!acknowledged.status())
    return outbox_.send_error(acknowledged.id(), acknowledged.status().error());
  v1::Stanza stanza;
  stanza.set_id(acknowledged.id());
  stanza.mutable_inbox_acknowledged()->set_inbox_id(acknowledged.inbox());
  stanza.mutable_inbox_acknowledged()->set_up_to(acknowledged.up_to().value());
  outbox_.send(stanza);
}

// The first device that was given them and has them. What was sent to one device is that device's
// to tell of.
void Inboxes::tell_delivered(const Inbox& inbox, const Mark::Ranges& had) {
  if (InboxService::is_servers_own(inbox.place.category)) return;
  for (const Mark::Range& range : claim(inbox.delivered, had)) {
    tell_authors(inbox.place,
                 {.name = "delivered", .scope = ReceiptScope::kForAllDevices, .range = range},
                 [mark = inbox.delivered, range](const engine::Status& told) {
                   mark->end_claim(range, told);
                 });
  }
}

// The cursor stays behind them in the log until it was told of them: no other device can, and after
// a restart this one has them again.
void Inboxes::tell_delivered_here(const Inbox& inbox, const Mark::Range& given) {
  for (const Mark::Range& range : claim(inbox.cursor, {given})) {
    tell_authors(inbox.place,
                 {.name = "delivered",
                  .scope = ReceiptScope::kForThisDevice,
                  .range = range,
                  .until_told = true},
                 [mark = inbox.cursor, range](const engine::Status& told) {
                   if (told) mark->end_claim(range, told);
                 });
  }
}

void Inboxes::tell_authors(const Place& place, const Words& words, Receipts::Done done) {
  tell(
      host_,
      [&] {
        host_.inboxes().receipts().tell({.name = words.name,
                                         .scope = words.scope,
                                         .category = place.category,
                                         .inbox = place.key,
                                         .partition = place.partition,
                                         .device = bearer_.device(),
                                         .first = words.range.first,
                                         .last = words.range.last,
                                         .until_told = words.until_told},
                                        std::move(done));
      },
      words.name, words.scope, words.range);
}

void Inboxes::mark_read(const std::shared_ptr<Session>& session, std::uint64_t id,
                        const v1::MarkRead& asked) {
  const std::optional<Place> place = place_of(id, asked.category());
  if (!place) return;
  const IncrementId to(asked.up_to());
  look_at_read(session, {.id = id, .place = *place, .to = to},
               [this, to](Looking& looking) { move_read(looking, to); });
}

// The entity's mark, and where its inbox ends.
void Inboxes::look_at_read(const std::shared_ptr<Session>& session, const ReadLook& wanted,
                           std::function<void(Looking&)> then) {
  look(std::make_unique<Looking>(session,
                                 Looking::What{.id = wanted.id,
                                               .place = wanted.place,
                                               .marks = {mark(wanted.place, MarkKind::kRead)},
                                               .reads_to = wanted.to},
                                 std::move(then)));
}

// What has expired behind the mark was never to be read. Other devices hear of it.
void Inboxes::pass(const Looking& looking) {
  if (looking.passed() <= read_up_to(looking.read())) return;
  tell(
      host_,
      [&] {
        looking.read()->advance({.first = IncrementId(1), .last = looking.passed()},
                                [](const engine::Status&) {});
        host_.inboxes().hub().tell(looking.what().place.key);
      },
      looking.passed());
}

// The authors are told first: a crash in between tells them again, and not never.
void Inboxes::move_read(Looking& looking, IncrementId to) {
  const std::shared_ptr<Mark>& read = looking.what().marks.front();
  if (to > looking.last()) {
    return outbox_.send_error(looking.id(), Code::kOutOfRange,
                              "up_to: the inbox ends at " + std::to_string(looking.last().value()));
  }
  to = std::max(to, looking.passed());
  Marked* const marked = begin_marking(looking);
  const Place& place = looking.what().place;
  const Mark::Ranges untold = InboxService::is_servers_own(place.category)
                                  ? Mark::Ranges()
                                  : claim(read, {{.first = IncrementId(1), .last = to}});
  tell(
      host_,
      [&] {
        read->advance_after_claims(to,
                                   [marked](engine::Status done) { marked->end(std::move(done)); });
      },
      to);
  for (const Mark::Range& range : untold) {
    tell_authors(place, {.name = "read", .range = range},
                 [read, range](const engine::Status& told) { read->end_claim(range, told); });
  }
}

// It comes back to on_marked().
Inboxes::Marked* Inboxes::begin_marking(const Looking& looking) {
  ++in_flight_;
  return std::make_unique<Marked>(looking.session(), looking.what(), looking.last(),
                                  looking.what().marks.front())
      .release();
}

void Inboxes::send_receipt(const std::shared_ptr<Session>& session, std::uint64_t id,
                           const v1::SendReceipt& receipt) {
  const std::optional<Place> place = place_of(id, receipt.category());
  if (!place) return;
  if (!is_receipt_name(receipt.name())) {
    return outbox_.send_error(id, Code::kInvalidArgument,
                              "name: 1 to 32 letters, digits and hyphens, neither 'delivered' nor "
                              "'read'");
  }
  if (receipt.first_increment() == 0 || receipt.last_increment() < receipt.first_increment())
    return outbox_.send_error(id, Code::kInvalidArgument,
                              "first_increment to last_increment: none");
  look_at_read(session, {.id = id, .place = *place},
               [this, receipt](Looking& looking) { tell_receipt(looking, receipt); });
}

void Inboxes::tell_receipt(Looking& looking, const v1::SendReceipt& receipt) {
  const IncrementId last(receipt.last_increment());
  if (last > looking.last()) {
    return outbox_.send_error(
        looking.id(), Code::kOutOfRange,
        "last_increment: the inbox ends at " + std::to_string(looking.last().value()));
  }
  const Mark::Range range{.first = IncrementId(receipt.first_increment()), .last = last};
  tell_authors(looking.what().place, {.name = receipt.name(), .range = range},
               [marked = begin_marking(looking)](engine::Status told) { marked->end(told); });
}

void Inboxes::on_marked(Marked& marked) {
  --in_flight_;
  if (!marked.status()) return outbox_.send_error(marked.what().id, marked.status().error());
  const IncrementId read = read_up_to(marked.read());
  IncrementId last = std::max(marked.last(), read);
  // This session's own inboxes are told by the answer.
  for (const auto& [id, inbox] : inboxes_) {
    if (inbox.place.key == marked.what().place.key) last = std::max(last, inbox.told_last);
  }
  for (auto& [id, inbox] : inboxes_) {
    if (inbox.place.key != marked.what().place.key) continue;
    inbox.told_read = read;
    inbox.told_last = last;
  }
  tell_state(marked.what().id, marked.what().place.category, last, read);
}

}  // namespace bimip::frontend
