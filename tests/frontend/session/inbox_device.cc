#include "tests/frontend/session/inbox_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace bimip::testing {

void InboxDevice::ask(v1::Stanza stanza, std::function<void(const v1::Stanza&)> then) {
  stanza.set_id(++last_id_);
  asked_[last_id_] = std::move(then);
  client_->say(stanza);
}

void InboxDevice::connect(World& world) {
  client_ = std::make_unique<Client>(world);
  v1::Stanza stanza;
  v1::Identity& identity = *stanza.mutable_identity();
  identity.set_protocol_version(1);
  identity.set_eid(eid_);
  identity.set_device(name_);
  ask(stanza, [](const v1::Stanza& answer) { EXPECT_TRUE(answer.has_welcome()); });
}

void InboxDevice::disconnect() {
  client_.reset();
  asked_.clear();
  boxes_.clear();
  looks_.clear();
  look_ids_.clear();
}

void InboxDevice::send(const v1::Send& asked) {
  v1::Stanza stanza;
  *stanza.mutable_send() = model_.send({eid_, name_}, asked).send;
  ask(stanza, [this, send = stanza.send()](const v1::Stanza& answer) {
    EXPECT_EQ(answer.sent().message_id(), send.message_id());
    model_.sent({eid_, name_}, send, answer.sent().offset());
  });
}

void InboxDevice::open(const std::string& category, const Opening& opening) {
  v1::Stanza stanza;
  stanza.mutable_open_inbox()->set_category(category);
  stanza.mutable_open_inbox()->set_credit(opening.credit);
  if (opening.from == From::kLatest) stanza.mutable_open_inbox()->set_latest(true);
  if (opening.from == From::kNumber) stanza.mutable_open_inbox()->set_increment(opening.number);
  boxes_[category] = {.opening = opening};
  ask(stanza, [this, category](const v1::Stanza& answer) {
    ASSERT_TRUE(answer.has_inbox_opened()) << answer.ShortDebugString();
    opened(category, answer.inbox_opened());
  });
}

void InboxDevice::look(const std::string& category) {
  v1::Stanza stanza;
  stanza.mutable_open_inbox()->set_category(category);
  stanza.mutable_open_inbox()->set_earliest(true);
  stanza.mutable_open_inbox()->set_only_looks(true);
  ask(stanza, [this, category](const v1::Stanza& answer) {
    const v1::InboxOpened& opened = answer.inbox_opened();
    looks_[opened.inbox_id()].state = opened.state();
    look_ids_[category] = opened.inbox_id();
    state(opened.state());
  });
}

void InboxDevice::close(const std::string& category) {
  const auto box = boxes_.find(category);
  if (box == boxes_.end() || box->second.id == 0) return;
  v1::Stanza stanza;
  stanza.mutable_close_inbox()->set_inbox_id(box->second.id);
  boxes_.erase(box);
  ask(stanza, [](const v1::Stanza& answer) { EXPECT_TRUE(answer.has_inbox_closed()); });
}

void InboxDevice::acknowledge(const std::string& category, Box& box, std::uint64_t up_to) {
  const Acknowledgement range{.first = box.begin, .up_to = up_to};
  model_.acknowledge(seat(category), range);
  std::erase_if(box.unacknowledged, [&](std::uint64_t one) { return one <= up_to; });
  v1::Stanza stanza;
  stanza.mutable_acknowledge_inbox()->set_inbox_id(box.id);
  stanza.mutable_acknowledge_inbox()->set_up_to(up_to);
  // Every other one is answered.
  wants_answer_ = !wants_answer_;
  if (!wants_answer_) return client_->say(stanza);
  ask(stanza, [this, category, range](const v1::Stanza& answer) {
    EXPECT_EQ(answer.inbox_acknowledged().up_to(), range.up_to) << answer.ShortDebugString();
    model_.acknowledged(seat(category), range);
  });
}

void InboxDevice::acknowledge(const std::string& category, engine::Random& random) {
  const auto box = boxes_.find(category);
  if (box == boxes_.end()) return;
  // Also where it was given nothing: it says where to go on.
  if (random.one_in(5) && box->second.next > 1)
    return acknowledge(category, box->second, box->second.next - 1);
  if (box->second.unacknowledged.empty()) return;
  const auto at = static_cast<std::ptrdiff_t>(random.below(box->second.unacknowledged.size()));
  acknowledge(category, box->second, *std::next(box->second.unacknowledged.begin(), at));
}

void InboxDevice::acknowledge_all(const std::string& category) {
  const auto box = boxes_.find(category);
  if (box == boxes_.end() || box->second.unacknowledged.empty()) return;
  acknowledge(category, box->second, *box->second.unacknowledged.rbegin());
}

void InboxDevice::mark_read(const std::string& category, std::uint64_t up_to) {
  v1::Stanza stanza;
  stanza.mutable_mark_read()->set_category(category);
  stanza.mutable_mark_read()->set_up_to(up_to);
  model_.mark_read(inbox(category), up_to);
  ask(stanza, [this, category, up_to](const v1::Stanza& answer) {
    EXPECT_GE(answer.inbox_state().read_up_to(), up_to) << answer.ShortDebugString();
    model_.marked_read(inbox(category), up_to);
    state(answer.inbox_state());
  });
}

