#include "frontend/replay/recording_rest.h"

#include <algorithm>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "frontend/replay/recording.h"

namespace bimip::frontend {
namespace {

// Behind damage the number of a block is not known: so many are tried.
constexpr std::uint64_t kBlocksLostMax = 1024;
// A block is no longer, so nothing that was cut short is.
constexpr std::size_t kLookedThroughMax = kRecordingBlockHeaderBytes + kRecordingBlockBytesMax;

// A block's beginning, of how much there is; nothing: it is none.
std::optional<std::size_t> length_at(std::string_view bytes) {
  if (bytes.size() < kRecordingBlockHeaderBytes) return std::nullopt;
  const std::byte* at = engine::as_bytes(bytes).data();
  const auto length = engine::load<std::uint32_t>(at + 4);
  if (engine::load<std::uint32_t>(at) != kRecordingMagic || length > kRecordingBlockBytesMax)
    return std::nullopt;
  return kRecordingBlockHeaderBytes + length;
}

bool is_whole(std::string_view bytes, std::uint64_t number) {
  const auto length = length_at(bytes);
  if (!length || *length > bytes.size()) return false;
  const std::string_view words = bytes.substr(0, *length).substr(kRecordingBlockHeaderBytes);
  return engine::load<std::uint64_t>(engine::as_bytes(bytes).data() + 8) ==
         recording_checksum(words, number);
}

// A whole block anywhere behind what is not whole: then that was, once.
bool has_whole_block(std::string_view rest, std::uint64_t first_number) {
  for (std::size_t at = 1; at + kRecordingBlockHeaderBytes <= rest.size(); ++at) {
    const std::string_view there = rest.substr(at);
    if (!length_at(there)) continue;
    const std::uint64_t lost_max = std::min(kBlocksLostMax, at / kRecordingBlockHeaderBytes + 1);
    for (std::uint64_t lost = 0; lost <= lost_max; ++lost) {
      if (is_whole(there, first_number + lost)) return true;
    }
  }
  return false;
}

// What a write leaves that was cut short: less than its header says, or zeros where it was to be.
bool is_cut_short(std::string_view rest) {
  if (rest.size() < kRecordingBlockHeaderBytes) return true;
  if (std::ranges::all_of(rest, [](char byte) { return byte == 0; })) return true;
  const auto length = length_at(rest);
  if (!length) return false;
  const std::string_view words = rest.substr(kRecordingBlockHeaderBytes);
  return *length > rest.size() || std::ranges::all_of(words, [](char byte) { return byte == 0; });
}

// The bytes from `at` on, as far as there are any.
std::string read_at(std::istream& in, std::uint64_t at, std::size_t bytes_max) {
  in.clear();
  in.seekg(static_cast<std::streamoff>(at));
  std::string bytes(bytes_max, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes_max));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return bytes;
}

std::uint64_t size_of(std::istream& in) {
  in.clear();
  in.seekg(0, std::ios::end);
  return static_cast<std::uint64_t>(std::max<std::streamoff>(in.tellg(), 0));
}

}  // namespace

RecordingRest rest_of(std::istream& recording) {
  const std::uint64_t size = size_of(recording);
  RecordingRest rest;
  std::uint64_t at = 0;
  for (; at < size; ++rest.block) {
    const auto length = length_at(read_at(recording, at, kRecordingBlockHeaderBytes));
    if (!length || !is_whole(read_at(recording, at, *length), rest.block)) break;
    at += *length;
  }
  rest.bytes = size - at;
  if (rest.bytes == 0) return rest;
  const std::string bytes =
      read_at(recording, at, std::min<std::uint64_t>(rest.bytes, kLookedThroughMax));
  const bool is_torn =
      bytes.size() == rest.bytes && is_cut_short(bytes) && !has_whole_block(bytes, rest.block);
  rest.kind = is_torn ? RecordingRest::Kind::kTorn : RecordingRest::Kind::kDamaged;
  return rest;
}

}  // namespace bimip::frontend
