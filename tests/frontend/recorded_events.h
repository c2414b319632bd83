// The events of a recording, to take out, change and put together again.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "frontend/replay/replayer.h"

namespace bimip::testing {

struct KeptEvent {
  frontend::TapeEvent event;
  std::string words;
};

inline std::vector<KeptEvent> events_of(const std::string& recording) {
  std::istringstream in(recording);
  auto reader = frontend::RecordingReader::open(in);
  EXPECT_TRUE(reader);
  std::vector<KeptEvent> events;
  while (const auto event = reader->next())
    events.push_back({.event = event->event, .words = std::string(event->words)});
  EXPECT_FALSE(reader->is_torn());
  return events;
}

inline frontend::ReplayReport replay_of(
    const std::vector<KeptEvent>& events,
    frontend::RecordedCore core = frontend::RecordedCore::kSessions) {
  std::stringstream file;
  frontend::RecordingWriter writer(file, {.core = core}, 1'000'000'000);
  for (const KeptEvent& event : events) EXPECT_TRUE(writer.add(event.event, event.words));
  EXPECT_TRUE(writer.flush());
  auto report = frontend::replay(file);
  EXPECT_TRUE(report);
  return *report;
}

// Every event of this kind, another in its last byte.
inline std::vector<KeptEvent> with_others(std::vector<KeptEvent> events, frontend::TapeEvent kind) {
  for (KeptEvent& event : events) {
    if (event.event == kind) event.words.back() ^= 1;
  }
  return events;
}

// Replays what has any words instead of those of one event, which does no harm. Checksums vouch for
// blocks, not for whoever wrote them.
inline void replay_any_words(const std::vector<KeptEvent>& events, frontend::RecordedCore core) {
  std::mt19937_64 random(7);  // NOLINT: repeatable
  for (int round = 0; round < 3000; ++round) {
    std::vector<KeptEvent> changed = events;
    std::string& words = changed[random() % changed.size()].words;
    if (words.empty()) continue;
    switch (random() % 3) {
      case 0:
        words[random() % words.size()] ^= static_cast<char>(1U << (random() % 8));
        break;
      case 1:
        words.resize(random() % words.size());
        break;
      default:
        words.insert(random() % words.size(), 1, static_cast<char>(random()));
    }
    (void)replay_of(changed, core);
  }
}

}  // namespace bimip::testing
