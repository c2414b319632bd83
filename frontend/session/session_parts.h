// Of Session's own: what its source files share.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/session.h"
#include "frontend/session/tape.h"

namespace bimip::frontend {

struct Session::Arrival {
  std::chrono::nanoseconds began{};
  std::string carried_token{};
  // What the peer sent together with its Identity, while the token is being checked.
  std::vector<v1::Stanza> held{};
  std::size_t held_bytes = 0;
};

template <typename... Values>
void Session::record(TapeEvent event, const Values&... values) {
  if (Tape* tape = host_.tape()) tape->input(*this, event, values...);
}

}  // namespace bimip::frontend
