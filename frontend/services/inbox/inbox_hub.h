// Who has which inbox open, so that whoever stores a message there can tell them.
#pragma once

#include <map>
#include <string>

#include "engine/base/thread_annotations.h"
#include "engine/base/types.h"

namespace bimip::frontend {

// One entity's inbox in one category.
struct InboxKey {
  engine::TopicId category{};
  std::string eid{};
  friend auto operator<=>(const InboxKey&, const InboxKey&) = default;
};

class InboxListener {
 public:
  virtual ~InboxListener() = default;
  // On any thread, with the hub's lock held: must not block or call the hub.
  virtual void on_news() = 0;
};

// Thread-safe. Telling costs those who have the inbox open, whoever else is there.
class InboxHub {
 public:
  void listen(const InboxKey& key, InboxListener& listener);
  // After it has returned the listener is told nothing any more.
  void unlisten(const InboxKey& key, InboxListener& listener);
  // There is something new: a message, or a mark has moved.
  void tell(const InboxKey& key) const;
  [[nodiscard]] std::size_t open() const;

 private:
  mutable engine::Mutex mutex_;
  std::multimap<InboxKey, InboxListener*> listeners_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
