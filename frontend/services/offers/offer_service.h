// The node's offers: the view of their topic. Design: docs/design/offers.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/in_flight.h"
#include "frontend/services/inbox/inbox_service.h"
#include "frontend/services/offers/taped_offers.h"

namespace bimip::frontend {

class OfferListener {
 public:
  virtual ~OfferListener() = default;
  // On any thread, with the service's lock held: must not block or call the service.
  virtual void on_changed(OfferRef offer) = 0;
};

// The lock, the log and the listeners around the core. Thread-safe. A change is decided when the
// one before it survives power loss, and told when it does itself. Outlives its log's answers: the
// log is closed before it goes.
class OfferService {
 public:
  static constexpr std::string_view kTopic = "$offers";

  // Makes the topic when it is missing, and reads it; blocks. What the core is told goes to `tape`,
  // which outlives the service; null: nowhere.
  [[nodiscard]] static engine::Result<std::unique_ptr<OfferService>> open(engine::Log& log,
                                                                          InboxService& inboxes,
                                                                          CoreTape* tape = nullptr);
  ~OfferService();
  OfferService(const OfferService&) = delete;
  OfferService& operator=(const OfferService&) = delete;

  // Once, on any thread: must not block. The offer as it is then, or why not.
  using Done = std::move_only_function<void(OfferResult)>;
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

  [[nodiscard]] OfferCounters counters() const;
  [[nodiscard]] std::size_t open_offers() const { return counters().open; }

 private:
  OfferService(engine::Log& log, engine::TopicInfo topic, InboxService& inboxes, CoreTape* tape)
      : log_(log), topic_(std::move(topic)), inboxes_(inboxes), core_(tape) {}
  [[nodiscard]] engine::Status load();
  // Tells the core something, and does what it says.
  template <typename Input>
  void put_in(const Input& input);
  [[nodiscard]] bool is_heard_by(const Offer& offer, const std::string& eid) const;
  void tell_listeners(const OfferRef& offer) REQUIRES(mutex_);
  [[nodiscard]] AskNumber ask(Done done) REQUIRES(mutex_);
  void store(const OfferChange& change);
  void note_missed(const OfferRef& missed);
  void stored(const OfferKey& key, const engine::Result<engine::Appended>& result);

  engine::Log& log_;
  const engine::TopicInfo topic_;
  InboxService& inboxes_;
  InFlight in_flight_;
  mutable engine::Mutex mutex_;
  TapedOffers core_ GUARDED_BY(mutex_);
  AskNumber last_ask_ GUARDED_BY(mutex_);
  std::map<AskNumber, Done> asks_ GUARDED_BY(mutex_);  // that are not answered yet
  std::multimap<std::string, OfferListener*> listeners_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
