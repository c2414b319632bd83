#include "tools/log/block_walk.h"

#include <algorithm>
#include <cstring>
#include <system_error>

#include "engine/segment/block_reader.h"

namespace bimip::log_tools {
namespace {

// One read of the device, and in front of it room for the part of a block that the read before
// ended in.
constexpr std::size_t kReadBytes = 4 * 1024 * 1024;
constexpr std::size_t kRoomInFront = limits::kBlockBytesMax;
static_assert(kReadBytes >= limits::kBlockBytesMax);
// The unit that a device writes whole.
constexpr std::size_t kDeviceSectorBytes = 512;
static_assert(kBlockHeaderBytes <= kDeviceSectorBytes);

}  // namespace

BlockWalk::BlockWalk(const Place& place)
    : place_(place),
      position_(place.from),
      buffer_(kRoomInFront + kReadBytes),
      next_buffer_(kRoomInFront + kReadBytes) {}

// Afterwards the window begins at `position` and goes on for a read, or to the file's end.
Status BlockWalk::refill(FilePosition position) {
  Bytes kept;
  const bool goes_on = !window_.empty() && position >= window_start_ && position <= window_end();
  if (goes_on) kept = window_.subspan(position - window_start_);
  window_ = kept;
  window_start_ = position;
  // The file ended inside what is kept: there is no more of it.
  if (kept.size() % limits::kSectorBytes != 0) return {};
  Result<std::size_t> got = read_piece(window_end());
  if (!got) {
    window_ = {};
    return std::unexpected(std::move(got.error()));
  }
  std::byte* const begin = next_buffer_.bytes().data() + kRoomInFront - kept.size();
  std::memcpy(begin, kept.data(), kept.size());
  window_ = {begin, kept.size() + *got};
  std::swap(buffer_, next_buffer_);
  if (place_.bytes_read != nullptr) *place_.bytes_read += *got;
  if (goes_on) read_ahead(window_end());
  return {};
}

// Into `next_buffer_`; it may have been read already.
Result<std::size_t> BlockWalk::read_piece(FilePosition from) {
  if (ahead_.valid()) {
    Result<std::size_t> got = ahead_.get();
    if (ahead_from_ == from) return got;
  }
  return place_.file.read_at(from, next_buffer_.bytes().subspan(kRoomInFront));
}

void BlockWalk::read_ahead(FilePosition from) {
  if (from >= FilePosition(place_.file.bytes())) return;
  ahead_from_ = from;
  const auto read = [&file = place_.file, from, into = next_buffer_.bytes().subspan(kRoomInFront)] {
    return file.read_at(from, into);
  };
  try {
    ahead_ = std::async(std::launch::async, read);
  } catch (const std::system_error&) {
    // No thread is to be had: it is read when it is wanted.
  }
}

Result<Bytes> BlockWalk::look(FilePosition position, std::size_t count) {
  const auto inside = [&] { return position >= window_start_ && position + count <= window_end(); };
  const bool at_file_end = window_end() >= FilePosition(place_.file.bytes());
  const bool begun = position >= window_start_ && position <= window_end();
  if (!inside() && !(at_file_end && begun && !window_.empty())) {
    if (Status done = refill(position); !done) return std::unexpected(std::move(done.error()));
  }
  const std::size_t skip = position - window_start_;
  return window_.subspan(skip, std::min(count, window_.size() - skip));
}

Result<BlockWalk::Found> BlockWalk::block_at(FilePosition position) {
  Result<Bytes> head = look(position, limits::kSectorBytes);
  if (!head) return std::unexpected(std::move(head.error()));
  if (head->size() < kBlockHeaderBytes)
    return fail(ErrorCode::kDamaged, "the file ends where a block should begin");
  Result<BlockHeader> header = decode_block_header(*head);
  if (!header) return std::unexpected(std::move(header.error()));
  if (Status here = check_place(*header, place_.segment, position); !here)
    return std::unexpected(std::move(here.error()));
  if (position + header->block_bytes > place_.end &&
      position + header->block_bytes > FilePosition(place_.file.bytes())) {
    return fail(ErrorCode::kDamaged, "the file ends inside a block");
  }
  Result<Bytes> whole = look(position, header->block_bytes);
  if (!whole) return std::unexpected(std::move(whole.error()));
  if (whole->size() < header->block_bytes)
    return fail(ErrorCode::kDamaged, "the file ends inside a block");
  if (Status good = check_payload(*header, *whole); !good)
    return std::unexpected(std::move(good.error()));
  return Found{.header = *header, .bytes = *whole};
}

Result<BlockWalk::Found> BlockWalk::next() {
  Result<Found> block = block_at(position_);
  if (block) {
    position_ += block->header.block_bytes;
    nonzero_end_ = std::max(nonzero_end_, position_);
  }
  return block;
}

Result<std::optional<BlockWalk::Found>> BlockWalk::next_good() {
  while (!at_end()) {
    Result<Found> block = next();
    if (block) return *block;
    if (block.error().code == ErrorCode::kIo) return std::unexpected(std::move(block.error()));
    Result<std::optional<BlockHeader>> good = resync();
    if (!good) return std::unexpected(std::move(good.error()));
    if (!*good) break;
  }
  return std::nullopt;
}

Result<Arrival> BlockWalk::examine() {
  Result<Bytes> head = look(position_, limits::kSectorBytes);
  if (!head) return std::unexpected(std::move(head.error()));
  if (all_zero(head->first(std::min(head->size(), kDeviceSectorBytes)))) return Arrival::kNothing;
  const Result<BlockHeader> header = decode_block_header(*head);
  if (!header || !check_place(*header, place_.segment, position_)) return Arrival::kWhole;
  Result<Bytes> block = look(position_, header->block_bytes);
  if (!block) return std::unexpected(std::move(block.error()));
  const std::size_t records_end =
      std::min(kBlockHeaderBytes + header->payload_bytes, block->size());
  for (std::size_t at = kDeviceSectorBytes; at < records_end; at += kDeviceSectorBytes) {
    if (all_zero(block->subspan(at, std::min(kDeviceSectorBytes, records_end - at))))
      return Arrival::kPart;
  }
  // A file is never shorter than the space that was reserved for a block.
  return Arrival::kWhole;
}

Result<std::optional<BlockHeader>> BlockWalk::resync() {
  for (FilePosition probe = position_; probe < place_.end; probe += limits::kSectorBytes) {
    Result<Bytes> sector = look(probe, limits::kSectorBytes);
    if (!sector) return std::unexpected(std::move(sector.error()));
    if (sector->empty()) break;
    if (all_zero(*sector)) continue;
    nonzero_end_ = std::max(nonzero_end_, probe + sector->size());
    if (probe == position_) continue;
    const Result<Found> block = block_at(probe);
    if (block) {
      position_ = probe;
      return block->header;
    }
    if (block.error().code == ErrorCode::kIo) return std::unexpected(block.error());
  }
  return std::nullopt;
}

}  // namespace bimip::log_tools
