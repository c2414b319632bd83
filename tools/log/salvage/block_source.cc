#include "tools/log/salvage/block_source.h"

namespace bimip::log_tools {

Result<Bytes> BlockSource::read(const BlockEvidence& block) {
  const Path& path = evidence_.files[block.file].path;
  if (file_ == nullptr || file_->path() != path) {
    Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(path, ReadVia::kPageCache);
    if (!file) return std::unexpected(std::move(file.error()));
    file_ = std::move(*file);
  }
  const MutableBytes bytes = memory_.bytes().first(block.header.block_bytes);
  Result<std::size_t> got = file_->read_at(block.position, bytes);
  if (!got) return std::unexpected(std::move(got.error()));
  const Result<BlockHeader> header = decode_block_header(bytes);
  if (*got != bytes.size() || !header || *header != block.header ||
      !check_payload(*header, bytes)) {
    return fail(ErrorCode::kIo, path.string() + ": the block at " +
                                    std::to_string(block.position.value()) +
                                    " is not what it was a moment ago");
  }
  return bytes;
}

}  // namespace bimip::log_tools
