#include "frontend/replay/core_replay.h"

#include "engine/base/hash.h"

namespace bimip::frontend {

ReplayReport CoreReplay::run() {
  report_.head = reader_.head();
  while (!report_.difference) {
    const std::optional<RecordedEvent> event = reader_.next();
    if (!event) break;
    ++report_.events;
    if (event->event == TapeEvent::kEnd || event->event == TapeEvent::kFull) {
      report_.end =
          event->event == TapeEvent::kEnd ? ReplayReport::End::kWhole : ReplayReport::End::kFull;
      break;
    }
    TapeReader from(event->words, memory_);
    take(event->event, from);
    if (!from.ok()) differ("an event that says less than its kind says");
  }
  return std::move(report_);
}

void CoreReplay::differ(std::string what) {
  if (!report_.difference) report_.difference = {.event = report_.events, .what = std::move(what)};
}

void CoreReplay::take(TapeEvent event, TapeReader& from) {
  if (begin(event, from)) return;
  if (event == TapeEvent::kSaid) return compare_said(from);
  if (said_) return differ("it says something where it said nothing then");
  if (event == TapeEvent::kCoreState) return compare_state(from);
  ++report_.inputs;
  if (!tell(event, from)) differ("an event of a kind that this program does not know");
}

void CoreReplay::compare_said(TapeReader& from) {
  if (!said_) return differ("it says nothing where it said something then");
  ++report_.outputs;
  const bool is_same = engine::xxh3_64(engine::as_bytes(*said_)) == from.fixed();
  said_.reset();
  if (!is_same) differ("it says something else than then");
}

void CoreReplay::compare_state(TapeReader& from) {
  ++report_.states;
  if (state_hash() != from.fixed()) differ("it is in another state than then");
}

}  // namespace bimip::frontend
