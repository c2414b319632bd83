#include "tests/frontend/session/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace bimip::testing {
namespace {

constexpr std::size_t kClients = 3;
constexpr std::size_t kActionsMax = 400;
// A world's own: small, so that they are run into.
constexpr std::uint64_t kOutputBytes = 4 * 1024;
constexpr std::uint64_t kPublishesInFlight = 8;
constexpr std::uint64_t kCreditMax = 20;

std::string topic_name(Decisions& decisions) {
  static constexpr std::array kNames{"events", "pairs", "nowhere", "$tokens", ""};
  return kNames.at(decisions.below(kNames.size()));
}

void choose_start(v1::Subscribe& subscribe, Decisions& decisions) {
  switch (decisions.below(7)) {
    case 0:
      return subscribe.set_earliest(true);
    case 1:
      return subscribe.set_latest(true);
    case 2:
      return subscribe.set_offset(decisions.below(10));
    case 3:
      return subscribe.set_time_us(decisions.flip() ? 0 : INT64_MAX);
    case 4:
      return subscribe.set_last(decisions.below(4));
    case 5: {
      v1::Cursor& cursor = *subscribe.mutable_cursors()->add_cursors();
      cursor.set_partition(decisions.below(3));
      cursor.set_next_offset(decisions.below(6));
      if (decisions.flip()) cursor.set_epoch(decisions.below(3));
      return;
    }
    default:
      return;
  }
}

// `Message`: Publish, one of its batch, or Send.
template <typename Message>
void choose_times(Message& message, Decisions& decisions) {
  if (decisions.below(4) == 0) message.set_expires_in_ms(decisions.below(3) * 700);
  if (decisions.below(4) == 0) message.set_deliver_in_ms(decisions.below(3) * 700);
}

void fill_subscribe(v1::Subscribe& subscribe, Decisions& decisions) {
  subscribe.set_topic(topic_name(decisions));
  choose_start(subscribe, decisions);
  subscribe.set_credit(decisions.below(kCreditMax + 2));
  if (decisions.below(3) == 0) subscribe.set_group("g");
  if (decisions.below(4) == 0) subscribe.set_acknowledges_itself(true);
  if (decisions.below(4) == 0) subscribe.set_redeliver_after_ms(decisions.below(3) * 500);
  if (decisions.below(4) == 0) subscribe.set_tell_end(true);
  if (decisions.below(4) == 0) subscribe.mutable_filter()->set_key_prefix("k");
  if (decisions.below(4) == 0) {
    subscribe.set_deliveries_max(decisions.below(3));
    subscribe.set_dead_letter_topic(topic_name(decisions));
  }
}

void fill_publish(v1::Publish& publish, Decisions& decisions) {
  publish.set_topic(topic_name(decisions));
  if (decisions.flip()) publish.set_key("k" + std::to_string(decisions.below(3)));
  publish.set_value(decisions.below(8) == 0 ? std::string(2000, 'v') : decisions.some(20));
  publish.set_producer_number(decisions.below(6));
  if (decisions.below(4) == 0) publish.set_partition(decisions.below(3));
  if (decisions.below(4) == 0) publish.set_idempotency_key(decisions.some(4));
  if (decisions.below(8) == 0) publish.set_tombstone(true);
  choose_times(publish, decisions);
  for (std::uint32_t left = decisions.below(4) == 0 ? decisions.below(5) : 0; left > 0; --left) {
    v1::BatchRecord& record = *publish.add_more();
    if (!publish.key().empty()) record.set_key(publish.key());
    record.set_value(decisions.some(8));
    choose_times(record, decisions);
  }
}

void add_range(v1::OffsetRange& range, Decisions& decisions) {
  range.set_first_offset(decisions.below(8));
  range.set_end_offset(decisions.below(8));
}

// About the subscription.
void fill_consumption(v1::Stanza& stanza, std::uint64_t subscription, Decisions& decisions) {
  switch (decisions.below(4)) {
    case 0: {
      v1::Acknowledge& acknowledge = *stanza.mutable_acknowledge();
      acknowledge.set_subscription_id(subscription);
      acknowledge.set_partition(decisions.below(3));
      acknowledge.set_end_offset(decisions.below(10));
      if (decisions.flip()) add_range(*acknowledge.add_ranges(), decisions);
      return;
    }
    case 1: {
      v1::Reject& reject = *stanza.mutable_reject();
      reject.set_subscription_id(subscription);
      reject.set_partition(decisions.below(3));
      reject.set_redeliver_after_ms(decisions.below(3) * 400);
      add_range(*reject.add_ranges(), decisions);
      return;
    }
    case 2:
      stanza.mutable_credit()->set_subscription_id(subscription);
      return stanza.mutable_credit()->set_records(decisions.below(kCreditMax));
    default:
      return stanza.mutable_unsubscribe()->set_subscription_id(subscription);
  }
}

void fill_inbox(v1::Stanza& stanza, Decisions& decisions) {
  switch (decisions.below(7)) {
    case 5:
      stanza.mutable_explain_message()->set_message_id(std::to_string(decisions.below(5)));
      return stanza.mutable_explain_message()->set_to("eid-" + std::to_string(decisions.below(3)));
    case 0: {
      v1::Send& send = *stanza.mutable_send();
      send.set_to("eid-" + std::to_string(decisions.below(kClients)));
      send.set_message_id(std::to_string(decisions.below(5)));
      send.set_body(decisions.some(8));
      choose_times(send, decisions);
      if (decisions.below(4) == 0) send.set_category(decisions.flip() ? "sent" : "none");
      return;
    }
    case 1:
      stanza.mutable_open_inbox()->set_credit(decisions.below(4));
      if (decisions.flip()) stanza.mutable_open_inbox()->set_earliest(true);
      return stanza.mutable_open_inbox()->set_only_looks(decisions.below(4) == 0);
    case 2:
      stanza.mutable_acknowledge_inbox()->set_inbox_id(1);
      return stanza.mutable_acknowledge_inbox()->set_up_to(decisions.below(5));
    case 3:
      return stanza.mutable_mark_read()->set_up_to(decisions.below(5));
    case 4:
      stanza.mutable_send_receipt()->set_name(decisions.flip() ? "seen" : "read");
      stanza.mutable_send_receipt()->set_first_increment(1);
      return stanza.mutable_send_receipt()->set_last_increment(decisions.below(3));
    default:
      return stanza.mutable_close_inbox()->set_inbox_id(decisions.below(3));
  }
}

void fill_question(v1::Stanza& stanza, Decisions& decisions) {
  switch (decisions.below(20)) {
    case 19:
      stanza.mutable_erase_entity()->set_topic(topic_name(decisions));
      return stanza.mutable_erase_entity()->set_key("k1");
    case 16:
      stanza.mutable_propose_offer()->set_offer_id(std::to_string(decisions.below(3)));
      return stanza.mutable_propose_offer()->set_to("eid-" + std::to_string(decisions.below(3)));
    case 17:
      stanza.mutable_act_on_offer()->set_offer_id(std::to_string(decisions.below(3)));
      stanza.mutable_act_on_offer()->set_from("eid-" + std::to_string(decisions.below(3)));
      stanza.mutable_act_on_offer()->set_action(
          static_cast<v1::OfferAction>(decisions.below(v1::OfferAction_ARRAYSIZE)));
      return;
    case 18:
      stanza.mutable_watch_offers();
      return;
    case 12:
      stanza.mutable_set_awareness()->set_state(
          static_cast<v1::UserState>(decisions.below(v1::UserState_ARRAYSIZE)));
      return;
    case 13:
      stanza.mutable_watch_awareness()->add_eids("eid-" + std::to_string(decisions.below(3)));
      return;
    case 14:
      stanza.mutable_get_awareness()->add_eids("eid-" + std::to_string(decisions.below(3)));
      return;
    case 15:
      return stanza.mutable_subscribe_awareness()->set_eid("eid-" +
                                                           std::to_string(decisions.below(3)));
    case 9:
      stanza.mutable_request()->mutable_publish()->set_topic(topic_name(decisions));
      return stanza.mutable_request()->set_timeout_ms(decisions.below(3) * 700);
    case 10:
      stanza.mutable_reply()->set_reply_to("session-eid-" + std::to_string(decisions.below(3)));
      return stanza.mutable_reply()->set_correlation_id(std::to_string(decisions.below(3)));
    case 11:
      return stanza.mutable_list_devices()->set_eid(decisions.flip() ? "eid-1" : "");
    case 0:
      return stanza.mutable_describe_topic()->set_topic(topic_name(decisions));
    case 1:
      stanza.mutable_list_topics();
      return;
    case 2:
      stanza.mutable_create_topic()->set_topic("made-" + std::to_string(decisions.below(3)));
      return;
    case 3:
      stanza.mutable_get_entity()->set_topic(topic_name(decisions));
      return stanza.mutable_get_entity()->set_key("k1");
    case 4:
      stanza.mutable_read_entity()->set_topic(topic_name(decisions));
      return stanza.mutable_read_entity()->set_key("k1");
    case 5:
      return stanza.mutable_list_entities()->set_topic(topic_name(decisions));
    case 6:
      return stanza.mutable_list_sessions()->set_closed(decisions.flip());
    case 7:
      return stanza.mutable_kick_sessions()->set_eid("eid-" +
                                                     std::to_string(decisions.below(kClients)));
    default:
      stanza.mutable_ping();
      return;
  }
}

v1::Stanza make_stanza(WatchedClient& client, Decisions& decisions) {
  v1::Stanza stanza;
  switch (decisions.below(8)) {
    case 0:
    case 1:
    case 2:
      fill_publish(*stanza.mutable_publish(), decisions);
      break;
    case 3:
      fill_subscribe(*stanza.mutable_subscribe(), decisions);
      break;
    case 4:
    case 5:
      fill_consumption(stanza, decisions.below(8) == 0 ? 77 : client.last_subscription(),
                       decisions);
      break;
    case 6:
      fill_inbox(stanza, decisions);
      break;
    default:
      fill_question(stanza, decisions);
  }
  return stanza;
}

}  // namespace

