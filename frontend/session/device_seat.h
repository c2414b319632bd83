// A session's hold on its device in the registry.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "frontend/services/registry/session_registry.h"
#include "frontend/session/entity_count.h"
#include "frontend/session/host.h"

namespace bimip::frontend {

// The session is told that a newer one has its device.
class TakeoverNotice final : public SessionRequest {
 public:
  explicit TakeoverNotice(std::shared_ptr<Session> session)
      : SessionRequest(std::move(session), Unasked{}) {}
  void save(TapeWriter& to) const override;
  void restore(TapeReader&) override {}
  void deliver(Moment now) override;
};

// Owned by the session, on its thread; on_taken_over() comes on any. Leaves when it is destroyed.
// `count` is the session's, which outlives it, and leaves it alone from enter() on: whose device is
// taken over counts no more, however long its connection lasts.
class DeviceSeat final : public DeviceHolder {
 public:
  DeviceSeat(const std::shared_ptr<Session>& session, SessionHost& host, DeviceKey key,
             EntityCount::Entry& count)
      : session_(session), host_(host), key_(std::move(key)), count_(count) {}
  ~DeviceSeat() override;
  DeviceSeat(const DeviceSeat&) = delete;
  DeviceSeat& operator=(const DeviceSeat&) = delete;

  // As SessionRegistry::enter().
  [[nodiscard]] engine::Result<std::uint64_t> enter();
  // At once, whenever its notice comes.
  [[nodiscard]] bool is_taken_over() const {
    return is_taken_over_.load(std::memory_order_acquire);
  }

  void on_taken_over() override;

 private:
  const std::weak_ptr<Session> session_;
  SessionHost& host_;
  const DeviceKey key_;
  EntityCount::Entry& count_;
  std::uint64_t epoch_ = 0;  // 0: it has not entered
  std::atomic<bool> is_taken_over_{false};
};

}  // namespace bimip::frontend
