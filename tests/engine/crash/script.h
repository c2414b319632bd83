// Runs a workload against a store on a simulated device and writes down what it asked and was told.
#pragma once

#include <deque>
#include <memory>
#include <ostream>
#include <string_view>
#include <vector>

#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "tests/engine/crash/history.h"
#include "tests/support/manual_clock.h"

namespace bimip::testing {

// The same calls on the same device do the same. Once the device has lost its power every call
// returns soon, having done nothing. Owner-thread only.
class Script {
 public:
  struct Options {
    std::uint64_t spare_bytes = 0;
  };
  Script(SimDevice& device, Options options);
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  void topic(const std::string& name, const TopicConfig& config);
  struct Append {
    std::string topic = "t";
    std::uint32_t partition = 0;
    std::vector<std::size_t> value_bytes = {100};  // of its records
    std::string key{};                             // of each of them
    std::optional<Durability> durability{};
  };
  // Hands an append over without waiting for its answer.
  void append(const Append& append);
  void append(std::size_t value_bytes) { append({.value_bytes = {value_bytes}}); }
  // Lets the store work: so many rounds, or until every append is answered.
  void work(int rounds);
  void settle();
  void pass(std::chrono::milliseconds time) { clock_.pass(time); }
  // Both, so that what is to be done behind the writer's back is done.
  void idle(std::chrono::milliseconds time);
  // Waits for the erasure; nothing is appended to the key any more.
  void erase(const std::string& key);
  // Stops the store in good order and opens it again.
  void reopen();
  void close();

  [[nodiscard]] History& history() { return history_; }
  // Of what went behind the writer's back, in all the store's lives so far that were ended in good
  // order.
  struct Removed {
    std::uint64_t rewrites = 0;
    std::uint64_t compactions = 0;
    std::uint64_t log_start = 0;  // of the first topic's first partition
  };
  [[nodiscard]] const Removed& removed() const { return removed_; }
  [[nodiscard]] bool alive() const { return store_ != nullptr && !device_.crashed(); }
  [[nodiscard]] Store& store() { return *store_; }

 private:
  class Request;
  void open();

  SimDevice& device_;
  const Options options_;
  ManualClock clock_;
  History history_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::vector<std::unique_ptr<PendingErase>> erasures_;
  std::deque<std::string> erased_;  // their keys, which stay where they are
  std::size_t unanswered_ = 0;
  Removed removed_;
  std::unique_ptr<Store> store_;
};

struct Workload {
  std::string_view name;  // letters, digits and '_'
  void (*run)(Script& script);
  Script::Options options{};
  Script::Removed removes{};  // at least

  friend void PrintTo(const Workload& workload, std::ostream* out) { *out << workload.name; }
};

// What is done to a log, each in a small place where every crash can be tried.
const std::vector<Workload>& all_workloads();

}  // namespace bimip::testing