std::uint8_t Decisions::byte() {
  if (rest_.empty()) return 0;
  const auto value = static_cast<std::uint8_t>(rest_.front());
  rest_ = rest_.subspan(1);
  return value;
}

std::string Decisions::some(std::size_t bytes_max) {
  const std::size_t count =
      std::min<std::size_t>(below(static_cast<std::uint32_t>(bytes_max) + 1), rest_.size());
  std::string bytes(engine::as_text(rest_.first(count)));
  rest_ = rest_.subspan(count);
  return bytes;
}

WatchedClient::WatchedClient(World& world, const std::string& eid)
    : world_(world),
      eid_(eid),
      session_(std::make_shared<Session>(world, "session-" + eid, Framing::kLength, world.now())) {
  world.sessions.push_back(session_.get());
}

WatchedClient::~WatchedClient() {
  std::erase(world_.sessions, session_.get());
  session_->on_disconnected();
}

void WatchedClient::identify(const std::string& producer_id, const std::string& device) {
  v1::Stanza stanza;
  stanza.set_id(++last_id_);
  stanza.mutable_identity()->set_protocol_version(1);
  stanza.mutable_identity()->set_eid(eid_);
  stanza.mutable_identity()->set_device(device);
  stanza.mutable_identity()->set_producer_id(producer_id);
  say_bytes(stanza.SerializeAsString());
}

