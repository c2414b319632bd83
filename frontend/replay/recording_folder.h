// The folder that a server records into: a file for each shard, and one for each core of the node.
#pragma once

#include <expected>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "frontend/replay/recorder.h"
#include "frontend/session/core_tape.h"

namespace bimip::frontend {

// One shard's file, and the tape that writes it. Owner-thread only.
class ShardRecording {
 public:
  // The file is there and empty. Why not, if not.
  [[nodiscard]] static std::expected<std::unique_ptr<ShardRecording>, std::string> create(
      const std::filesystem::path& file, const RecordingHead& head, std::uint64_t bytes_max);
  [[nodiscard]] Recorder& recorder() { return recorder_; }

 private:
  ShardRecording(std::ofstream file, const RecordingHead& head, std::uint64_t bytes_max)
      : file_(std::move(file)), recorder_(file_, head, bytes_max) {}
  std::ofstream file_;
  Recorder recorder_;
};

// The file of a core of the node. Used by one thread at a time.
class CoreRecording final : public CoreTape {
 public:
  // Once, when it is at its bound or can't be written.
  using Ended = std::function<void()>;
  [[nodiscard]] static std::expected<std::unique_ptr<CoreRecording>, std::string> create(
      const std::filesystem::path& file, const RecordingHead& head, std::uint64_t bytes_max,
      Ended on_ended);
  void write(TapeEvent event, std::string_view words) override;
  void flush() override;
  void end() override { writer_.end(); }
  [[nodiscard]] bool is_open() const override { return writer_.is_open(); }

 private:
  CoreRecording(std::ofstream file, const RecordingHead& head, std::uint64_t bytes_max,
                Ended on_ended)
      : file_(std::move(file)), writer_(file_, head, bytes_max), on_ended_(std::move(on_ended)) {}
  std::ofstream file_;
  RecordingWriter writer_;
  const Ended on_ended_;
};

// Makes the folder, for its owner's eyes only. One that has something in it is refused: a recording
// is of one run of a server.
[[nodiscard]] std::expected<void, std::string> make_recording_folder(
    const std::filesystem::path& folder);
// The file of a core: of sessions, this shard's.
[[nodiscard]] std::string recording_name(RecordedCore core, std::uint64_t shard);
// All that a server of so many shards makes.
[[nodiscard]] std::vector<std::string> recording_names(std::uint64_t shards);
[[nodiscard]] std::filesystem::path recording_file(const std::filesystem::path& folder,
                                                   std::uint64_t shard);
// Of a core of the node.
[[nodiscard]] std::filesystem::path recording_file(const std::filesystem::path& folder,
                                                   RecordedCore core);

}  // namespace bimip::frontend
