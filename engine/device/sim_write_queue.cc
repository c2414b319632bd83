#include <algorithm>
#include <utility>

#include "engine/base/assert.h"
#include "engine/device/sim_handles.h"
#include "engine/device/write_operation.h"

namespace bimip::engine {

SimWriteQueue::~SimWriteQueue() {
  std::vector<DeviceOperation*> finished;
  complete_some(flights_.size(), finished);
}

Result<FileSlot> SimWriteQueue::attach(std::shared_ptr<File> file) {
  auto ours = std::dynamic_pointer_cast<SimFile>(std::move(file));
  BIMIP_ASSERT(ours != nullptr);
  const auto free = std::find(slots_.begin(), slots_.end(), nullptr);
  const auto slot = static_cast<std::uint32_t>(free - slots_.begin());
  if (free == slots_.end()) slots_.emplace_back();
  slots_[slot] = std::move(ours);
  return FileSlot(slot);
}

void SimWriteQueue::detach(FileSlot number) {
  auto& slot = slots_.at(static_cast<std::uint32_t>(number));
  BIMIP_ASSERT(slot != nullptr);
  for (const Flight& flight : flights_) BIMIP_ASSERT(flight.operation->file != number);
  slot.reset();
}

void SimWriteQueue::submit(DeviceOperation& operation) {
  expect_well_formed(operation);
  auto file = slots_.at(static_cast<std::uint32_t>(operation.file));
  BIMIP_ASSERT(file != nullptr);
  const bool write = operation.kind == DeviceOperation::Kind::kWrite;
  auto& counter = write ? counters_.writes : counters_.syncs;
  counter.fetch_add(1, std::memory_order_relaxed);

  const MutexLock lock(disk_->mutex);
  Flight flight{.operation = &operation, .file = std::move(file), .step = 0, .fault = {}};
  if (Status writable = write ? flight.file->check_writable() : Status(); !writable) {
    flight.fault = std::move(writable);
  } else if (const auto step = disk_->begin_step()) {
    flight.step = *step;
    flight.fault = disk_->check_faults(write ? SimOperation::kWrite : SimOperation::kSync,
                                       flight.file->path());
    if (write) {
      flight.file->node()->file.start(*step, operation.position.value(), operation.bytes);
    }
  }
  flights_.push_back(std::move(flight));
}

void SimWriteQueue::poll(std::chrono::microseconds wait, std::vector<DeviceOperation*>& finished) {
  const bool woken = wait_for_wake(flights_.empty() ? wait : std::chrono::microseconds::zero());
  complete_some(wait.count() > 0 && !woken ? 1 : 0, finished);
}

bool SimWriteQueue::wait_for_wake(std::chrono::microseconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + std::min(wait, kPollWaitMax);
  const MutexLock lock(wake_mutex_);
  while (!woken_ && wait.count() > 0) {
    if (wake_condition_.wait_until(wake_mutex_, deadline) == std::cv_status::timeout) break;
  }
  return std::exchange(woken_, false);
}

void SimWriteQueue::wake() {
  {
    const MutexLock lock(wake_mutex_);
    woken_ = true;
  }
  wake_condition_.notify_one();
}

void SimWriteQueue::complete_some(std::size_t at_least, std::vector<DeviceOperation*>& finished) {
  if (flights_.empty()) return;
  const MutexLock lock(disk_->mutex);
  at_least = std::min(at_least, flights_.size());
  std::size_t count = at_least + disk_->random.below(flights_.size() - at_least + 1);
  if (!disk_->powered()) count = flights_.size();
  for (; count > 0; --count) {
    const auto next =
        flights_.begin() + static_cast<std::ptrdiff_t>(disk_->random.below(flights_.size()));
    Flight flight = std::move(*next);
    flights_.erase(next);
    finished.push_back(flight.operation);
    complete(std::move(flight));
  }
}

void SimWriteQueue::complete(Flight flight) {
  DeviceOperation& operation = *flight.operation;
  const auto step = disk_->begin_step();
  // Once the power is gone what was on its way stays so: the image decides how much of it arrived.
  Status done = step ? disk_->end_step() : Status(std::unexpected(step.error()));
  if (done && flight.step == 0) {
    done = flight.fault ? Status(fail(ErrorCode::kIo, "the simulated power is off")) : flight.fault;
  } else if (done) {
    done = operation.kind == DeviceOperation::Kind::kWrite ? finish_write(flight, *step)
                                                           : finish_sync(flight);
  }
  operation.result = std::move(done);
}

Status SimWriteQueue::finish_write(const Flight& flight, std::uint64_t now) {
  const DeviceOperation& operation = *flight.operation;
  SimNode& node = *flight.file->node();
  const Bytes given = node.file.on_its_way(flight.step);
  BIMIP_ASSERT(std::equal(given.begin(), given.end(), operation.bytes.begin(),
                          operation.bytes.end()));  // the caller kept them unchanged
  Status done = flight.fault;
  const std::uint64_t end = operation.position.value() + operation.bytes.size();
  if (done) done = disk_->check_space(flight.file->path(), node, end);
  if (!done) {
    const bool full = done.error().code == ErrorCode::kNoSpace;
    const std::uint64_t sectors = full ? 0 : operation.bytes.size() / kSimSectorBytes;
    node.file.finish_short(flight.step, now, disk_->random.below(sectors + 1));
    return done;
  }
  node.file.finish(flight.step, now, operation.durability);
  counters_.bytes_written.fetch_add(operation.bytes.size(), std::memory_order_relaxed);
  return {};
}

Status SimWriteQueue::finish_sync(const Flight& flight) {
  SimNode& node = *flight.file->node();
  if (flight.fault) {
    node.file.sync(flight.step);
  } else {
    node.file.fail_sync(flight.step, disk_->random);
  }
  return flight.fault;
}

}  // namespace bimip::engine
