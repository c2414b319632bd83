// Reads blocks again that were found before.
#pragma once

#include "tools/log/aligned_bytes.h"
#include "tools/log/salvage/evidence.h"

namespace bimip::log_tools {

// Keeps the file last read open. Thread-compatible. `evidence` outlives it.
class BlockSource {
 public:
  explicit BlockSource(const Evidence& evidence)
      : evidence_(evidence), memory_(limits::kBlockBytesMax) {}
  // The whole block, checked again; until the next call. kIo also when it is not what it was.
  [[nodiscard]] Result<Bytes> read(const BlockEvidence& block);

 private:
  const Evidence& evidence_;
  AlignedBytes memory_;
  std::unique_ptr<ReadOnlyFile> file_;
};

}  // namespace bimip::log_tools
