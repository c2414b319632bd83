#include "tools/log/backup/object_copy.h"

#include <algorithm>

#include "engine/base/hash.h"
#include "tools/log/aligned_bytes.h"

namespace bimip::log_tools {
namespace {

constexpr std::size_t kPieceBytes = 1024 * 1024;

// Calls `on_piece` with each mebibyte of the file's first `bytes`.
template <typename OnPiece>
Result<Copied> read_pieces(const Path& path, std::uint64_t bytes, OnPiece on_piece) {
  Result<std::unique_ptr<ReadOnlyFile>> file = ReadOnlyFile::open(path, ReadVia::kPageCache);
  if (!file) return std::unexpected(std::move(file.error()));
  AlignedBytes piece(kPieceBytes);
  std::vector<Hash128> hashes;
  for (FilePosition at(0); at.value() < bytes;) {
    const std::size_t count = std::min<std::uint64_t>(kPieceBytes, bytes - at.value());
    const MutableBytes into = piece.bytes().first(count);
    Result<std::size_t> got = (*file)->read_at(at, into);
    if (!got) return std::unexpected(std::move(got.error()));
    if (*got < count) return fail(ErrorCode::kDamaged, path.string() + ": has become shorter");
    hashes.push_back(xxh3_128(into));
    if (Status done = on_piece(at, into); !done) return std::unexpected(std::move(done.error()));
    at += count;
  }
  return Copied{.bytes = bytes, .checksum = xxh3_128(std::as_bytes(std::span(hashes)))};
}

}  // namespace

Result<Copied> copy_object(Device& device, const CopyRequest& request) {
  Path aside = request.to;
  aside += kAsideSuffix;
  if (Status gone = device.remove(aside); !gone && gone.error().code != ErrorCode::kNotFound)
    return std::unexpected(std::move(gone.error()));
  Result<std::shared_ptr<File>> file = device.open(aside, OpenMode::kCreate);
  if (!file) return std::unexpected(std::move(file.error()));
  Result<Copied> copied =
      read_pieces(request.from, request.bytes, [&](FilePosition at, Bytes piece) {
        if (request.bytes_done != nullptr) *request.bytes_done += piece.size();
        return (*file)->write_at(at, piece);
      });
  Status done = copied ? (*file)->sync() : Status(std::unexpected(copied.error()));
  if (done) done = device.rename(aside, request.to);
  if (!done) {
    (void)device.remove(aside);  // the first error is the one to report
    return std::unexpected(std::move(done.error()));
  }
  return copied;
}

Copied checksum_bytes(Bytes bytes) {
  std::vector<Hash128> hashes;
  for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes)
    hashes.push_back(xxh3_128(bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at))));
  return {.bytes = bytes.size(), .checksum = xxh3_128(std::as_bytes(std::span(hashes)))};
}

Result<Copied> checksum_file(const Path& path, std::uint64_t bytes) {
  return read_pieces(path, bytes, [](FilePosition, Bytes) { return Status{}; });
}

}  // namespace bimip::log_tools
