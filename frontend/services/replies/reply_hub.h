// Who waits for replies, and which topics somebody listens to. Design:
// docs/design/request-reply.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/thread_annotations.h"
#include "engine/base/types.h"

namespace bimip::frontend {

// What somebody answers.
struct ReplyLetter {
  std::uint64_t correlation = 0;
  std::string from{};  // the eid
  std::string value{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

class ReplyListener {
 public:
  virtual ~ReplyListener() = default;
  // On any thread, with the hub's lock held: must not block or call the hub. False: the request is
  // over, and nothing came of it.
  [[nodiscard]] virtual bool on_reply(ReplyLetter letter) = 0;
};

enum class ReplyOutcome : std::uint8_t {
  kHandedOver,   // it is what the request is answered with
  kNobody,       // nobody listens at the address
  kRequestOver,  // it was answered by another, or its time had passed
};

// Of the whole node. Thread-safe. Nothing of it is stored: an address lives as long as its session.
class ReplyHub {
 public:
  void listen(const std::string& address, ReplyListener& listener);
  // After it has returned the listener is told nothing any more.
  void unlisten(const std::string& address);
  [[nodiscard]] ReplyOutcome send(const std::string& address, ReplyLetter letter);

  // A subscription to the topic has begun, or ended.
  void came(engine::TopicId topic);
  void went(engine::TopicId topic);
  [[nodiscard]] bool has_audience(engine::TopicId topic) const;

 private:
  mutable engine::Mutex mutex_;
  std::map<std::string, ReplyListener*> listeners_ GUARDED_BY(mutex_);
  std::map<engine::TopicId, std::uint64_t> audiences_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
