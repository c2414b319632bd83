#include "engine/partition/writer_loop.h"

#include <algorithm>
#include <future>

namespace bimip::engine {
namespace {

constexpr std::chrono::milliseconds kTick{250};
// A partition without open files is looked at in every so many-th tick.
constexpr std::size_t kIdleParts = 8;

// The loop whose round this thread is in.
thread_local WriterLoop* current_loop = nullptr;

}  // namespace

void wake_after_answers(Wakeup& wakeup) {
  if (current_loop == nullptr) return wakeup.wake();
  std::vector<Wakeup*>& owed = current_loop->wakeups_;
  if (std::ranges::find(owed, &wakeup) == owed.end()) owed.push_back(&wakeup);
}

WriterLoop::WriterLoop(Parts parts, std::unique_ptr<WriteQueue> queue)
    : parts_(std::move(parts)),
      queue_(std::move(queue)),
      places_(parts_.open_partitions_max),
      reopener_({.device = parts.device,
                 .jobs = parts.jobs,
                 .pool = parts.pool,
                 .clock = parts.clock,
                 .counters = parts.troubles,
                 .post = [this](Job job) { post(std::move(job)); },
                 .adopt =
                     [this](Partition& partition, RecoveredPartition recovered) {
                       adopt(partition, std::move(recovered));
                     }}) {}

WriterLoop::~WriterLoop() { stop(); }

void WriterLoop::push(AppendRequest& request) {
  if (requests_.push(request)) queue_->wake();
}

void WriterLoop::post(Job job) {
  {
    const MutexLock lock(mutex_);
    posted_.push_back(std::move(job));
  }
  queue_->wake();
}

void WriterLoop::open(Partition& partition, RecoveredPartition recovered) {
  adopt(partition, std::move(recovered));
  partitions_.push_back(&partition);
}

void WriterLoop::adopt(Partition& partition, RecoveredPartition recovered) {
  partition.open({.device = parts_.device,
                  .partition = partition,
                  .queue = *queue_,
                  .jobs = parts_.jobs,
                  .clock = parts_.clock,
                  .pool = parts_.pool,
                  .tail = parts_.tail,
                  .background = parts_.background,
                  .budget = parts_.budget,
                  .counters = parts_.counters,
                  .troubles = parts_.troubles,
                  .commits = parts_.commits,
                  .places = places_,
                  .due = due_,
                  .housekeeping = parts_.housekeeping,
                  .post = [this](Job job) { post(std::move(job)); }},
                 std::move(recovered));
  touch(partition);
}

void WriterLoop::reopen(Partition& partition, ReopenRequest& request) {
  post([this, &partition, &request] {
    if (std::ranges::find(partitions_, &partition) == partitions_.end())
      partitions_.push_back(&partition);
    reopener_.reopen(partition, request);
  });
}

void WriterLoop::set_floor(Partition& partition, Offset floor) {
  post([&partition, floor] { partition.set_floor(floor); });
}

void WriterLoop::erase(Partition& partition, EraseRequest& request) {
  post([&partition, &request] { partition.erase(request); });
}

void WriterLoop::start() {
  thread_ = std::thread([this] {
    while (run_once(until_tick())) {
    }
  });
}

void WriterLoop::begin_stop() {
  stopping_.store(true, std::memory_order_release);
  queue_->wake();
}

void WriterLoop::stop() {
  if (!thread_.joinable()) return;
  begin_stop();
  thread_.join();
}

bool WriterLoop::run_once(std::chrono::microseconds wait) {
  current_loop = this;
  run_round(wait);
  current_loop = nullptr;

  if (!stopping_.load(std::memory_order_acquire)) return true;
  // What came too late to be done is answered still.
  return !(all_idle() && requests_.empty() && !has_posted());
}

bool WriterLoop::all_idle() const {
  return reopener_.idle() && std::ranges::all_of(partitions_, [](Partition* partition) {
           return partition->writer() == nullptr || partition->writer()->idle();
         });
}

void WriterLoop::run_round(std::chrono::microseconds wait) {
  run_posted();
  take_requests();
  for (Partition* partition : touched_) {
    if (PartitionWriter* writer = partition->writer()) writer->pump();
  }
  wake_others();  // of requests that were refused
  places_.serve();
  finished_.clear();
  queue_->poll(requests_.empty() ? wait : std::chrono::microseconds(0), finished_);
  for (DeviceOperation* operation : finished_) {
    Partition& partition = *static_cast<Partition*>(operation->owner);
    partition.writer()->on_finished(*operation);
    touch(partition);
  }
  for (Partition* partition : touched_) {
    partition->notify_watchers();
    partition->untouch();
  }
  touched_.clear();
  reopener_.advance();
  release_due();
  tick_if_due();
  if (stopping_.load(std::memory_order_acquire) && !closed_) {
    closed_ = true;
    reopener_.close();
    for (Partition* partition : partitions_) {
      if (PartitionWriter* writer = partition->writer()) writer->close();
    }
  }
  wake_others();
}

// A wake-up is a system call, and often hands this thread's core to whom it wakes: one a round, and
// last.
void WriterLoop::wake_others() {
  for (Wakeup* wakeup : wakeups_) wakeup->wake();
  wakeups_.clear();
}

void WriterLoop::run_posted() {
  std::vector<Job> posted;
  {
    const MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (Job& job : posted) job();
}

bool WriterLoop::has_posted() {
  const MutexLock lock(mutex_);
  return !posted_.empty();
}

void WriterLoop::take_requests() {
  requests_.take_all([this](AppendRequest& request) {
    Partition& partition = *request.target_;
    partition.accept(request);
    touch(partition);
  });
}

void WriterLoop::touch(Partition& partition) {
  if (partition.touch()) touched_.push_back(&partition);
}

std::chrono::microseconds WriterLoop::until_tick() const {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  if (next_tick_ <= now) return std::chrono::microseconds(0);
  const auto left = std::chrono::ceil<std::chrono::microseconds>(next_tick_ - now);
  const std::optional<Timestamp> due = due_.next();
  if (!due) return left;
  return std::clamp(*due - parts_.clock.now(), std::chrono::microseconds(0), left);
}

void WriterLoop::release_due() {
  const std::optional<Timestamp> due = due_.next();
  if (!due || *due > parts_.clock.now()) return;
  for (Partition* partition : due_.take(parts_.clock.now())) {
    if (PartitionWriter* writer = partition->writer()) writer->release_due();
  }
}

void WriterLoop::tick_if_due() {
  const std::chrono::nanoseconds now = parts_.clock.monotonic();
  if (now < next_tick_) return;
  next_tick_ = now + kTick;
  tick_partitions(now);
  places_.take_from_idle(now);
  reopener_.tick(now);
  if (stopping_.load(std::memory_order_acquire)) return;
  parts_.spares.tick(parts_.jobs);
  parts_.on_tick();
}

// Those with open files have something to do soon; of the others, which may be ten thousand, a part
// at a time is looked at.
void WriterLoop::tick_partitions(std::chrono::nanoseconds now) {
  const std::vector<Partition*> open = places_.open();
  for (Partition* partition : open) tick(*partition, now);
  const std::size_t part = std::min(partitions_.size(), partitions_.size() / kIdleParts + 1);
  for (std::size_t i = 0; i < part; ++i) {
    next_idle_ = (next_idle_ + 1) % partitions_.size();
    tick(*partitions_[next_idle_], now);
  }
}

void WriterLoop::tick(Partition& partition, std::chrono::nanoseconds now) {
  PartitionWriter* writer = partition.writer();
  if (writer == nullptr) return;
  writer->tick();
  if (writer->degraded() && writer->may_heal()) reopener_.heal(partition, now);
}

}  // namespace bimip::engine
