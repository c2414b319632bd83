#include "frontend/session/session.h"
#include "frontend/session/tape.h"

namespace bimip::frontend {

SessionRequest::SessionRequest(std::shared_ptr<Session> session) : session_(std::move(session)) {
  if (Tape* tape = session_->host().tape()) number_ = tape->on_request(*this);
}

SessionRequest::~SessionRequest() {
  if (number_ == 0) return;
  if (Tape* tape = session_->host().tape()) tape->on_request_gone(*this);
}

void SessionRequest::come_back(Moment now) {
  if (Tape* tape = session_->host().tape()) tape->on_came_back(*this, now);
  deliver(now);
}

void SessionRequest::come_back_with(TapeReader& told, Moment now) {
  restore(told);
  if (told.ok()) deliver(now);
}

}  // namespace bimip::frontend
