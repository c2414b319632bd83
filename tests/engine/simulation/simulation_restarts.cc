// What a simulated life goes through between one store and the next, and how it ends.
#include <algorithm>

#include "tests/engine/simulation/simulation.h"
#include "tests/support/joined.h"

namespace bimip::testing {

using namespace std::chrono_literals;

// Until what retention takes is gone, and nothing goes while the store is read.
constexpr std::uint64_t kRetentionRounds = 20;

std::string Simulation::open() {
  faulted_ = false;
  for (const std::unique_ptr<Partition>& partition : partitions_) partition->id.reset();
  Result<std::unique_ptr<Store>> store = Store::open({.directory = "data",
                                                      .free_space_floor = 0,
                                                      .spare_bytes = 2 * limits::kSegmentBytesMin,
                                                      .device = device_.get(),
                                                      .clock = &clock_,
                                                      .threading = Threading::kManual});
  if (!store) return "the store was refused: " + store.error().message;
  store_ = std::move(*store);
  return {};
}

// The power goes, perhaps again while the log recovers.
void Simulation::crash() {
  ++counts_.crashes;
  note_removed();
  Survives survives = faulted_ ? Survives::kDurable : Survives::kDurableAndWritten;
  while (true) {
    device_->crash();
    close();
    const LossMode mode = kAllLossModes[random_.below(kAllLossModes.size())];
    if (mode != LossMode::kKeepAll) survives = Survives::kDurable;
    device_ = device_->image(mode, random_.next());
    if (!random_.one_in(3)) break;
    device_->crash_at(1 + random_.below(30));
    (void)open();
    if (!device_->crashed()) break;
    ++counts_.crashes_in_recovery;
  }
  store_.reset();
  device_ = device_->image(LossMode::kKeepAll, random_.next());
  recover_and_check(survives);
}

void Simulation::note_removed() {
  if (store_ == nullptr) return;
  counts_.compactions += store_->upkeep().compactions;
  counts_.rewrites += store_->upkeep().rewrites;
  counts_.bytes_freed += store_->upkeep().bytes_freed;
  if (store_->trouble_counters().held_lost > 0) broken("a record that was held was given up");
}

// In good order.
void Simulation::restart() {
  ++counts_.restarts;
  note_removed();
  const Survives survives = faulted_ ? Survives::kDurable : Survives::kDurableAndWritten;
  close();
  if (device_->crashed()) return;
  device_->clear_faults();
  recover_and_check(survives);
}

void Simulation::recover_and_check(Survives survives) {
  const std::string refused = open();
  if (device_->crashed()) return;  // meanwhile: crash() follows
  if (!refused.empty()) return broken(refused);
  for (const StoreReport::Unusable& unusable : store_->report().unusable)
    broken("a partition cannot be used: " + unusable.error.message);
  for (const PartitionReport& partition : store_->report().partitions) {
    for (const DamagedRange& damage : partition.damaged) broken("called damage: " + damage.why);
  }
  for (const std::unique_ptr<Partition>& partition : partitions_) adopt(*partition, survives);
  if (!broken_.empty()) return;
  observe();
  if (lost_track_) return;
  work(kRetentionRounds);
  settle();
  if (lost_track_) return;
  LogClient reader = client();
  const std::string why = history_.contradiction(*store_, reader, survives, clock_.now());
  if (device_->crashed()) return;
  if (!why.empty()) broken(why);
  for (auto& [name, topic] : history_.topics()) {
    const Result<TopicInfo> made = store_->create_topic(name, topic.config);
    if (device_->crashed()) return;
    if (!made) return broken("a topic cannot be made again: " + made.error().message);
    topic.created = true;
  }
  send_again();
}

// Before anything is appended: what is gone may go, what was in doubt is to be sent again.
void Simulation::adopt(Partition& partition, Survives survives) {
  const Result<TopicInfo> topic = store_->find_topic(partition.topic);
  const Offset end = topic ? store_->bounds(topic->id, partition.number)->visible_end : Offset(0);
  if (std::string why = partition.history->lost_from(end, survives); !why.empty()) broken(why);
  const bool was_promised =
      survives == Survives::kDurableAndWritten ||
      history_.topics().at(partition.topic).config.durability == Durability::kDurable;
  if (was_promised && end < partition.observed) broken("what was read is gone");
  partition.observed = std::min(partition.observed, end);
  partition.cursor = std::min(partition.cursor, end);
  counts_.waited += partition.history->pending().size();
  for (Sent& sent : partition.history->sent()) {
    if (sent.state == Sent::State::kUnanswered) partition.failed = sent.in_doubt = true;
  }
}

// As a client does that has lost its connection: in order, each answered before the next.
void Simulation::send_again() {
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    if (!partition->failed) continue;
    for (Sent& sent : partition->history->sent()) {
      if (sent.state != Sent::State::kUnanswered) continue;
      partition->failed = false;
      send(*partition, sent);
      for (int i = 0; i < 500 && sent.state == Sent::State::kUnanswered && !partition->failed &&
                      !device_->crashed();
           ++i)
        store_->step();
      if (device_->crashed() || sent.state == Sent::State::kUnanswered) {
        partition->failed = true;
        break;
      }
    }
  }
}

// One after the other, each at its time.
void Simulation::release_all() {
  constexpr int kRoundsMax = 100;
  while (broken_.empty() && !device_->crashed()) {
    const SentRecord* next = nullptr;
    for (const std::unique_ptr<Partition>& partition : partitions_) {
      for (const SentRecord* record : partition->history->pending()) {
        if (next == nullptr || *record->not_before < *next->not_before) next = record;
      }
    }
    if (next == nullptr) return;
    if (*next->not_before > clock_.now()) step_wall(*next->not_before - clock_.now());
    for (int i = 0; i < kRoundsMax && !next->released_at; ++i) {
      settle();
      if (!next->released_at) pass(50ms);
    }
    if (!next->released_at && !next->had_expired) broken("a record that was held never came");
  }
}

// With nothing in the way every append is stored in the end, once, in order, and what was held has
// come.
void Simulation::finish() {
  work(200);
  if (device_->crashed()) crash();
  device_->crash_at(0);  // no more of those that were to come
  for (int i = 0; i < 3 && broken_.empty() && !lost_track_; ++i) {
    if (i == 2) release_all();
    restart();
    work(100);
    if (device_->crashed()) crash();
  }
  if (!broken_.empty() || lost_track_) return;
  for (const std::unique_ptr<Partition>& partition : partitions_) {
    const TopicId topic = store_->find_topic(partition->topic)->id;
    if (store_->bounds(topic, partition->number)->visible_end.value() !=
        partition->history->everything().size())
      broken("an append was never stored");
    if (!partition->history->pending().empty()) broken("a record that was held never came");
  }
  LogClient reader = client();
  if (const std::string why =
          history_.contradiction(*store_, reader, Survives::kDurableAndWritten, clock_.now());
      !why.empty())
    broken("in the end: " + why);
}

}  // namespace bimip::testing
