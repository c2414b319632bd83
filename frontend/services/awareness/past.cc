#include "frontend/services/awareness/past.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "frontend/services/awareness/precedence.h"
#include "frontend/services/awareness/privacy.h"

namespace bimip::frontend {
namespace {

const Transition kOutOfSight{.state = UserState::kOffline};

// Where a broken-off answer ends tells that much of what was passed over.
constexpr std::chrono::hours kCoarse{1};

bool is_same_look(const Transition& one, const Transition& other) {
  return one.state == other.state && one.text == other.text;
}

}  // namespace

void Past::look(engine::Timestamp begin, const Transition& what) {
  if (!open_ || !is_same_look(*open_, what)) {
    if (open_) found_.push_back(*std::move(open_));
    open_ = {.state = what.state, .text = what.text};
  }
  open_->at = begin;
}

bool Past::add(Transition older) {
  if (older.at >= begin_) return false;
  const engine::Timestamp end = std::exchange(begin_, older.at);
  if (reader_.is_own) {
    look(older.at, older);
  } else if (!is_shown(older.state)) {
    look(older.at, kOutOfSight);
  } else {
    engine::Timestamp rest = end;
    const auto parts =
        known_parts(older.audience, reader_.relation, {.begin = older.at, .end = end});
    for (const KnownPart& part : parts | std::views::reverse) {
      if (part.end < rest) look(part.end, kOutOfSight);
      look(part.begin, older);
      rest = part.begin;
    }
    if (rest > older.at) look(older.at, kOutOfSight);
  }
  return !found_.empty() && (found_.back().at <= range_.from || found_.size() > range_.most);
}

// Before everything that is known it was out of sight: that is no transition.
HistoryAnswer Past::end() {
  if (open_ && (reader_.is_own || open_->state != UserState::kOffline)) found_.push_back(*open_);
  return answer();
}

engine::Timestamp Past::rest_until() const {
  return std::chrono::floor<std::chrono::hours>(begin_) + kCoarse;
}

bool Past::can_break_off() const { return begin_ <= range_.from || rest_until() < range_.until; }

HistoryAnswer Past::break_off() {
  if (begin_ <= range_.from) {
    if (open_ && open_->state != UserState::kOffline) {
      open_->at = range_.from;
      found_.push_back(*open_);
    }
    HistoryAnswer whole = answer();
    whole.is_begin_known = false;
    return whole;
  }
  // The rest tells of what began before its end.
  std::erase_if(found_, [&](const Transition& one) { return one.at < rest_until(); });
  HistoryAnswer part = answer();
  part.rest_until = rest_until();
  return part;
}

HistoryAnswer Past::answer() const {
  HistoryAnswer answer;
  for (const Transition& one : found_) {
    if (answer.transitions.size() == range_.most && one.at > range_.from) {
      answer.rest_until = answer.transitions.back().at;
      break;
    }
    answer.transitions.push_back(one);
    if (one.at <= range_.from) break;
  }
  std::ranges::reverse(answer.transitions);
  return answer;
}

}  // namespace bimip::frontend
