#include "frontend/services/offers/offer_service.h"

#include <optional>
#include <set>
#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/services/offers/offer_record.h"
#include "frontend/services/once_name.h"
#include "frontend/services/own_append.h"
#include "frontend/services/own_topic.h"
#include "frontend/session/moment.h"

namespace bimip::frontend {

using engine::MutexLock;
using engine::Status;
using engine::Timestamp;

engine::Result<std::unique_ptr<OfferService>> OfferService::open(engine::Log& log,
                                                                 InboxService& inboxes,
                                                                 CoreTape* tape) {
  auto topic = find_or_create(log, kTopic, {.compaction = engine::Compaction::kNewest});
  if (!topic) return engine::fail_at(kTopic, std::move(topic.error()));
  std::unique_ptr<OfferService> service(new OfferService(log, std::move(*topic), inboxes, tape));
  if (Status loaded = service->load(); !loaded)
    return engine::fail_at(kTopic, std::move(loaded.error()));
  return service;
}

OfferService::~OfferService() {
  const MutexLock lock(mutex_);
  core_.end_tape();
}

// An offer that is lost expires unanswered; it is no reason not to serve.
Status OfferService::load() {
  std::map<std::string, OfferKey> keys;  // by their records'
  return read_all_and_wait(log_, topic_.id, [&](const engine::Record& record) {
    const std::string key(engine::as_text(record.key));
    std::optional<Offer> offer;
    if (record.kind != engine::RecordKind::kTombstone)
      offer = parse_offer(engine::as_text(record.value));
    const MutexLock lock(mutex_);
    if (offer) {
      keys[key] = offer->key;
      core_.load(std::move(*offer));
    } else if (const auto known = keys.find(key); known != keys.end()) {
      core_.forget(known->second);
      keys.erase(known);
    }
  });
}

template <typename Input>
void OfferService::put_in(const Input& input) {
  OfferOutputs out;
  std::vector<Done> dones;
  {
    const MutexLock lock(mutex_);
    out = input();
    for (const OfferRef& offer : out.news) tell_listeners(offer);
    for (const OfferAnswer& answer : out.answers)
      dones.push_back(std::move(asks_.extract(answer.ask).mapped()));
  }
  for (std::size_t i = 0; i < dones.size(); ++i) dones[i](std::move(out.answers[i].result));
  for (const OfferChange& change : out.changes) store(change);
}

AskNumber OfferService::ask(Done done) {
  asks_.emplace(++last_ask_, std::move(done));
  return last_ask_;
}

void OfferService::propose(Offer offer, Done done) {
  put_in([&]() NO_THREAD_SAFETY_ANALYSIS {
    return core_.propose(ask(std::move(done)), std::move(offer));
  });
}

void OfferService::move(const OfferKey& key, OfferMove move, Timestamp now, Done done) {
  put_in([&]() NO_THREAD_SAFETY_ANALYSIS {
    return core_.move(ask(std::move(done)), key, std::move(move), now);
  });
}

void OfferService::on_tick(Timestamp now) {
  put_in([&]() NO_THREAD_SAFETY_ANALYSIS {
    OfferOutputs out = core_.advance(now);
    core_.flush_tape();
    return out;
  });
}

void OfferService::stored(const OfferKey& key, const engine::Result<engine::Appended>& result) {
  std::optional<OfferRefusal> refusal;
  if (!result) refusal = {.code = code_of(result.error().code), .why = result.error().message};
  put_in([&]() NO_THREAD_SAFETY_ANALYSIS { return core_.stored(key, refusal); });
}

void OfferService::store(const OfferChange& change) {
  const OfferKey& key = change.offer->key;
  if (change.what == OfferChange::What::kNote) return note_missed(change.offer);
  const bool is_forgotten = change.what == OfferChange::What::kForget;
  KeyedRecord record{.key = record_key_of(key), .is_tombstone = is_forgotten};
  if (!is_forgotten) record.value = wire_of(*change.offer).SerializeAsString();
  OwnAppend::begin({.log = log_, .topic = topic_.id, .in_flight = in_flight_}, {std::move(record)},
                   [this, key](const auto& result) { stored(key, result); });
}

// A crash before it is known that it is there writes it again, under the same name.
void OfferService::note_missed(const OfferRef& missed) {
  const Offer& offer = *missed;
  if (inboxes_.blocks().has(offer.to, offer.key.from)) return stored(offer.key, {});
  const engine::TopicInfo& inbox = *inboxes_.find(InboxService::kNotification);
  v1::InboxMessage message;
  message.set_kind(v1::INBOX_MESSAGE_KIND_MISSED_OFFER);
  message.set_from(offer.key.from);
  message.set_from_device(offer.from_device);
  message.set_category(std::string(InboxService::kNotification));
  message.set_message_id(offer.key.id);
  *message.mutable_offer() = wire_of(offer);
  KeyedRecord note{.key = offer.to,
                   .value = message.SerializeAsString(),
                   .once = once_name({"missed offer", offer.key.from, offer.key.id,
                                      std::to_string(micros(offer.proposed_at))})};
  OwnAppend::begin(
      {.log = log_,
       .topic = inbox.id,
       .in_flight = in_flight_,
       .partition = engine::partition_of_key(engine::as_bytes(offer.to), inbox.config.partitions)},
      {std::move(note)},
      [this, key = offer.key,
       owner = InboxKey{.category = inbox.id, .eid = offer.to}](const auto& result) {
        if (result) inboxes_.hub().tell(owner);
        stored(key, result);
      });
}

// Who is blocked may offer, and waits as for one that is away.
bool OfferService::is_heard_by(const Offer& offer, const std::string& eid) const {
  return eid == offer.key.from || !inboxes_.blocks().has(offer.to, offer.key.from);
}

void OfferService::tell_listeners(const OfferRef& offer) {
  std::set<OfferListener*> told;
  for (const std::string* eid : {&offer->key.from, &offer->to}) {
    if (!is_heard_by(*offer, *eid)) continue;
    const auto [first, last] = listeners_.equal_range(*eid);
    for (auto at = first; at != last; ++at) told.insert(at->second);
  }
  for (OfferListener* listener : told) listener->on_changed(offer);
}

std::vector<OfferRef> OfferService::watch(const std::string& eid, OfferListener& listener) {
  const MutexLock lock(mutex_);
  listeners_.emplace(eid, &listener);
  std::vector<OfferRef> offers = core_.of(eid);
  std::erase_if(offers, [&](const OfferRef& offer) { return !is_heard_by(*offer, eid); });
  return offers;
}

void OfferService::unwatch(const std::string& eid, OfferListener& listener) {
  const MutexLock lock(mutex_);
  const auto [first, last] = listeners_.equal_range(eid);
  for (auto at = first; at != last; ++at) {
    if (at->second != &listener) continue;
    listeners_.erase(at);
    return;
  }
}

OfferCounters OfferService::counters() const {
  const MutexLock lock(mutex_);
  return core_.counters();
}

void OfferService::settle() { in_flight_.wait(); }

}  // namespace bimip::frontend
