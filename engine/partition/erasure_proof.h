// Reads every byte of a partition's files and says where something of an erased key is left.
// Design: docs/design/erasure.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/device/buffer_pool.h"
#include "engine/device/device.h"
#include "engine/format/manifest.h"
#include "engine/partition/erasure.h"
#include "engine/segment/block_reader.h"

namespace bimip::engine {

struct ErasureTrace {
  Path file{};
  FilePosition position{};
  std::string what{};
  std::optional<Epoch> segment{};  // writing this segment anew removes it, once it is sealed
};

struct ErasureReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;   // decoded, and their keys compared
  std::uint64_t mentions = 0;  // of them hold the key's bytes somewhere: other keys' records
  std::uint64_t traces = 0;
  // The first limits::kErasePlacesNamed of them, and at least one of each segment.
  std::vector<ErasureTrace> left{};
};

// Step by step, off the writer's thread. Of a listed segment every byte is accounted for: a header,
// a footer, blocks whose checksums hold, each record of them with another key, zeros; anything else
// is a trace, since nobody can say whose it is. In every other file these are looked for, wherever
// they may lie: the entity's hash as tables have it; the key, when it has
// limits::kEraseKeyBytesMin bytes or more; pieces of the erased values. Thread-compatible.
class ErasureProof {
 public:
  // Whether the log is being written: of its active segment then only what is complete is read.
  enum class Writing : std::uint8_t { kNo, kYes };
  struct Plan {
    Path folder{};                            // the partition's
    SegmentIdentity partition{};              // its epoch is zero
    std::vector<ManifestSegment> segments{};  // as the manifest lists them
    std::vector<std::byte> key{};
    std::shared_ptr<const ErasedRecords> erased{};
    Writing writing = Writing::kYes;
  };
  ErasureProof(Device& device, BufferPool& pool, Plan plan);

  // Reads about limits::kRewriteStepBytes; true when all is read. kIo.
  [[nodiscard]] Result<bool> step();

  [[nodiscard]] const ErasureReport& report() const { return report_; }

 private:
  [[nodiscard]] Status open_next();
  void look_at_unlisted();
  [[nodiscard]] Status walk_some();
  [[nodiscard]] Status end_walk();
  [[nodiscard]] Status search_some();
  [[nodiscard]] Status search_sector(FilePosition at);
  void look_at(const Block& block);
  [[nodiscard]] bool mentions(const Record& record) const;
  void search(Bytes bytes, FilePosition at);
  void trace(FilePosition position, std::string what);

  Device& device_;
  BufferPool& pool_;
  const Plan plan_;
  const EntityHash hash_;
  std::vector<std::byte> hash_bytes_;
  ErasureReport report_;
  std::vector<std::string> names_;
  bool listed_ = false;
  std::size_t next_ = 0;

  // The file in work.
  std::string name_;
  std::shared_ptr<const File> file_;
  const ManifestSegment* segment_ = nullptr;  // when it is a listed one
  std::optional<BlockReader> reader_;         // of its blocks
  FilePosition at_{};                         // of a search
  std::uint64_t size_ = 0;
};

// Where `wanted`, which is not empty, first lies.
[[nodiscard]] std::optional<std::size_t> find_bytes(Bytes in, Bytes wanted);

}  // namespace bimip::engine
