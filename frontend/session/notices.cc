#include "frontend/session/notices.h"

#include "frontend/session/awareness_desk.h"
#include "frontend/session/device_seat.h"
#include "frontend/session/group_seat.h"
#include "frontend/session/inbox_requests.h"
#include "frontend/session/offer_desk.h"
#include "frontend/session/requests.h"
#include "frontend/session/tape_codec.h"

namespace bimip::frontend {

std::unique_ptr<SessionRequest> make_notice(const std::shared_ptr<Session>& session,
                                            TapeReader& from) {
  switch (get<NoticeKind>(from)) {
    case NoticeKind::kGroup:
      return std::make_unique<GroupNotice>(session, 0, GroupChange{});
    case NoticeKind::kInboxNews:
      return std::make_unique<Inboxes::News>(session, 0);
    case NoticeKind::kTakeover:
      return std::make_unique<TakeoverNotice>(session);
    case NoticeKind::kAwareness:
      return AwarenessDesk::make_push(session);
    case NoticeKind::kOffer:
      return OfferDesk::make_news(session);
    case NoticeKind::kReply:
      return std::make_unique<ReplyNotice>(session, ReplyLetter{});
  }
  return nullptr;
}

}  // namespace bimip::frontend
