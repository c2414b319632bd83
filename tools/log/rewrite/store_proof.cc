#include "tools/log/rewrite/store_proof.h"

#include <algorithm>

namespace bimip::log_tools {
namespace {

constexpr std::size_t kPoolBytes = 16 * 1024 * 1024;

Result<ErasureReport> prove_partition(Device& device, BufferPool& pool, const PartitionPlace& place,
                                      const std::string& key) {
  if (!place.manifest)
    return fail(ErrorCode::kDamaged, place.folder.string() + ": no manifest that holds");
  const Bytes bytes = as_bytes(key);
  ErasureProof proof(device, pool,
                     {.folder = place.folder,
                      .partition = place.identity,
                      .segments = place.manifest->segments,
                      .key = {bytes.begin(), bytes.end()},
                      .writing = ErasureProof::Writing::kNo});
  while (true) {
    Result<bool> done = proof.step();
    if (!done) return std::unexpected(std::move(done.error()));
    if (*done) return proof.report();
  }
}

void add(ErasureReport& sum, const ErasureReport& part) {
  sum.files += part.files;
  sum.bytes += part.bytes;
  sum.records += part.records;
  sum.mentions += part.mentions;
  sum.traces += part.traces;
  for (const ErasureTrace& trace : part.left) {
    if (sum.left.size() < limits::kErasePlacesNamed) sum.left.push_back(trace);
  }
}

// The catalog, the scrub's state: whatever lies in the store's own folder.
Status look_at_tables(const Path& store, const std::string& key, StoreProof& proof) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(store, error)) {
    if (!entry.is_regular_file(error)) continue;
    const Result<std::vector<std::byte>> bytes = read_whole(entry.path(), kTableBytesMax);
    if (!bytes) return std::unexpected(bytes.error());
    ++proof.files;
    proof.bytes += bytes->size();
    if (key.size() >= limits::kEraseKeyBytesMin && find_bytes(*bytes, as_bytes(key)))
      ++proof.elsewhere[entry.path().filename()];
  }
  return error ? fail(ErrorCode::kIo, store.string() + ": " + error.message()) : Status{};
}

}  // namespace

Result<StoreProof> prove_erased(Device& device, const Inventory& store, const std::string& topic,
                                const std::string& key) {
  BufferPool pool(kPoolBytes);
  StoreProof proof;
  for (const PartitionPlace& place : store.partitions) {
    Result<ErasureReport> part = prove_partition(device, pool, place, key);
    if (!part) return std::unexpected(std::move(part.error()));
    proof.files += part->files;
    proof.bytes += part->bytes;
    proof.records += part->records;
    if (place.topic == topic) {
      add(proof.topic, *part);
    } else if (part->traces + part->mentions > 0) {
      proof.elsewhere[place.topic] += part->traces + part->mentions;
    }
  }
  if (Status done = look_at_tables(*store.data_directory, key, proof); !done)
    return std::unexpected(std::move(done.error()));
  return proof;
}

}  // namespace bimip::log_tools
