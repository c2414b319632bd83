// An entity that sends, and one whose inbox it is.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/frontend/session/world.h"

namespace bimip::testing {

// Alice sends, bob reads.
class InboxesTest : public ::testing::Test {
 protected:
  InboxesTest() {
    alice = Client::welcomed(world, {}, "alice");
    bob = Client::welcomed(world, {}, "bob");
  }
  v1::Stanza send(const std::string& body, const std::function<void(v1::Send&)>& say = {}) {
    v1::Stanza stanza;
    v1::Send& send = *stanza.mutable_send();
    send.set_to("bob");
    send.set_message_id(body);
    send.set_body(body);
    if (say) say(send);
    return alice->ask(stanza);
  }
  struct Opened {
    v1::InboxOpened opened{};
    std::vector<std::string> bodies{};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps{};
    std::uint64_t up_to = 0;  // of the last delivery
    std::uint64_t last = 0;
    std::vector<v1::InboxState> states{};
  };
  void take(const std::vector<v1::Stanza>& said, Opened& into) {
    for (const v1::Stanza& stanza : said) {
      if (stanza.has_inbox_opened()) into.opened = stanza.inbox_opened();
      EXPECT_FALSE(stanza.has_error()) << stanza.ShortDebugString();
      for (const v1::InboxItem& item : stanza.inbox_delivery().items())
        into.bodies.push_back(item.message().body());
      for (const v1::EntityGap& gap : stanza.inbox_delivery().gaps())
        into.gaps.emplace_back(gap.first_increment(), gap.last_increment());
      if (stanza.has_inbox_delivery()) {
        into.up_to = stanza.inbox_delivery().up_to();
        into.last = stanza.inbox_delivery().last_increment();
      }
      if (stanza.id() == 0 && stanza.has_inbox_state()) into.states.push_back(stanza.inbox_state());
    }
  }
  Opened open(Client& client, const std::string& category = "chat",
              const std::function<void(v1::OpenInbox&)>& say = {}) {
    v1::Stanza stanza;
    stanza.set_id(80);
    stanza.mutable_open_inbox()->set_category(category);
    if (say) say(*stanza.mutable_open_inbox());
    client.say(stanza);
    Opened opened;
    take(client.said(), opened);
    return opened;
  }
  v1::InboxState mark_read(std::uint64_t up_to) {
    v1::Stanza stanza;
    stanza.mutable_mark_read()->set_category("chat");
    stanza.mutable_mark_read()->set_up_to(up_to);
    return bob->ask(stanza).inbox_state();
  }
  void acknowledge(Client& client, const Opened& opened, std::uint64_t up_to) {
    v1::Stanza stanza;
    stanza.mutable_acknowledge_inbox()->set_inbox_id(opened.opened.inbox_id());
    stanza.mutable_acknowledge_inbox()->set_up_to(up_to);
    client.say(stanza);
    (void)client.said();
  }
  void acknowledge_with_id(Client& client, const Opened& opened, std::uint64_t id) {
    v1::Stanza stanza;
    stanza.set_id(id);
    stanza.mutable_acknowledge_inbox()->set_inbox_id(opened.opened.inbox_id());
    stanza.mutable_acknowledge_inbox()->set_up_to(opened.opened.state().last_increment());
    client.say(stanza);
  }
  // What was answered to these ids: how far it is acknowledged, or why it is not.
  static std::map<std::uint64_t, std::string> answers(Client& client) {
    std::map<std::uint64_t, std::string> answers;
    for (const v1::Stanza& said : client.said()) {
      if (said.has_inbox_acknowledged())
        answers[said.id()] = std::to_string(said.inbox_acknowledged().up_to());
      if (said.has_error()) answers[said.id()] = v1::Code_Name(said.error().code());
    }
    return answers;
  }
  // What alice was told of, in order.
  std::vector<std::string> delivered() {
    std::vector<std::string> ids;
    const auto reader = Client::welcomed(world, {}, "alice", "reader");
    v1::Stanza stanza;
    stanza.mutable_open_inbox()->set_category("receipt");
    stanza.mutable_open_inbox()->set_earliest(true);
    reader->say(stanza);
    for (const v1::Stanza& said : reader->said()) {
      for (const v1::InboxItem& item : said.inbox_delivery().items()) {
        EXPECT_EQ(item.message().receipt().name(), "delivered");
        for (const std::string& id : item.message().receipt().message_ids()) ids.push_back(id);
      }
    }
    return ids;
  }
  // As a restore to an earlier moment leaves it.
  void set_mark(MarkKind kind, std::uint64_t value) {
    const std::shared_ptr<Mark> mark = world.inboxes().marks().of(
        {.category = world.inboxes().find("chat")->id, .kind = kind, .eid = "bob"});
    mark->when_known([](const engine::Status&) {});
    world.settle();
    mark->advance({.first = engine::IncrementId(1), .last = engine::IncrementId(value)},
                  [](const engine::Status&) {});
    world.settle();
  }

  World world;
  std::unique_ptr<Client> alice;
  std::unique_ptr<Client> bob;
};

inline constexpr auto kExpiresSoon = [](v1::Send& send) { send.set_expires_in_ms(10'000); };
inline constexpr auto kLatest = [](v1::OpenInbox& open) { open.set_latest(true); };
inline constexpr auto kComesLater = [](v1::Send& send) { send.set_deliver_in_ms(10'000); };

}  // namespace bimip::testing
