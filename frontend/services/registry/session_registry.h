// Which devices have a session, had one, and have not come back: the node's registry of sessions.
// Design: docs/design/registry.md.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/services/in_flight.h"
#include "frontend/services/own_append.h"
#include "frontend/services/registry/device_record.h"

namespace bimip::frontend {

// What the registry tells the session that a device has.
class DeviceHolder {
 public:
  virtual ~DeviceHolder() = default;
  // A newer session has the device. On any thread, with the registry's lock held: must not call it.
  virtual void on_taken_over() = 0;
};

// Every record of the topic "$sessions" is one device, written when its state changes and at no
// other time; the newest of a key counts. Known here at once and durable soon, one record of a
// device on its way at a time. Thread-safe. Outlives its log's answers: the log is closed before it
// goes.
class SessionRegistry {
 public:
  static constexpr std::string_view kTopic = "$sessions";

  // Makes the topic when it is missing, and reads all of it; blocks. Who had a session when the
  // server ended has none now: it is given the usual time to come back before that is written.
  [[nodiscard]] static engine::Result<std::unique_ptr<SessionRegistry>> open(
      engine::Log& log, const engine::Clock& clock);

  struct Entering {
    DeviceKey key{};
    std::string session_id{};
    std::string transport{};
    DeviceHolder& holder;
  };
  // The device is this session's from now on; the session that had it is told. Answers how many
  // sessions the device has had. kBusy: there are as many devices as there may be.
  [[nodiscard]] engine::Result<std::uint64_t> enter(const Entering& entering);
  // Whether a session has it now.
  [[nodiscard]] bool is_held(const DeviceKey& key) const;
  // After it has returned the holder is told nothing any more. Does nothing for one whose device
  // was taken over.
  void leave(const DeviceKey& key, std::uint64_t epoch);
  // What is due: sessions that have ended and did not come back, devices that are forgotten.
  void on_tick();

  struct Device {
    DeviceKey key{};
    DeviceFacts facts{};
  };
  // In the order of their keys, from behind `after`; of this entity, or of all where it is empty.
  [[nodiscard]] std::vector<Device> list(const std::string& eid, const DeviceKey& after,
                                         std::size_t devices_max) const;

  struct Numbers {
    std::uint64_t connected = 0;
    std::uint64_t suspended = 0;
    std::uint64_t expired = 0;
    std::uint64_t taken_over = 0;  // ever
  };
  [[nodiscard]] Numbers numbers() const;
  // Waits until the log has answered for everything: before it is closed.
  void settle() { in_flight_.wait(); }

 private:
  struct Entry {
    DeviceFacts facts{};
    DeviceHolder* holder = nullptr;          // null: no session
    std::optional<engine::Timestamp> due{};  // when the state changes by itself
    bool is_dirty = false;                   // the log has another one
    bool on_its_way = false;
    bool is_forgotten = false;  // its tombstone is to be written
  };
  using Entries = std::map<DeviceKey, Entry>;
  using Appends = std::vector<std::pair<DeviceKey, KeyedRecord>>;

  SessionRegistry(engine::Log& log, const engine::Clock& clock, engine::TopicId topic)
      : log_(log), clock_(clock), topic_(topic) {}
  void apply(const engine::Record& record);
  void begin();
  void set_due(Entries::value_type& entry, std::optional<engine::Timestamp> due) REQUIRES(mutex_);
  void set_state(Entries::value_type& entry, DeviceState state, engine::Timestamp since)
      REQUIRES(mutex_);
  void on_due(Entries::value_type& entry, engine::Timestamp now) REQUIRES(mutex_);
  void write(Entries::value_type& entry, Appends& appends) REQUIRES(mutex_);
  void on_appended(const DeviceKey& key, bool stored);
  void hand_over(Appends appends);
  [[nodiscard]] std::uint64_t& count_of(DeviceState state) REQUIRES(mutex_);

  engine::Log& log_;
  const engine::Clock& clock_;
  const engine::TopicId topic_;
  mutable engine::Mutex mutex_;  // held while holders are told
  Entries entries_ GUARDED_BY(mutex_);
  std::set<std::pair<engine::Timestamp, DeviceKey>> due_ GUARDED_BY(mutex_);
  std::set<DeviceKey> refused_ GUARDED_BY(mutex_);  // by the log; tried again
  Numbers numbers_ GUARDED_BY(mutex_);
  InFlight in_flight_;
};

}  // namespace bimip::frontend
