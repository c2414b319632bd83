#include "frontend/replay/recording_folder.h"

#include <algorithm>
#include <system_error>

namespace bimip::frontend {

namespace fs = std::filesystem;

namespace {

std::expected<std::ofstream, std::string> open_file(const fs::path& file) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  std::error_code error;
  if (out) fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, error);
  if (!out || error) return std::unexpected("record: " + file.string() + " cannot be written");
  return out;
}

}  // namespace

std::expected<std::unique_ptr<ShardRecording>, std::string> ShardRecording::create(
    const fs::path& file, const RecordingHead& head, std::uint64_t bytes_max) {
  auto out = open_file(file);
  if (!out) return std::unexpected(std::move(out.error()));
  return std::unique_ptr<ShardRecording>(new ShardRecording(std::move(*out), head, bytes_max));
}

std::expected<std::unique_ptr<CoreRecording>, std::string> CoreRecording::create(
    const fs::path& file, const RecordingHead& head, std::uint64_t bytes_max, Ended on_ended) {
  auto out = open_file(file);
  if (!out) return std::unexpected(std::move(out.error()));
  return std::unique_ptr<CoreRecording>(
      new CoreRecording(std::move(*out), head, bytes_max, std::move(on_ended)));
}

void CoreRecording::write(TapeEvent event, std::string_view words) {
  if (!writer_.is_open()) return;
  (void)writer_.add(event, words);
  if (!writer_.is_open()) on_ended_();
}

void CoreRecording::flush() {
  if (!writer_.is_open()) return;
  (void)writer_.flush();
  if (!writer_.is_open()) on_ended_();
}

std::expected<void, std::string> make_recording_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  const bool is_empty = !error && fs::is_empty(folder, error);
  if (error) return std::unexpected("record: " + folder.string() + ": " + error.message());
  if (is_empty) return {};
  return std::unexpected("record: " + folder.string() +
                         " has something in it; a recording is of one run: name another folder");
}

std::string recording_name(RecordedCore core, std::uint64_t shard) {
  const std::string name = core == RecordedCore::kSessions ? "shard-" + std::to_string(shard)
                                                           : std::string(name_of(core));
  return name + std::string(kRecordingExtension);
}

std::vector<std::string> recording_names(std::uint64_t shards) {
  std::vector<std::string> names{recording_name(RecordedCore::kAwareness, 0),
                                 recording_name(RecordedCore::kOffers, 0)};
  for (std::uint64_t shard = 0; shard < std::min(shards, kRecordedShardsMax); ++shard)
    names.push_back(recording_name(RecordedCore::kSessions, shard));
  return names;
}

fs::path recording_file(const fs::path& folder, std::uint64_t shard) {
  return folder / recording_name(RecordedCore::kSessions, shard);
}

fs::path recording_file(const fs::path& folder, RecordedCore core) {
  return folder / recording_name(core, 0);
}

}  // namespace bimip::frontend
