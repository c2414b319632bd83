// How far an entity and its devices have come in an inbox: numbers that rise, kept in the log.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/in_flight.h"

namespace bimip::frontend {

enum class MarkKind : char {
  kCursor = 'c',     // of one device: it has everything up to here
  kDelivered = 'd',  // some device has; the authors were told
  kRead = 'r',       // the entity has read everything up to here; the authors were told
};

struct MarkKey {
  engine::TopicId category{};
  MarkKind kind{};
  std::string eid{};
  std::string device{};  // of a cursor
  friend auto operator<=>(const MarkKey&, const MarkKey&) = default;
};

class Marks;

// One such number, shared by all who look at it at the same time. Thread-safe.
class Mark : public std::enable_shared_from_this<Mark> {
 public:
  using Known = std::move_only_function<void(engine::Result<engine::IncrementId>)>;
  using Stored = std::move_only_function<void(engine::Status)>;

  Mark(Marks& marks, MarkKey key) : marks_(marks), key_(std::move(key)) {}
  ~Mark();
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  // Its value once it was read from the log; 0: it never was set. Called once, on any thread,
  // perhaps before this returns. kIo, kDamaged (its newest record), kClosed.
  void when_known(Known known);
  // Of one that is known.
  [[nodiscard]] engine::IncrementId value() const;
  // Of one that is known: moves it on, at once for value(), soon in the log. One that is further
  // already stays. `stored` is called once, on any thread, when the log has it or refuses it.
  void advance(engine::IncrementId to, Stored stored);

  // Of one that is known: sets it back, when it still is `from`. For one that is ahead of what
  // there is, which it counts: the log was restored to an earlier state.
  struct Step {
    engine::IncrementId from{};
    engine::IncrementId to{};
  };
  void set_back(const Step& step);

  // Work that is to be done for each number before the mark has passed it in the log: which numbers
  // up to `to` are left to the caller. Nothing: others do them, or did. A claim ends by
  // end_claim(): if it was done, the mark moves there, once all claims in front of it have ended;
  // if not, its numbers and those behind them may be claimed again.
  struct Range {
    engine::IncrementId first{};
    engine::IncrementId last{};
  };
  [[nodiscard]] std::optional<Range> claim(engine::IncrementId to);
  void end_claim(const Range& range, const engine::Status& done);
  // As advance(), once the claims up to `to` have ended; what one of them ended with, if it failed.
  void advance_after_claims(engine::IncrementId to, Stored stored);

 private:
  class Look;
  class Append;
  void looked(engine::Result<engine::EntityBatch> result);
  void appended(const engine::Result<engine::Appended>& result);
  [[nodiscard]] std::unique_ptr<Append> next_append() REQUIRES(mutex_);
  using Waiting = std::vector<std::pair<engine::IncrementId, Stored>>;
  template <typename IsTaken>
  [[nodiscard]] static Waiting take_if(Waiting& from, const IsTaken& is_taken);
  [[nodiscard]] Waiting take_waiting(engine::IncrementId first, engine::IncrementId last)
      REQUIRES(mutex_);

  Marks& marks_;
  const MarkKey key_;
  mutable engine::Mutex mutex_;
  std::optional<engine::IncrementId> value_ GUARDED_BY(mutex_){};  // nothing: not known yet
  engine::IncrementId stored_ GUARDED_BY(mutex_){};                // in the log
  engine::IncrementId on_its_way_to_ GUARDED_BY(mutex_){};
  engine::IncrementId claimed_ GUARDED_BY(mutex_){};
  struct Claim {
    Range range{};
    bool is_done = false;
  };
  std::deque<Claim> claims_ GUARDED_BY(mutex_);  // in order, without holes
  bool on_its_way_ GUARDED_BY(mutex_) = false;
  bool set_back_ GUARDED_BY(mutex_) = false;  // what is in the log is too high
  bool looking_ GUARDED_BY(mutex_) = false;
  std::vector<Known> knowing_ GUARDED_BY(mutex_);
  Waiting storing_ GUARDED_BY(mutex_);
  Waiting waiting_ GUARDED_BY(mutex_);  // for claims
};

// Every record of the topic "$inbox-marks" is one mark; the newest of a key counts, and the topic
// is compacted. In memory are only those that somebody holds. Thread-safe. Outlives its log's
// answers.
class Marks {
 public:
  static constexpr std::string_view kTopic = "$inbox-marks";

  // Makes the topic when it is missing; blocks.
  [[nodiscard]] static engine::Result<std::unique_ptr<Marks>> open(engine::Log& log);
  [[nodiscard]] std::shared_ptr<Mark> of(const MarkKey& key);
  [[nodiscard]] const engine::TopicInfo& topic() const { return topic_; }
  // Waits until the log has answered for everything: before it is closed.
  void settle() { in_flight_.wait(); }

 private:
  friend class Mark;
  Marks(engine::Log& log, const engine::TopicInfo& topic) : log_(log), topic_(topic) {}
  void forget(const MarkKey& key);

  engine::Log& log_;
  const engine::TopicInfo topic_;
  engine::Mutex mutex_;
  std::map<MarkKey, std::weak_ptr<Mark>> held_ GUARDED_BY(mutex_);
  InFlight in_flight_;
};

}  // namespace bimip::frontend
