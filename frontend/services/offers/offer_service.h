// The node's offers: the view of their topic. Design: docs/design/offers.md.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/in_flight.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/services/offers/offer_book.h"

namespace bimip::frontend {

class OfferListener {
 public:
  virtual ~OfferListener() = default;
  // On any thread, with the service's lock held: must not block or call the service.
  virtual void on_changed(OfferRef offer) = 0;
};

// What the offers of a node came to since it was started.
struct OfferCounters {
  std::atomic<std::uint64_t> proposed{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> missed{0};
};

// Thread-safe. A change is decided when the one before it survives power loss, and told when it
// does itself: the first device that accepts is the first in the log. Outlives its log's answers:
// the log is closed before it goes.
class OfferService {
 public:
  static constexpr std::string_view kTopic = "$offers";

  // Makes the topic when it is missing, and reads it; blocks.
  [[nodiscard]] static engine::Result<std::unique_ptr<OfferService>> open(engine::Log& log,
                                                                          InboxService& inboxes);

  // Once, on any thread: must not block. The offer as it is then, or why not.
  using Done = std::move_only_function<void(std::expected<OfferRef, OfferRefusal>)>;
  // `offer`: as it is to begin. One that is there as it is is answered as it has become.
  void propose(Offer offer, Done done);
  void move(const OfferKey& key, OfferMove move, engine::Timestamp now, Done done);
  // Expires and forgets what is due. Often: a few times in a second.
  void on_tick(engine::Timestamp now);

  // Those of the entity that are not over; from now on the listener is told.
  [[nodiscard]] std::vector<OfferRef> watch(const std::string& eid, OfferListener& listener);
  void unwatch(const std::string& eid, OfferListener& listener);

  // Waits until the log has answered for everything: before it is closed.
  void settle();

  [[nodiscard]] const OfferCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t open_offers() const;

 private:
  struct Step {
    enum class Kind : std::uint8_t { kPropose, kMove, kTime };
    Kind kind{};
    Offer offer{};  // kPropose
    OfferMove move{};
    engine::Timestamp now{};
    Done done{};
  };
  // What a step comes to.
  struct Outcome {
    std::optional<OfferRefusal> refusal{};
    OfferRef offer{};        // as it is, or is to be
    bool is_change = false;  // to be stored
    bool is_accepted = false;
    bool is_forgotten = false;
  };
  OfferService(engine::Log& log, engine::TopicInfo topic, InboxService& inboxes)
      : log_(log), topic_(std::move(topic)), inboxes_(inboxes) {}
  [[nodiscard]] engine::Status load();
  void add(const OfferKey& key, Step step);
  void go_on(const OfferKey& key);
  [[nodiscard]] Outcome outcome_of(const OfferKey& key, const Step& step) const REQUIRES(mutex_);
  [[nodiscard]] Outcome proposed(const Offer& offer) const REQUIRES(mutex_);
  void store(Outcome outcome, Done done);
  void write(Outcome outcome, Done done);
  void note_missed(Outcome outcome, Done done);
  void stored(const Outcome& outcome, Done done, const engine::Status& status);
  void count(const Outcome& outcome);

  engine::Log& log_;
  const engine::TopicInfo topic_;
  InboxService& inboxes_;
  InFlight in_flight_;
  OfferCounters counters_;
  mutable engine::Mutex mutex_;
  OfferBook book_ GUARDED_BY(mutex_);
  // Of those with a change on its way: what waits for it.
  std::map<OfferKey, std::deque<Step>> lines_ GUARDED_BY(mutex_);
  std::multimap<std::string, OfferListener*> listeners_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