void InboxDevice::send_receipt(const std::string& category, engine::Random& random) {
  const std::uint64_t last = known_last(category);
  if (last == 0) return;
  v1::Stanza stanza;
  v1::SendReceipt& receipt = *stanza.mutable_send_receipt();
  receipt.set_category(category);
  receipt.set_name(random.one_in(2) ? "played" : "saved");
  receipt.set_first_increment(1 + random.below(last));
  receipt.set_last_increment(receipt.first_increment() +
                             random.below(last - receipt.first_increment() + 1));
  model_.tell(seat(category), receipt);
  ask(stanza, [this, category, receipt](const v1::Stanza& answer) {
    EXPECT_TRUE(answer.has_inbox_state()) << answer.ShortDebugString();
    model_.told(seat(category), receipt);
  });
}

void InboxDevice::opened(const std::string& category, const v1::InboxOpened& opened) {
  const auto found = boxes_.find(category);
  if (found == boxes_.end()) return;
  Box& box = found->second;
  box.id = opened.inbox_id();
  box.begin = box.next = opened.from_increment();
  switch (box.opening.from) {
    case From::kCursor:
      EXPECT_EQ(box.next, opened.cursor() + 1);
      break;
    case From::kLatest:
      EXPECT_EQ(box.next, opened.state().last_increment() + 1);
      break;
    case From::kNumber:
      EXPECT_EQ(box.next, box.opening.number);
  }
  model_.looked(seat(category), opened.cursor());
  state(opened.state());
}

// Of any of its sessions: what is read rises, and unread is what it says it is.
void InboxDevice::state(const v1::InboxState& state) {
  model_.check_state(inbox(state.category()), state);
  model_.read_up_to(inbox(state.category()), state.read_up_to());
  const auto box = boxes_.find(state.category());
  if (box == boxes_.end()) return;
  if (box->second.id == 0) return;
  EXPECT_GE(state.read_up_to(), box->second.told_read) << state.ShortDebugString();
  EXPECT_GE(state.last_increment(), box->second.told_last) << state.ShortDebugString();
  box->second.told_read = state.read_up_to();
  box->second.told_last = state.last_increment();
  box->second.last = std::max(box->second.last, state.last_increment());
}

void InboxDevice::delivered(const v1::InboxDelivery& delivery) {
  if (const auto look = looks_.find(delivery.inbox_id()); look != looks_.end()) {
    for (const v1::InboxItem& item : delivery.items()) {
      look->second.shown[item.increment()] = item.message().SerializeAsString();
      model_.shown(inbox(look->second.state.category()), item);
    }
  }
  for (auto& [category, box] : boxes_) {
    if (box.id == delivery.inbox_id()) return deliver(category, box, delivery);
  }
}

// In order, without a hole that nothing explains, once, and not more than there is credit for.
void InboxDevice::deliver(const std::string& category, Box& box,
                          const v1::InboxDelivery& delivery) {
  std::map<std::uint64_t, const v1::InboxItem*> told;  // null: a gap
  for (const v1::EntityGap& gap : delivery.gaps()) {
    model_.passed(inbox(category), gap);
    for (std::uint64_t i = gap.first_increment(); i <= gap.last_increment(); ++i) told[i] = nullptr;
  }
  std::uint64_t before = 0;
  for (const v1::InboxItem& item : delivery.items()) {
    EXPECT_LT(std::exchange(before, item.increment()), item.increment());
    told[item.increment()] = &item;
  }
  for (const auto& [increment, item] : told) {
    EXPECT_GE(increment, box.next) << eid_ << " " << name_ << " " << category;
    for (; box.next < increment; ++box.next) model_.left_out(seat(category), box.next);
    box.next = increment + 1;
    if (item == nullptr) continue;
    if (box.opening.from == From::kCursor) {
      EXPECT_FALSE(model_.is_acknowledged(seat(category), increment))
          << eid_ << " " << name_ << " has acknowledged " << item->ShortDebugString();
    }
    model_.given(seat(category), *item);
    box.unacknowledged.insert(increment);
  }
  EXPECT_GE(delivery.up_to() + 1, box.next) << delivery.ShortDebugString();
  for (; box.next <= delivery.up_to(); ++box.next) model_.left_out(seat(category), box.next);
  EXPECT_GE(delivery.last_increment(), std::max(box.told_last, delivery.up_to()));
  box.told_last = delivery.last_increment();
  box.last = std::max(box.last, box.next - 1);
  EXPECT_LE(box.unacknowledged.size(), box.opening.credit);
}

bool InboxDevice::hear(Server server) {
  if (client_ == nullptr) return false;
  const std::vector<v1::Stanza> said = client_->said();
  for (const v1::Stanza& stanza : said) {
    if (stanza.has_inbox_delivery()) delivered(stanza.inbox_delivery());
    if (stanza.id() == 0 && stanza.has_inbox_state()) state(stanza.inbox_state());
    if (stanza.has_error()) {
      EXPECT_EQ(server, Server::kDying) << stanza.ShortDebugString();
      asked_.erase(stanza.id());
      continue;
    }
    const auto asked = asked_.find(stanza.id());
    if (asked == asked_.end()) continue;
    const auto then = std::move(asked->second);
    asked_.erase(asked);
    then(stanza);
  }
  return !said.empty();
}

std::optional<InboxDevice::Known> InboxDevice::known_of(const std::string& category) const {
  const auto found = boxes_.find(category);
  if (found == boxes_.end() || found->second.id == 0) return std::nullopt;
  const Box& box = found->second;
  return Known{.last = box.told_last,
               .read = box.told_read,
               .has_all = box.next == box.told_last + 1,
               .has_credit = box.unacknowledged.size() < box.opening.credit};
}

std::uint64_t InboxDevice::known_last(const std::string& category) const {
  const auto box = boxes_.find(category);
  return box == boxes_.end() ? 0 : box->second.last;
}

}  // namespace bimip::testing
