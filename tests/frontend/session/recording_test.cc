// The file of a recording, and what a replay finds in one that was changed.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/engine/format/hex_dump.h"
#include "tests/frontend/recorded_events.h"
#include "tests/frontend/session/world.h"

namespace bimip::testing {
namespace {

// What a client's publish and an unsubscribed topic leave behind.
std::string some_recording() {
  World world;
  world.create_topic("events");
  {
    const auto client = Client::welcomed(world);
    client->publish("events", "a value");
    EXPECT_TRUE(client->said().at(0).has_published());
    client->publish("nowhere", "another");
    EXPECT_TRUE(client->said().at(0).has_error());
  }
  return world.recorded();
}

TEST(Recording, GivesBackWhatWasPutIn) {
  std::stringstream file;
  const std::string large(kRecordingBlockBytes + 10, 'x');
  {
    RecordingWriter writer(
        file, {.shard = 7, .checks_tokens = true, .shards = 9, .build = "a build"}, 1'000'000);
    EXPECT_TRUE(writer.add(TapeEvent::kTick, "one"));
    EXPECT_TRUE(writer.add(TapeEvent::kStanza, large));
    EXPECT_TRUE(writer.add(TapeEvent::kSent, ""));
    writer.end();
  }
  auto reader = RecordingReader::open(file);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->head().shard, 7U);
  EXPECT_TRUE(reader->head().checks_tokens);
  EXPECT_EQ(reader->head().shards, 9U);
  EXPECT_EQ(reader->head().build, "a build");
  EXPECT_EQ(reader->peek()->words, "one");
  EXPECT_EQ(reader->next()->words, "one");
  EXPECT_EQ(reader->next()->words, large);
  EXPECT_EQ(reader->next()->event, TapeEvent::kSent);
  EXPECT_EQ(reader->next()->event, TapeEvent::kEnd);
  EXPECT_FALSE(reader->next());
  EXPECT_FALSE(reader->is_torn());
}

TEST(Recording, BeginsAsItsPageShows) {
  std::stringstream file;
  const RecordingWriter writer(
      file,
      {.began = engine::Timestamp(std::chrono::microseconds(1'700'000'000'000'000)),
       .shards = 2,
       .build = "0.1.0+0123456789ab"},
      1000);
  std::ifstream page(BIMIP_DESIGN_PAGES "/format-recording.md");
  const std::string text{std::istreambuf_iterator<char>(page), {}};
  const std::string shown = hex_dump(engine::as_bytes(file.str()));
  EXPECT_NE(text.find(shown), std::string::npos) << shown;
}

TEST(Recording, StopsAtItsBoundAndSaysSo) {
  std::stringstream file;
  RecordingWriter writer(file, {}, 1000);
  EXPECT_TRUE(writer.add(TapeEvent::kTick, std::string(500, 'x')));
  EXPECT_FALSE(writer.add(TapeEvent::kTick, std::string(500, 'x')));
  EXPECT_FALSE(writer.add(TapeEvent::kTick, "x"));
  EXPECT_FALSE(writer.is_open());
  auto reader = RecordingReader::open(file);
  EXPECT_EQ(reader->next()->event, TapeEvent::kTick);
  EXPECT_EQ(reader->next()->event, TapeEvent::kFull);
  EXPECT_FALSE(reader->next());
}

TEST(Recording, BelievesNoBlockThatWasChangedOrCut) {
  const std::string whole = some_recording();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    std::istringstream in(changed);
    auto reader = RecordingReader::open(in);
    if (!reader) continue;  // its first block
    while (reader->next()) {
    }
    EXPECT_TRUE(reader->is_torn()) << "byte " << at;
  }
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    std::istringstream in(whole.substr(0, bytes));
    const auto report = replay(in);
    if (!report) continue;  // its first block
    EXPECT_FALSE(report->difference) << bytes << ": " << report->difference->what;
    EXPECT_EQ(report->end, ReplayReport::End::kOpen);
    EXPECT_NE(report->rest.kind, RecordingRest::Kind::kDamaged) << bytes;
    EXPECT_EQ(report->rest.kind == RecordingRest::Kind::kNothing, report->rest.bytes == 0);
  }
}

// Where each block begins, and the end.
struct Blocks {
  std::string file{};
  std::vector<std::size_t> begins{};
};
Blocks some_blocks() {
  std::stringstream file;
  Blocks blocks;
  RecordingWriter writer(file, {}, 1'000'000);
  for (int i = 0; i < 4; ++i) {
    blocks.begins.push_back(file.str().size());
    EXPECT_TRUE(writer.add(TapeEvent::kTick, std::string(40, static_cast<char>('a' + i))));
    EXPECT_TRUE(writer.flush());
  }
  blocks.file = file.str();
  return blocks;
}
RecordingRest rest_of_bytes(const std::string& bytes) {
  std::istringstream in(bytes);
  return rest_of(in);
}

TEST(RecordingRest, IsNothingBehindWholeBlocks) {
  const Blocks blocks = some_blocks();
  EXPECT_EQ(rest_of_bytes(blocks.file).kind, RecordingRest::Kind::kNothing);
  EXPECT_EQ(rest_of_bytes(blocks.file).block, 5U);
}

TEST(RecordingRest, IsDamageWhereverABlockWithAnotherBehindItWasChanged) {
  const Blocks blocks = some_blocks();
  for (std::size_t at = blocks.begins[0]; at < blocks.begins[3]; ++at) {
    std::string changed = blocks.file;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    const RecordingRest rest = rest_of_bytes(changed);
    EXPECT_EQ(rest.kind, RecordingRest::Kind::kDamaged) << "byte " << at;
    const auto next = std::ranges::upper_bound(blocks.begins, at);
    EXPECT_EQ(rest.block, static_cast<std::size_t>(next - blocks.begins.begin()));
    EXPECT_EQ(rest.bytes, blocks.file.size() - *std::prev(next));
  }
  // Several blocks at once: which number comes next is not known.
  std::string scratched = blocks.file;
  std::fill(scratched.begin() + static_cast<std::ptrdiff_t>(blocks.begins[1]),
            scratched.begin() + static_cast<std::ptrdiff_t>(blocks.begins[3]), '#');
  EXPECT_EQ(rest_of_bytes(scratched).kind, RecordingRest::Kind::kDamaged);
  std::string last = blocks.file;
  last.back() = '!';
  EXPECT_EQ(rest_of_bytes(last).kind, RecordingRest::Kind::kDamaged) << "it was written whole";
}

TEST(RecordingRest, IsTornWhereTheFileEndsInABlockOrInZeros) {
  const Blocks blocks = some_blocks();
  for (std::size_t bytes = blocks.begins[3] + 1; bytes < blocks.file.size(); ++bytes) {
    const RecordingRest rest = rest_of_bytes(blocks.file.substr(0, bytes));
    EXPECT_EQ(rest.kind, RecordingRest::Kind::kTorn) << bytes;
    EXPECT_EQ(rest.block, 4U);
    EXPECT_EQ(rest.bytes, bytes - blocks.begins[3]);
  }
  EXPECT_EQ(rest_of_bytes(blocks.file + std::string(4096, '\0')).kind, RecordingRest::Kind::kTorn);
  const std::string header_only =
      blocks.file.substr(0, blocks.begins[3] + kRecordingBlockHeaderBytes) + std::string(42, '\0');
  EXPECT_EQ(rest_of_bytes(header_only).kind, RecordingRest::Kind::kTorn);
}

TEST(Replay, NamesTheBuildThatRecordedWhatDiffers) {
  std::vector<KeptEvent> events = events_of(some_recording());
  events.erase(events.begin());
  EXPECT_FALSE(replay_of(events).difference->what.contains("another build"));
  std::stringstream file;
  RecordingWriter writer(file, {.build = "0.0.9+older"}, 1'000'000);
  for (const KeptEvent& event : events) EXPECT_TRUE(writer.add(event.event, event.words));
  EXPECT_TRUE(writer.flush());
  EXPECT_TRUE(replay(file)->difference->what.contains("another build, 0.0.9+older; this is "));
}

TEST(Replay, SaysThatNothingDiffersAndHowMuchWasCompared) {
  const ReplayReport report = replay_of(events_of(some_recording()));
  EXPECT_FALSE(report.difference);
  EXPECT_EQ(report.end, ReplayReport::End::kWhole);
  EXPECT_EQ(report.sessions, 1U);
  EXPECT_GE(report.inputs, 4U);
  EXPECT_GE(report.outputs, 3U);
  EXPECT_GE(report.states, 2U);
}

TEST(Replay, FindsEveryEventThatIsMissingOrTwiceThere) {
  const std::vector<KeptEvent> events = events_of(some_recording());
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    std::vector<KeptEvent> without = events;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
    // A state that is not compared, a session that lives on after its end: nobody can tell.
    const bool is_needed =
        events[i].event != TapeEvent::kState && events[i].event != TapeEvent::kGone;
    EXPECT_EQ(replay_of(without).difference.has_value(), is_needed) << "event " << i + 1;
  }
}

TEST(Replay, FindsAnAnswerThatWasAnother) {
  std::vector<KeptEvent> events = events_of(some_recording());
  std::size_t changed = 0;
  for (KeptEvent& event : events) {
    if (event.event != TapeEvent::kAnswer) continue;
    event.words.back() = static_cast<char>(event.words.back() ^ 1);
    ++changed;
  }
  EXPECT_GT(changed, 0U);
  EXPECT_TRUE(replay_of(events).difference);
}

TEST(Replay, FindsAStateThatWasAnother) {
  std::vector<KeptEvent> events = events_of(some_recording());
  for (KeptEvent& event : events) {
    if (event.event == TapeEvent::kState) event.words.back() ^= 1;
  }
  const ReplayReport report = replay_of(events);
  ASSERT_TRUE(report.difference);
  EXPECT_EQ(report.difference->what, "session session-1 is in another state than then");
}

TEST(Replay, RefusesWhatIsNoRecording) {
  std::istringstream nothing("");
  EXPECT_EQ(replay(nothing).error().code, ErrorCode::kDamaged);
  std::istringstream text("a text that somebody wrote");
  EXPECT_EQ(replay(text).error().code, ErrorCode::kDamaged);
}

}  // namespace
}  // namespace bimip::testing
