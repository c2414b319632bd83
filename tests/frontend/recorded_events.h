// The events of a recording, to take out, change and put together again.
#pragma once

#include <gtest/gtest.h>

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

}  // namespace bimip::testing
