// How far the devices of a message's recipient are with it, and what of that who may be told.
#include <algorithm>
#include <set>
#include <utility>

#include "frontend/session/message_explanation.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::IncrementId;

namespace {

int rank_of(const Inboxes::Progress& progress) {
  if (progress.is_left_out) return 0;
  if (progress.is_given) return 3;
  return progress.has_credit ? 2 : 1;
}

bool is_further(const std::optional<Inboxes::Progress>& one,
                const std::optional<Inboxes::Progress>& other) {
  return one && (!other || rank_of(*one) > rank_of(*other));
}

}  // namespace

std::optional<Inboxes::Progress> Inboxes::progress(const InboxKey& key,
                                                   IncrementId increment) const {
  std::optional<Progress> furthest;
  for (const auto& [id, inbox] : inboxes_) {
    if (!inbox.is_open || inbox.only_looks || inbox.place.key != key) continue;
    const Progress one{.is_left_out = increment < inbox.begin,
                       .is_given = increment < inbox.next,
                       .has_credit = inbox.credit > 0};
    if (is_further(one, furthest)) furthest = one;
  }
  return furthest;
}

void Inboxes::DeviceSurvey::visit(Session& visited) {
  if (!visited.is_open()) return;
  const SessionFacts facts = visited.facts();
  if (facts.eid != wanted_.inbox.eid) return;
  if (!connected_.contains(facts.device) && connected_.size() >= limits::kExplainDevicesMax) return;
  std::optional<Progress>& known = connected_[facts.device];
  const Inboxes* const inboxes = visited.known_inboxes();
  if (inboxes == nullptr) return;
  const auto open = inboxes->progress(wanted_.inbox, IncrementId(told_.increment()));
  if (is_further(open, known)) known = open;
}

void Inboxes::DeviceSurvey::save(TapeWriter& to) const {
  put(to, connected_.size());
  for (const auto& [device, open] : connected_) {
    put(to, device);
    put(to, open.has_value());
    if (!open) continue;
    put(to, open->is_left_out);
    put(to, open->is_given);
    put(to, open->has_credit);
  }
}

void Inboxes::DeviceSurvey::restore(TapeReader& from) {
  connected_.clear();
  for (auto left = get<std::size_t>(from); left > 0 && from.ok(); --left) {
    std::optional<Progress>& open = connected_[get<std::string>(from)];
    if (!get<bool>(from)) continue;
    open.emplace();
    open->is_left_out = get<bool>(from);
    open->is_given = get<bool>(from);
    open->has_credit = get<bool>(from);
  }
}

// The one it was sent to, those that are remembered, those that are connected: each once.
Inboxes::DeviceMarks::DeviceMarks(std::shared_ptr<Session> session, WantedMessage wanted,
                                  v1::MessageExplanation told, ConnectedDevices connected)
    : SessionRequest(std::move(session)),
      wanted_(std::move(wanted)),
      told_(std::move(told)),
      connected_(std::move(connected)) {
  std::set<std::string> named;
  for (const v1::DeviceProgress& device : told_.devices()) named.insert(device.device());
  const auto add = [&](const std::string& device) {
    if (named.size() >= limits::kExplainDevicesMax || !named.insert(device).second) return;
    told_.add_devices()->set_device(device);
  };
  if (!told_.to_device().empty()) add(told_.to_device());
  for (const auto& [device, open] : connected_) add(device);
}

void Inboxes::DeviceMarks::begin() {
  if (is_replay(session()->host())) return;
  Marks& marks = session()->host().inboxes().marks();
  const auto mark = [&](MarkKind kind, const std::string& device) {
    return marks.of({.category = wanted_.inbox.category,
                     .kind = kind,
                     .eid = wanted_.inbox.eid,
                     .device = device});
  };
  marks_.push_back(mark(MarkKind::kRead, {}));
  for (const v1::DeviceProgress& device : told_.devices())
    marks_.push_back(mark(MarkKind::kCursor, device.device()));
  left_ = marks_.size();
  const std::vector<std::shared_ptr<Mark>> all = marks_;
  for (const std::shared_ptr<Mark>& one : all) {
    one->when_known([this](const engine::Status& status) {
      if (!status) is_marred_ = true;
      if (--left_ == 0) known();
    });
  }
}