void WatchedClient::say(v1::Stanza stanza, Decisions& decisions) {
  // An acknowledgement without an id is not answered.
  if (!stanza.has_acknowledge() || decisions.flip()) stanza.set_id(++last_id_);
  std::string frame = stanza.SerializeAsString();
  // Some of them arrive as something else.
  if (decisions.below(16) == 0 && !frame.empty())
    frame[decisions.byte() % frame.size()] = static_cast<char>(decisions.byte());
  say_bytes(frame);
}

void WatchedClient::say_bytes(const std::string& frame) {
  if (!session_->takes_input()) return;
  v1::Stanza parsed;
  if (parsed.ParseFromString(frame)) expect_answer_to(parsed);
  session_->on_frame(engine::as_bytes(frame), world_.now());
}

void WatchedClient::expect_answer_to(const v1::Stanza& stanza) {
  ++open_[stanza.id()];
  if (stanza.has_subscribe()) subscribing_.emplace_back(stanza.id(), stanza.subscribe());
  if (stanza.has_credit())
    subscriptions_[stanza.credit().subscription_id()].granted += stanza.credit().records();
  // Each record that is acknowledged gives its credit back, once: never more than were delivered.
  if (stanza.has_acknowledge()) {
    Heard& heard = subscriptions_[stanza.acknowledge().subscription_id()];
    heard.granted += heard.delivered;
    heard.delivered = 0;
  }
}

void WatchedClient::read(Decisions& decisions) {
  if (taken_ > 0) {
    const std::size_t sent = decisions.flip() ? taken_ : taken_ / 2;
    taken_ -= sent;
    return session_->on_sent(sent);
  }
  if (!session_->has_output()) return;
  const std::string bytes = session_->take_output();
  taken_ = bytes.size();
  const auto fed = frames_.feed(engine::as_bytes(bytes), [&](Bytes frame) {
    v1::Stanza stanza;
    EXPECT_TRUE(stanza.ParseFromArray(frame.data(), static_cast<int>(frame.size())));
    hear(stanza);
    return true;
  });
  EXPECT_TRUE(fed);
}

void WatchedClient::read_all() {
  Decisions none({});
  while (session_->has_output() || taken_ > 0) read(none);
}

