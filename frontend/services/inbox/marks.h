// How far an entity and its devices have come in an inbox, kept in the log.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/in_flight.h"
#include "frontend/services/inbox/increments.h"

namespace bimip::frontend {

enum class MarkKind : char {
  kCursor = 'c',     // of one device: it goes on behind here; what is in it, it was given and has
  kDelivered = 'd',  // some device has these; the authors were told
  kRead = 'r',       // the entity has read these; the authors were told
};

struct MarkKey {
  engine::TopicId category{};
  MarkKind kind{};
  std::string eid{};
  std::string device{};  // of a cursor
  friend auto operator<=>(const MarkKey&, const MarkKey&) = default;
};

class Marks;

// One such set, shared by all who look at it at the same time. Thread-safe.
class Mark : public std::enable_shared_from_this<Mark> {
 public:
  using Known = std::move_only_function<void(const engine::Status&)>;
  using Stored = std::move_only_function<void(engine::Status)>;
  using Range = IncrementRange;
  using Ranges = Increments::Ranges;

  Mark(Marks& marks, MarkKey key) : marks_(marks), key_(std::move(key)) {}
  ~Mark();
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

  // Once it was read from the log; what never was set is nothing. Called once, on any thread,
  // perhaps before this returns. kIo, kDamaged (its newest record), kClosed.
  void when_known(Known known);
  // Of one that is known.
  [[nodiscard]] Increments increments() const;
  [[nodiscard]] engine::IncrementId up_to() const;
  [[nodiscard]] engine::IncrementId prefix() const;
  // Of one that is known: the range is in it, at once for who looks, soon in the log, and it goes
  // as far as the range's last; what it passes over in front of the range is a hole. `stored` is
  // called once, on any thread, when the log has it or refuses it.
  void advance(const Range& range, Stored stored);

  // Of one that is known: sets it back, when it still goes up to `from`. For one that is ahead of
  // what there is, which it counts: the log was restored to an earlier state.
  struct Step {
    engine::IncrementId from{};
    engine::IncrementId to{};
  };
  void set_back(const Step& step);

  // Work that is to be done for each increment before it is in the mark in the log: which of these
  // are left to the caller. The others somebody does, or did. Each claim ends by end_claim(): if it
  // was done, it is in the mark; if not, it may be claimed again.
  [[nodiscard]] Ranges claim(const Ranges& wanted);
  void end_claim(const Range& range, const engine::Status& done);
  // Has all up to `to` in it once the claims of them have ended; or what one of them ended with, if
  // it failed.
  void advance_after_claims(engine::IncrementId to, Stored stored);

 private:
  class Look;
  class Append;
  void looked(engine::Result<engine::EntityBatch> result);
  void appended(const engine::Result<engine::Appended>& result);
  [[nodiscard]] std::unique_ptr<Append> next_append() REQUIRES(mutex_);
  [[nodiscard]] Increments storable() const REQUIRES(mutex_);
  void bound() REQUIRES(mutex_);
  [[nodiscard]] bool is_claimed_up_to(engine::IncrementId to) const REQUIRES(mutex_);

  struct Waits {
    engine::IncrementId to{};
    std::uint64_t change = 0;  // that is to be stored
    Stored stored;
  };
  using Waiting = std::vector<Waits>;
  template <typename IsTaken>
  [[nodiscard]] static Waiting take_if(Waiting& from, const IsTaken& is_taken);
  [[nodiscard]] Waiting take_stored() REQUIRES(mutex_);

  Marks& marks_;
  const MarkKey key_;
  mutable engine::Mutex mutex_;
  std::optional<Increments> value_ GUARDED_BY(mutex_){};  // nothing: not known yet
  Increments stored_ GUARDED_BY(mutex_){};                // in the log
  Increments on_its_way_to_ GUARDED_BY(mutex_){};
  Increments claimed_ GUARDED_BY(mutex_){};  // and what is in it
  Ranges claims_ GUARDED_BY(mutex_);         // that have not ended
  // Changes of `value_`: how many there were, how many the log has or is about to have.
  std::uint64_t changes_ GUARDED_BY(mutex_) = 0;
  std::uint64_t changes_stored_ GUARDED_BY(mutex_) = 0;
  std::uint64_t changes_on_their_way_ GUARDED_BY(mutex_) = 0;
  bool on_its_way_ GUARDED_BY(mutex_) = false;
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
