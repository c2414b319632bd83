// The node's awareness: the view of its topics, on a thread of its own. Design:
// docs/design/awareness.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/awareness/history.h"
#include "frontend/services/awareness/rule_writer.h"
#include "frontend/services/awareness/taped_awareness.h"
#include "frontend/services/awareness/trail.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

// A session's ear, and what keeps its device there.
class AwarenessListener {
 public:
  virtual ~AwarenessListener() = default;
  // On the service's thread: must not block. Until it is answered with ready() nothing more comes.
  virtual void on_told(Told told) = 0;
  // On any thread.
  void heard(std::chrono::nanoseconds at) { heard_at_.store(at, std::memory_order_relaxed); }
  [[nodiscard]] std::chrono::nanoseconds heard_at() const {
    return heard_at_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::chrono::nanoseconds> heard_at_{};
};

// Thread-safe. The core is touched on the service's thread only. Outlives its log's answers: the
// log is closed before it goes.
class AwarenessService final : private HeardAt {
 public:
  static constexpr std::string_view kHistoryTopic = "$awareness";
  static constexpr std::string_view kStatesTopic = "$awareness-states";
  static constexpr std::string_view kRulesTopic = "$awareness-rules";

  struct Options {
    AwarenessRules rules{};
    std::chrono::seconds history{};  // kept this long; also last seen
    // No thread: step() does its work.
    bool is_driven = false;
    // What the core is told goes there; null: nowhere. Outlives the service, and is its thread's
    // once it has begun.
    CoreTape* tape = nullptr;
    // What blocks are in force is kept there; null: nowhere. Outlives the service.
    Blocks* blocks = nullptr;
    // Rules that can't be read any more are taken for none; else nobody is told of anybody.
    bool accept_damaged_rules = false;
  };
  // Makes the topics that are missing, and reads states and rules; blocks.
  [[nodiscard]] static engine::Result<std::unique_ptr<AwarenessService>> open(
      engine::Log& log, const engine::Clock& clock, const Options& options);
  ~AwarenessService() override;

  // On the service's thread, in order. Must not block.
  using Work = std::move_only_function<void(TapedAwareness& core, Moment now)>;
  void post(Work work);

  [[nodiscard]] SeatNumber take_seat(std::shared_ptr<AwarenessListener> listener);
  // The listener is told nothing any more once what was posted before was done.
  void leave_seat(SeatOf seat, Leaving leaving);

  // On the service's thread, from within work.
  [[nodiscard]] RuleWriter& rules() { return rules_; }
  // `done` on that thread, too: once the entity's state, as this work leaves it, survives power
  // loss, or is refused.
  void when_stored(std::string eid, Trail::Done done);
  [[nodiscard]] History& history() { return history_; }
  [[nodiscard]] std::chrono::nanoseconds lease() const { return options_.rules.lease; }
  // Why nothing is told or taken: who may see whom is not known any more. Nothing: it is.
  [[nodiscard]] const std::optional<engine::Error>& closed_by() const { return closed_by_; }

  // The server is going to stop: nobody lapses any more.
  void drain();
  // Does what is posted, and waits until the log has answered for everything: before it is closed.
  void settle();
  // With is_driven: all there is to do now. Whether there was anything.
  bool step();

  struct Numbers : TapedAwareness::Numbers {
    std::uint64_t records_refused = 0;
  };
  [[nodiscard]] Numbers numbers() const;

 private:
  struct Topics {
    engine::TopicInfo history;
    engine::TopicInfo states;
    engine::TopicInfo rules;
  };
  AwarenessService(engine::Log& log, const engine::Clock& clock, const Options& options,
                   const Topics& topics);
  [[nodiscard]] engine::Status load(const Topics& topics);
  [[nodiscard]] engine::Status load_rules(engine::TopicId topic);
  [[nodiscard]] engine::Status load_rule(const engine::Record& record);
  [[nodiscard]] engine::Status load_relation(const std::string& owner, const std::string& other,
                                             const Relation& relation);
  [[nodiscard]] engine::Status load_states(engine::TopicId topic);
  [[nodiscard]] Moment now() const;
  [[nodiscard]] std::chrono::nanoseconds heard_at(SeatNumber seat) const override;
  void run();
  void await_work();
  void do_all(std::vector<Work> all);
  void hand_out();

  engine::Log& log_;
  const engine::Clock& clock_;
  const Options options_;
  InFlight in_flight_;
  Trail trail_;
  RuleWriter rules_;
  History history_;
  std::atomic<std::uint64_t> last_seat_{0};
  std::optional<engine::Error> closed_by_{};  // since it was opened

  // Of the service's thread.
  TapedAwareness core_;
  std::unordered_map<SeatNumber, std::shared_ptr<AwarenessListener>> seats_;
  std::chrono::nanoseconds marked_alive_at_{};
  std::chrono::nanoseconds tried_again_at_{};
  // Of the work that is being done: whose states, and who waits for that.
  std::vector<std::pair<std::string, Trail::Done>> stored_waits_;

  mutable engine::Mutex mutex_;
  std::condition_variable_any posted_;
  std::vector<Work> work_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  Numbers numbers_ GUARDED_BY(mutex_){};
  std::thread thread_;
};

}  // namespace bimip::frontend