void WatchedClient::hear(const v1::Stanza& stanza) {
  EXPECT_FALSE(over_) << "after Goodbye: " << stanza.ShortDebugString();
  over_ = stanza.has_goodbye();
  if (stanza.id() != 0) {
    std::size_t& open = open_[stanza.id()];
    EXPECT_GT(open, 0U) << "a second answer: " << stanza.ShortDebugString();
    if (open > 0) --open;
  }
  if (stanza.has_delivery()) count_delivery(stanza.delivery());
  if (stanza.has_gap()) {
    subscriptions_[stanza.gap().subscription_id()].granted +=
        stanza.gap().end_offset() - stanza.gap().first_offset();
  }
  if (!stanza.has_subscribed()) return;
  last_subscription_ = stanza.subscribed().subscription_id();
  const auto asked =
      std::ranges::find(subscribing_, stanza.id(), [](const auto& one) { return one.first; });
  if (asked == subscribing_.end()) return;
  Heard& heard = subscriptions_[last_subscription_];
  heard.granted += asked->second.credit();
  // A group and the dead letters give credit back by themselves.
  heard.is_counted = !asked->second.acknowledges_itself() && asked->second.group().empty() &&
                     asked->second.deliveries_max() == 0;
}

void WatchedClient::count_delivery(const v1::Delivery& delivery) {
  Heard& heard = subscriptions_[delivery.subscription_id()];
  if (!heard.is_counted) return;
  // What is delivered again took its credit the first time.
  heard.delivered += static_cast<std::uint64_t>(std::ranges::count(
      delivery.records(), 0U, [](const auto& record) { return record.deliveries_before(); }));
  EXPECT_LE(heard.delivered, heard.granted);
}

void WatchedClient::check_bounds() const {
  constexpr std::size_t kAnswers = 64 * 1024;  // of what was on its way already
  EXPECT_LE(session_->outbox().waiting(), 2 * kOutputBytes + 2 * limits::kDeliveryBytes + kAnswers);
  EXPECT_LE(session_->publishes_in_flight(), kPublishesInFlight);
}

void run_script(engine::Bytes program) {
  Decisions decisions(program);
  World world;
  world.in_force.output_bytes = kOutputBytes;
  world.in_force.publishes_in_flight = kPublishesInFlight;
  world.in_force.credit = kCreditMax;
  world.in_force.subscriptions = 4;
  world.create_topic("events");
  world.create_topic("pairs", 2);
  std::array<std::unique_ptr<WatchedClient>, kClients> clients;
  for (std::size_t action = 0; action < kActionsMax && decisions.any(); ++action) {
    const std::size_t who = decisions.below(kClients);
    std::unique_ptr<WatchedClient>& client = clients.at(who);
    if (!client) {
      client = std::make_unique<WatchedClient>(world, "eid-" + std::to_string(who / 2 + who % 2));
      if (decisions.below(8) != 0) {
        // The second and the third are the same device of one entity.
        client->identify(who == 0 ? std::string(16, 'p') : "", who == 0 ? "" : "phone");
      }
      continue;
    }
    switch (const std::uint32_t what = decisions.below(24)) {
      case 0:
        client->say_bytes(decisions.some(40));
        break;
      case 1:
        client.reset();
        break;
      case 2:
        world.scripted().holds = true;
        break;
      case 3:
        world.scripted().let_go();
        break;
      case 4:
        world.scripted().refuse = [](const engine::RecordFields& fields) {
          return fields.value.size() % 2 == 0
                     ? std::optional(engine::Error{.code = ErrorCode::kBusy, .message = "full"})
                     : std::nullopt;
        };
        break;
      case 5:
        world.scripted().refuse = nullptr;
        break;
      case 6:
        world.scripted().damaged = {.first = engine::Offset(1), .end = engine::Offset(2)};
        break;
      case 7:
        world.scripted().damaged.reset();
        break;
      case 8:
        if (decisions.below(4) == 0) client->session().kick("it was time");
        break;
      case 9:
        if (decisions.below(4) == 0) client->session().on_farewell({.leave_within = 1s});
        if (decisions.below(4) == 0) client->session().on_drain();
        break;
      case 10:
        world.clock.pass(std::chrono::milliseconds(decisions.byte() * 100));
        client->session().on_tick(world.now());
        break;
      case 11:
      case 12:
        client->session().on_tick(world.now());
        break;
      case 13:
      case 14:
      case 15:
        client->read(decisions);
        break;
      case 16:
      case 17:
        world.settle();
        break;
      default:
        (void)what;
        client->say(make_stanza(*client, decisions), decisions);
    }
    if (client) client->check_bounds();
  }
  world.scripted().refuse = nullptr;
  world.scripted().let_go();
  for (int round = 0; round < 3; ++round) {
    world.settle();
    for (std::unique_ptr<WatchedClient>& client : clients) {
      if (client) client->read_all();
    }
  }
}

}  // namespace bimip::testing
