#include "frontend/session/device_seat.h"

#include "frontend/session/notices.h"
#include "frontend/session/peer.h"
#include "frontend/session/session.h"
#include "frontend/session/tape.h"

namespace bimip::frontend {

void TakeoverNotice::save(TapeWriter& to) const { put(to, NoticeKind::kTakeover); }
void TakeoverNotice::deliver(Moment) { session()->on_taken_over(); }

DeviceSeat::~DeviceSeat() {
  if (epoch_ != 0) host_.registry()->leave(key_, epoch_);
}

engine::Result<std::uint64_t> DeviceSeat::enter() {
  const std::shared_ptr<Session> session = session_.lock();
  const Peer* const peer = session->peer();
  auto epoch = host_.registry()->enter(
      {.key = key_,
       .session_id = session->id(),
       .transport = peer == nullptr ? std::string() : std::string(peer->facts().transport),
       .holder = *this});
  if (epoch) epoch_ = *epoch;
  return epoch;
}

void DeviceSeat::on_taken_over() {
  is_taken_over_.store(true, std::memory_order_release);
  count_ = {};
  if (std::shared_ptr<Session> session = session_.lock())
    host_.came_back(*std::make_unique<TakeoverNotice>(std::move(session)).release());
}

}  // namespace bimip::frontend
