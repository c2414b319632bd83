#include "tests/frontend/session/world.h"

#include <gtest/gtest.h>

#include <utility>

#include "frontend/replay/replayer.h"

namespace bimip::testing {
namespace {

// The log works in steps, some of which find nothing to do while a device operation completes.
constexpr int kIdleSteps = 8;

std::unique_ptr<engine::Store> open_store(engine::SimDevice& device, const engine::Clock& clock) {
  auto store = engine::Store::open({.directory = "/data",
                                    .free_space_floor = 0,
                                    .device = &device,
                                    .clock = &clock,
                                    .threading = engine::Threading::kManual});
  EXPECT_TRUE(store) << store.error().message;
  return std::move(*store);
}

}  // namespace

class World::PartitionWatch final : public engine::Watcher {
 public:
  PartitionWatch(TopicId of_topic, PartitionId of_partition)
      : topic(of_topic), partition(of_partition) {}
  void on_advanced(TopicId, PartitionId, engine::Offset visible_end) override { end = visible_end; }
  const TopicId topic;
  const PartitionId partition;
  std::optional<engine::Offset> end;  // to be told
};

World::World() : World(std::make_unique<engine::SimDevice>(1), HandClock()) {}

World::World(std::unique_ptr<engine::SimDevice> device, const HandClock& at)
    : clock(at),
      device_(std::move(device)),
      store_(open_store(*device_, clock)),
      scripted_(std::make_unique<ScriptedLog>(*store_)),
      taped_(recorder_, scripted_.get()) {
  // Services read what they are views of before they are there.
  scripted_->on_read = [this] {
    for (int idle = 0; idle < kIdleSteps; ++idle) {
      if (store_->step()) idle = -1;
    }
  };
  auto broker = Broker::open(*scripted_);
  EXPECT_TRUE(broker) << broker.error().message;
  broker_ = std::move(*broker);
  auto inboxes = InboxService::open(*scripted_, {});
  EXPECT_TRUE(inboxes) << inboxes.error().message;
  inboxes_ = std::move(*inboxes);
  auto registry = SessionRegistry::open(*scripted_, clock);
  EXPECT_TRUE(registry) << registry.error().message;
  registry_ = std::move(*registry);
  auto awareness = AwarenessService::open(*scripted_, clock,
                                          {.rules = {.lease = 60s,
                                                     .grace = 10s,
                                                     .recover_within = 60s,
                                                     .coalesce = 1s,
                                                     .counts_above = 1000,
                                                     .entities_max = 1000,
                                                     .relations_max = 1000},
                                           .is_driven = true});
  EXPECT_TRUE(awareness) << awareness.error().message;
  awareness_ = std::move(*awareness);
  auto offers = OfferService::open(*scripted_, *inboxes_);
  EXPECT_TRUE(offers) << offers.error().message;
  offers_ = std::move(*offers);
  scripted_->on_read = {};
}

World::~World() {
  scripted_->let_go();
  settle();
  store_->close();
  while (take_answers()) {
  }
  recorder_.finish();
  const auto replayed = replay(recording_);
  EXPECT_TRUE(replayed) << replayed.error().message;
  if (!replayed) return;
  EXPECT_FALSE(replayed->difference)
      << "event " << replayed->difference->event << ": " << replayed->difference->what;
  EXPECT_EQ(replayed->end, ReplayReport::End::kWhole);
}

void World::create_topic(const std::string& name, std::uint32_t partitions) {
  const auto made = store_->create_topic(name, {.partitions = partitions});
  EXPECT_TRUE(made) << made.error().message;
}

bool World::take_answers() {
  bool any = false;
  for (auto& work : std::exchange(blocking_, {})) {
    work();
    any = true;
  }
  for (std::unique_ptr<SessionSurvey>& survey : std::exchange(surveys_, {})) {
    for (Session* session : sessions) survey->visit(*session);
    came_back(*survey.release());
    any = true;
  }
  for (SessionRequest* answer : std::exchange(answers_, {})) {
    const std::unique_ptr<SessionRequest> owned(answer);
    owned->come_back(now());
    any = true;
  }
  // A session may unwatch while it is told.
  std::vector<std::pair<Session*, Advance>> advances;
  for (const auto& [session, watch] : watchers_) {
    if (!watch->end) continue;
    advances.emplace_back(session, Advance{watch->topic, watch->partition, *watch->end});
    watch->end.reset();
  }
  for (const auto& [session, advance] : advances) {
    if (!watchers_.contains(session)) continue;
    session->on_advanced(advance.topic, advance.partition, advance.end);
    any = true;
  }
  return any;
}

void World::settle() {
  for (int idle = 0; idle < kIdleSteps; ++idle) {
    const bool worked = store_->step();
    const bool told = awareness_->step();
    if (take_answers() || worked || told) idle = -1;
  }
}

void World::survey(std::unique_ptr<SessionSurvey> survey) { surveys_.push_back(std::move(survey)); }

engine::Status World::watch(Session& session, TopicId topic, PartitionId partition) {
  auto watch = std::make_unique<PartitionWatch>(topic, partition);
  if (engine::Status watched = store_->watch(topic, partition, *watch); !watched) return watched;
  watchers_.emplace(&session, std::move(watch));
  return {};
}

void World::unwatch(Session& session, TopicId topic, PartitionId partition) {
  const auto [first, last] = watchers_.equal_range(&session);
  for (auto at = first; at != last; ++at) {
    if (at->second->topic != topic || at->second->partition != partition) continue;
    store_->unwatch(topic, partition, *at->second);
    watchers_.erase(at);
    return;
  }
  ADD_FAILURE() << "unwatched what was not watched";
}

Client::Client(World& world)
    : world_(world),
      session_(std::make_shared<Session>(world, "session-1", Framing::kLength, world.now())) {
  world.sessions.push_back(session_.get());
}

std::unique_ptr<Client> Client::welcomed(World& world, const std::string& producer_id,
                                         const std::string& eid, const std::string& device) {
  auto client = std::make_unique<Client>(world);
  v1::Stanza stanza;
  stanza.mutable_identity()->set_protocol_version(1);
  stanza.mutable_identity()->set_eid(eid);
  stanza.mutable_identity()->set_producer_id(producer_id);
  stanza.mutable_identity()->set_device(device);
  EXPECT_TRUE(client->ask(stanza).has_welcome());
  return client;
}

void Client::say(const v1::Stanza& stanza) {
  session_->on_frame(engine::as_bytes(stanza.SerializeAsString()), world_.now());
}

std::vector<v1::Stanza> Client::said() {
  world_.settle();
  std::vector<v1::Stanza> stanzas;
  while (reads_ && session_->has_output()) {
    const std::string bytes = session_->take_output();
    const auto fed = frames_.feed(engine::as_bytes(bytes), [&](Bytes frame) {
      stanzas.emplace_back();
      EXPECT_TRUE(stanzas.back().ParseFromArray(frame.data(), static_cast<int>(frame.size())));
      return true;
    });
    EXPECT_TRUE(fed);
    session_->on_sent(bytes.size());
    world_.settle();
  }
  return stanzas;
}

v1::Stanza Client::ask(v1::Stanza stanza) {
  stanza.set_id(++last_id_);
  say(stanza);
  std::vector<v1::Stanza> answers = said();
  std::erase_if(answers, [&](const v1::Stanza& answer) { return answer.id() != last_id_; });
  EXPECT_EQ(answers.size(), 1U) << stanza.ShortDebugString();
  return answers.empty() ? v1::Stanza() : answers.front();
}

std::uint64_t Client::publish(const std::string& topic, const std::string& value,
                              std::uint64_t number, std::optional<std::uint32_t> partition) {
  v1::Stanza stanza;
  stanza.set_id(++last_id_);
  v1::Publish& publish = *stanza.mutable_publish();
  publish.set_topic(topic);
  publish.set_value(value);
  publish.set_producer_number(number);
  if (partition) publish.set_partition(*partition);
  say(stanza);
  return last_id_;
}

std::vector<std::string> values_of(const std::vector<v1::Stanza>& stanzas) {
  std::vector<std::string> values;
  for (const v1::Stanza& stanza : stanzas) {
    for (const v1::DeliveredRecord& record : stanza.delivery().records())
      values.push_back(record.value());
  }
  return values;
}

v1::Stanza subscribe_to(const std::string& topic, std::uint32_t credit) {
  v1::Stanza stanza;
  stanza.mutable_subscribe()->set_topic(topic);
  stanza.mutable_subscribe()->set_credit(credit);
  return stanza;
}

}  // namespace bimip::testing
