#include "tests/engine/crash/script.h"

namespace bimip::testing {

using namespace std::chrono_literals;

class Script::Request final : public AppendRequest {
 public:
  Request(Script& script, Sent& sent, ProducerId producer)
      : script_(script), sent_(sent), fields_(records_of(sent, producer)) {
    records = fields_;
  }
  void on_appended(Result<Appended> result) override {
    --script_.unanswered_;
    if (result) {
      sent_.state = Sent::State::kStored;
      sent_.first = result->first;
    } else if (result.error().code == ErrorCode::kNoSpace ||
               result.error().code == ErrorCode::kBusy) {
      sent_.state = Sent::State::kRefused;
    }
  }

 private:
  Script& script_;
  Sent& sent_;
  std::vector<RecordFields> fields_;
};

Script::Script(SimDevice& device, Options options) : device_(device), options_(options) { open(); }

Script::~Script() { close(); }

void Script::open() {
  Result<std::unique_ptr<Store>> store = Store::open({.directory = "data",
                                                      .free_space_floor = 0,
                                                      .spare_bytes = options_.spare_bytes,
                                                      .rewrite_bytes_per_second = 0,
                                                      .device = &device_,
                                                      .clock = &clock_,
                                                      .threading = Threading::kManual});
  if (store) store_ = std::move(*store);
}

void Script::topic(const std::string& name, const TopicConfig& config) {
  History::Topic& topic = history_.topic(name, config);
  if (!alive()) return;
  if (store_->create_topic(name, config)) topic.created = true;
}

void Script::append(const Append& append) {
  if (!alive()) return;
  const Result<TopicInfo> topic = store_->find_topic(append.topic);
  if (!topic) return;
  PartitionHistory& partition = history_.topics().at(append.topic).partitions.at(append.partition);
  std::vector<SentRecord> records;
  for (const std::size_t bytes : append.value_bytes) {
    // Every record is like no other, and no sector of it like another's.
    std::string value = std::to_string(requests_.size()) + "." + std::to_string(records.size());
    while (value.size() < bytes)
      value += ":" + std::to_string(value.size() * 31 + requests_.size());
    value.resize(std::max<std::size_t>(bytes, 1));
    records.push_back({.value = std::move(value), .key = append.key});
  }
  Sent& sent =
      partition.send(std::move(records), append.durability.value_or(topic->config.durability));
  requests_.push_back(std::make_unique<Request>(*this, sent, partition.producer()));
  Request& request = *requests_.back();
  request.topic = topic->id;
  request.partition = PartitionId(append.partition);
  request.durability = append.durability;
  ++unanswered_;
  store_->append(request);
}

void Script::work(int rounds) {
  for (int i = 0; i < rounds && alive(); ++i) store_->step();
}

void Script::settle() {
  for (int i = 0; i < 10'000 && unanswered_ > 0 && alive(); ++i) store_->step();
}

void Script::idle(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kStep{250};
  for (std::chrono::milliseconds passed{0}; passed < time && alive(); passed += kStep) {
    clock_.pass(kStep);
    for (int still = 0; still < 4 && alive();) still = store_->step() ? 0 : still + 1;
  }
}

void Script::erase(const std::string& key) {
  if (!alive()) return;
  const Result<TopicInfo> topic = store_->find_topic("t");
  if (!topic) return;
  history_.topics().at("t").erased.insert(key);
  erased_.push_back(key);
  erasures_.push_back(std::make_unique<PendingErase>());
  PendingErase& request = *erasures_.back();
  request.topic = topic->id;
  request.key = as_bytes(*std::ranges::find(erased_, key));
  store_->erase_entity(request);
  for (int i = 0; i < 1000 && !request.done() && alive(); ++i) idle(250ms);
  if (request.done() && request.answer()) history_.topics().at("t").is_gone.insert(key);
}

void Script::reopen() {
  close();
  if (!device_.crashed()) open();
}

void Script::close() {
  if (alive()) {
    removed_.rewrites += store_->upkeep().rewrites;
    removed_.compactions += store_->upkeep().compactions;
    const auto topics = store_->list_topics();
    if (!topics.empty())
      removed_.log_start = store_->bounds(topics.front().id, PartitionId(0))->start.value();
  }
  store_.reset();
  requests_.clear();
  erasures_.clear();
}

}  // namespace bimip::testing
