// The folder that a server records into: a file for each shard.
#pragma once

#include <expected>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "frontend/replay/recorder.h"

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

// Makes the folder, for its owner's eyes only. One that has something in it is refused: a recording
// is of one run of a server.
[[nodiscard]] std::expected<void, std::string> make_recording_folder(
    const std::filesystem::path& folder);
[[nodiscard]] std::filesystem::path recording_file(const std::filesystem::path& folder,
                                                   std::uint64_t shard);

}  // namespace bimip::frontend
