#include "engine/segment/block_reader.h"

#include <algorithm>

namespace bimip::engine {
bool all_zero(Bytes bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

Result<Bytes> BlockReader::look(FilePosition position, std::size_t count) {
  if (!is_at_hand(position, count)) {
    Result<std::size_t> got = read_chunk(position, std::max(count, place_.chunk_bytes));
    // Of a device that fails somewhere in there, just what is wanted.
    if (!got && place_.through == ReadThrough::kDevice && count < place_.chunk_bytes)
      got = read_chunk(position, count);
    if (!got) {
      chunk_.reset();
      return std::unexpected(std::move(got.error()));
    }
    chunk_start_ = position;
    chunk_bytes_ = *got;
    bytes_read_ += *got;
  }
  const std::size_t skip = position - chunk_start_;
  return Bytes(chunk_->bytes()).subspan(skip, std::min(count, chunk_bytes_ - skip));
}

Result<std::size_t> BlockReader::read_chunk(FilePosition position, std::size_t bytes) {
  chunk_ = std::make_shared<Buffer>(pool_.take(bytes));
  return place_.through == ReadThrough::kCache
             ? place_.file->read_at(position, chunk_->bytes())
             : place_.file->read_aligned_at(position, chunk_->bytes());
}

Result<BlockRef> BlockReader::block_at(FilePosition position) {
  Result<Bytes> head = look(position, limits::kSectorBytes);
  if (!head) return std::unexpected(std::move(head.error()));
  if (head->size() < kBlockHeaderBytes)
    return fail(ErrorCode::kDamaged, "the file ends where a block should begin");
  Result<BlockHeader> header = decode_block_header(*head, place_.segment.store);
  if (!header) return std::unexpected(std::move(header.error()));
  if (Status here = check_place(*header, place_.segment, position); !here) {
    return std::unexpected(std::move(here.error()));
  }
  Result<Bytes> whole = look(position, header->block_bytes);
  if (!whole) return std::unexpected(std::move(whole.error()));
  if (whole->size() < header->block_bytes)
    return fail(ErrorCode::kDamaged, "the file ends inside a block");
  if (Status good = check_payload(*header, *whole); !good)
    return std::unexpected(std::move(good.error()));
  return std::make_shared<const Block>(*header, *whole, chunk_);
}

Result<BlockRef> BlockReader::next() {
  Result<BlockRef> block = block_at(position_);
  if (block) {
    position_ += (*block)->header.block_bytes;
    nonzero_end_ = std::max(nonzero_end_, position_);
  }
  return block;
}

std::optional<BlockRef> BlockReader::next_at_hand() {
  if (!is_at_hand(position_, limits::kSectorBytes)) return std::nullopt;
  const Bytes head = Bytes(chunk_->bytes()).subspan(position_ - chunk_start_, limits::kSectorBytes);
  const Result<BlockHeader> header = decode_block_header(head, place_.segment.store);
  if (!header || !is_at_hand(position_, header->block_bytes)) return std::nullopt;
  Result<BlockRef> block = next();
  if (!block) return std::nullopt;
  return std::move(*block);
}

Result<std::optional<BlockHeader>> BlockReader::resync() {
  for (FilePosition probe = position_; probe < place_.end;) {
    Result<Bytes> sector = look(probe, limits::kSectorBytes);
    if (!sector) return std::unexpected(std::move(sector.error()));
    if (sector->empty()) break;
    std::size_t step = limits::kSectorBytes;
    if (all_zero(*sector)) {
      if (probe - std::max(position_, nonzero_end_) >= place_.zeros_max) break;
    } else {
      nonzero_end_ = std::max(nonzero_end_, probe + sector->size());
      Result<BlockRef> block = block_at(probe);
      if (!block && block.error().code == ErrorCode::kIo)
        return std::unexpected(std::move(block.error()));
      if (block && probe > position_) {
        position_ = probe;
        return (*block)->header;
      }
      if (block) {
        step = (*block)->header.block_bytes;
        nonzero_end_ = std::max(nonzero_end_, probe + step);
      }
    }
    probe += step;
  }
  return std::nullopt;
}

}  // namespace bimip::engine