// On any thread.
void Inboxes::DeviceMarks::known() {
  if (is_marred_) error_ = engine::Error{engine::ErrorCode::kDamaged, "a mark of the inbox"};
  told_.set_is_read(told_.fate() == v1::MESSAGE_FATE_IN_INBOX &&
                    IncrementId(told_.increment()) <= marks_.front()->prefix());
  google::protobuf::RepeatedPtrField<v1::DeviceProgress> devices;
  devices.Swap(told_.mutable_devices());
  for (int i = 0; i < devices.size(); ++i) {
    v1::DeviceProgress& device = *devices.Mutable(i);
    const Increments had = marks_[static_cast<std::size_t>(i) + 1]->increments();
    device.set_cursor(had.up_to().value());
    device.set_delivery(delivery_to(device.device(), had));
    if (wanted_.sees_devices) {
      *told_.add_devices() = std::move(device);
      continue;
    }
    device.clear_cursor();
    device.set_delivery(told_to_author(device.delivery()));
    const bool was_sent_to = !device.device().empty() && device.device() == told_.to_device();
    if (was_sent_to || device.delivery() == v1::DEVICE_DELIVERY_ACKNOWLEDGED)
      *told_.add_devices() = std::move(device);
  }
  if (!wanted_.sees_devices) told_.clear_increment();
  session()->host().came_back(*this);
}

v1::DeviceDelivery Inboxes::DeviceMarks::delivery_to(const std::string& device,
                                                     const Increments& had) const {
  if (!told_.to_device().empty() && told_.to_device() != device)
    return v1::DEVICE_DELIVERY_NOT_FOR_IT;
  if (told_.fate() != v1::MESSAGE_FATE_IN_INBOX) return v1::DEVICE_DELIVERY_NOT_NOW;
  const IncrementId increment(told_.increment());
  if (had.contains(increment)) return v1::DEVICE_DELIVERY_ACKNOWLEDGED;
  const auto at = connected_.find(device);
  const std::optional<Progress> open = at == connected_.end() ? std::nullopt : at->second;
  if (open && !open->is_left_out) {
    if (open->is_given) return v1::DEVICE_DELIVERY_UNACKNOWLEDGED;
    return open->has_credit ? v1::DEVICE_DELIVERY_ON_ITS_WAY : v1::DEVICE_DELIVERY_NO_CREDIT;
  }
  if (open || increment <= had.up_to()) return v1::DEVICE_DELIVERY_LEFT_OUT;
  return at == connected_.end() ? v1::DEVICE_DELIVERY_AWAY : v1::DEVICE_DELIVERY_NOT_OPEN;
}

// No more than receipts tell him, and what he himself has asked for: nothing of who is there.
v1::DeviceDelivery Inboxes::DeviceMarks::told_to_author(v1::DeviceDelivery delivery) const {
  const bool is_for_him =
      delivery == v1::DEVICE_DELIVERY_ACKNOWLEDGED || delivery == v1::DEVICE_DELIVERY_NOT_NOW;
  return is_for_him ? delivery : v1::DEVICE_DELIVERY_NOT_YET;
}

void Inboxes::DeviceMarks::save(TapeWriter& to) const {
  put(to, told_);
  put(to, error_);
}

void Inboxes::DeviceMarks::restore(TapeReader& from) {
  told_ = get<v1::MessageExplanation>(from);
  error_ = get<std::optional<engine::Error>>(from);
}

// An author is told what the log knows, whoever is connected: his question goes to no session.
void Inboxes::on_found(Explaining& explaining) {
  if (explaining.error()) {
    --in_flight_;
    return outbox_.send_error(explaining.wanted().id, *explaining.error());
  }
  if (explaining.wanted().sees_devices) {
    return host_.survey(std::make_unique<DeviceSurvey>(explaining.session(), explaining.wanted(),
                                                       explaining.told()));
  }
  std::make_unique<DeviceMarks>(explaining.session(), explaining.wanted(), explaining.told(),
                                ConnectedDevices())
      .release()
      ->begin();
}

void Inboxes::on_surveyed(DeviceSurvey& survey) {
  std::make_unique<DeviceMarks>(survey.session(), survey.wanted(), survey.told(),
                                survey.connected())
      .release()
      ->begin();
}

void Inboxes::on_explained(DeviceMarks& marks) {
  --in_flight_;
  if (!marks.session()->is_open()) return;
  if (marks.error()) return outbox_.send_error(marks.wanted().id, *marks.error());
  v1::Stanza stanza;
  stanza.set_id(marks.wanted().id);
  *stanza.mutable_message_explanation() = std::move(marks.told());
  outbox_.send(stanza);
}

}  // namespace bimip::frontend
