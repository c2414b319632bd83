// Ways to damage one file of a store, for the salvage matrix.
#pragma once

#include <map>
#include <random>

#include "tests/tools/log/matrix_store.h"

namespace bimip::testing {

enum class Which : std::uint8_t {
  kCatalog,
  kManifest,
  kFirstSegment,
  kMiddleSegment,
  kLastSealedSegment,
  kActiveSegment,
  kIndex,
  kProducers,
  kCheckpoint,
  kEntities,
  kEntityBase,
  kThinnedBase,
  kEntityRuns,
  kRewrittenSegment,
  kLosses,
};
enum class Damage : std::uint8_t {
  kFlipHead,
  kFlipMiddle,
  kFlipEnd,
  kZeroSector,
  kHalve,
  kEmpty,
  kDelete,
  kSwap,
  kStaleCopy,
  kAppend,
  kPrepend,
  kRandom,
  kReorder,
};
inline constexpr std::array kEveryFile{
    Which::kCatalog,       Which::kManifest,          Which::kFirstSegment,
    Which::kMiddleSegment, Which::kLastSealedSegment, Which::kActiveSegment,
    Which::kIndex,         Which::kProducers,         Which::kCheckpoint,
    Which::kEntities,      Which::kEntityBase,        Which::kThinnedBase,
    Which::kEntityRuns,    Which::kRewrittenSegment,  Which::kLosses};
inline constexpr std::array kEveryDamage{
    Damage::kFlipHead, Damage::kFlipMiddle, Damage::kFlipEnd, Damage::kZeroSector, Damage::kHalve,
    Damage::kEmpty,    Damage::kDelete,     Damage::kSwap,    Damage::kStaleCopy,  Damage::kAppend,
    Damage::kPrepend,  Damage::kRandom,     Damage::kReorder};

inline std::string_view name_of(Which which) {
  constexpr std::array<std::string_view, 15> kNames{
      "Catalog",       "Manifest",    "FirstSegment", "MiddleSegment",    "LastSealedSegment",
      "ActiveSegment", "Index",       "Producers",    "Checkpoint",       "Entities",
      "EntityBase",    "ThinnedBase", "EntityRuns",   "RewrittenSegment", "Losses"};
  return kNames.at(static_cast<std::size_t>(which));
}
inline std::string_view name_of(Damage damage) {
  constexpr std::array<std::string_view, 13> kNames{
      "FlipHead", "FlipMiddle", "FlipEnd", "ZeroSector", "Halve",  "Empty",  "Delete",
      "Swap",     "StaleCopy",  "Append",  "Prepend",    "Random", "Reorder"};
  return kNames.at(static_cast<std::size_t>(damage));
}

inline std::size_t count_sealed(const std::vector<ManifestSegment>& segments) {
  return static_cast<std::size_t>(
      std::ranges::count(segments, SegmentState::kSealed, &ManifestSegment::state));
}

// The segment that was written when the older copy was made; when it was written anew since,
// another one.
inline Path middle_segment(const MatrixStore& store) {
  const Path was =
      store.before() / std::filesystem::relative(store.partition("orders"), store.path());
  for (const ManifestSegment& segment : MatrixStore::manifest_in(was).segments) {
    const Path path = store.partition("orders") / file_names::segment(segment.epoch);
    if (segment.state == SegmentState::kActive && std::filesystem::exists(path)) return path;
  }
  const std::vector<ManifestSegment> segments = store.manifest("orders").segments;
  return store.partition("orders") /
         file_names::segment(segments.at(count_sealed(segments) / 2).epoch);
}

inline Path rewritten_segment(const MatrixStore& store) {
  for (const ManifestSegment& segment : store.manifest("prices").segments) {
    if (segment.rewrites > 0 && segment.record_count > 0)
      return store.partition("prices") / file_names::segment(segment.epoch);
  }
  throw std::runtime_error("nothing was compacted");
}

inline Path active_in(const MatrixStore& store, int number) {
  const Manifest manifest = store.manifest("orders", number);
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state == SegmentState::kActive)
      return store.partition("orders", number) / file_names::segment(segment.epoch);
  }
  throw std::runtime_error("no active segment");
}

inline Path file_of(const MatrixStore& store, Which which) {
  const std::vector<ManifestSegment> segments = store.manifest("orders").segments;
  const Path folder = store.partition("orders");
  switch (which) {
    case Which::kCatalog:
      return store.path() / file_names::kCatalog;
    case Which::kManifest:
      return folder / file_names::kManifest;
    case Which::kFirstSegment:
      return folder / file_names::segment(segments.at(0).epoch);
    case Which::kMiddleSegment:
      return middle_segment(store);
    case Which::kLastSealedSegment:
      return folder / file_names::segment(segments.at(count_sealed(segments) - 1).epoch);
    case Which::kActiveSegment:
      return active_in(store, 0);
    case Which::kIndex:
      return store.files("orders", file_names::FileKind::kIndex).at(1);
    case Which::kProducers:
      return store.files("orders", file_names::FileKind::kProducers).at(0);
    case Which::kCheckpoint:
      return store.files("large", file_names::FileKind::kCheckpoint).at(0);
    case Which::kEntities:
      return store.files("orders", file_names::FileKind::kEntities).at(1);
    case Which::kEntityBase:
      return store.partition("kept") / file_names::kEntityBase;
    case Which::kThinnedBase:  // of a log that begins at 0
      return store.partition("prices") / file_names::kEntityBase;
    case Which::kEntityRuns:
      return store.files("large", file_names::FileKind::kEntityRuns).at(0);
    case Which::kRewrittenSegment:
      return rewritten_segment(store);
    case Which::kLosses:
      return store.partition("holed") / file_names::kLosses;
  }
  return {};
}

inline bool is_segment(Which which) {
  return (which >= Which::kFirstSegment && which <= Which::kActiveSegment) ||
         which == Which::kRewrittenSegment;
}

// What it is swapped with.
inline Path partner_of(const MatrixStore& store, Which which) {
  switch (which) {
    case Which::kManifest:
      return store.partition("orders", 1) / file_names::kManifest;
    case Which::kFirstSegment:
    case Which::kActiveSegment:
    case Which::kRewrittenSegment:
      return file_of(store, Which::kMiddleSegment);
    case Which::kMiddleSegment:
      return file_of(store, Which::kLastSealedSegment);
    case Which::kLastSealedSegment:
      return active_in(store, 1);
    case Which::kIndex:
      return store.files("orders", file_names::FileKind::kIndex).at(0);
    case Which::kEntities:
      return store.files("orders", file_names::FileKind::kEntities).at(0);
    case Which::kCatalog:
    case Which::kProducers:
    case Which::kCheckpoint:
    case Which::kEntityBase:
    case Which::kThinnedBase:
    case Which::kEntityRuns:
    case Which::kLosses:
      return file_of(store, Which::kManifest);
  }
  return {};
}

inline std::size_t live_bytes(const std::vector<std::byte>& bytes) {
  std::size_t live = bytes.size();
  while (live > 0 && bytes[live - 1] == std::byte{0}) --live;
  return live;
}

// A store that is a copy of the original, with one file damaged.
class DamagedStore {
 public:
  // Only what will be damaged is copied; the others are the original's files under another name.
  DamagedStore(const MatrixStore& original, Which which) : original_(original) {
    using std::filesystem::copy_options;
    std::filesystem::copy(original.path(), directory_.path(),
                          copy_options::recursive | copy_options::create_hard_links);
    for (const Path& path : {file_of(original, which), partner_of(original, which)}) {
      std::filesystem::remove(here(path));
      std::filesystem::copy_file(path, here(path));
    }
  }
  [[nodiscard]] const Path& path() const { return directory_.path(); }
  [[nodiscard]] Path here(const Path& original_file) const {
    return path() / std::filesystem::relative(original_file, original_.path());
  }

  // False when it changed nothing.
  bool harm(Which which, Damage damage) {
    const Path file = here(file_of(original_, which));
    std::vector<std::byte> bytes = read_bytes(file);
    const std::vector<std::byte> kept = bytes;
    const std::size_t live = live_bytes(bytes);
    std::mt19937_64 random(static_cast<std::uint64_t>(which) * 100 +
                           static_cast<std::uint64_t>(damage));
    const auto noise = [&](std::size_t count) {
      std::vector<std::byte> made(count);
      for (std::byte& byte : made) byte = static_cast<std::byte>(random());
      return made;
    };
    switch (damage) {
      case Damage::kFlipHead:
        bytes.at(20) ^= std::byte{4};
        break;
      case Damage::kFlipMiddle:
        bytes.at(live / 2) ^= std::byte{1};
        break;
      case Damage::kFlipEnd:
        bytes.at(live - 1) ^= std::byte{128};
        break;
      case Damage::kZeroSector: {
        const std::size_t from = live / 2 / limits::kSectorBytes * limits::kSectorBytes;
        const std::size_t count = std::min(limits::kSectorBytes, bytes.size() - from);
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), count, std::byte{0});
        break;
      }
      case Damage::kHalve:
        bytes.resize(live / 2);
        break;
      case Damage::kEmpty:
        bytes.clear();
        break;
      case Damage::kDelete:
        return std::filesystem::remove(file);
      case Damage::kSwap: {
        const Path partner = here(partner_of(original_, which));
        const std::vector<std::byte> theirs = read_bytes(partner);
        write_bytes(partner, bytes);
        bytes = theirs;
        break;
      }
      case Damage::kStaleCopy: {
        const Path old = original_.before() / std::filesystem::relative(file, path());
        bytes = read_bytes(old);
        break;
      }
      case Damage::kAppend: {
        const std::vector<std::byte> foreign = noise(777);
        bytes.insert(bytes.end(), foreign.begin(), foreign.end());
        break;
      }
      case Damage::kPrepend: {
        const std::vector<std::byte> foreign = noise(777);
        bytes.insert(bytes.begin(), foreign.begin(), foreign.end());
        break;
      }
      case Damage::kRandom: {
        const std::vector<std::byte> foreign = noise(std::min<std::size_t>(5000, live / 2));
        std::ranges::copy(foreign, bytes.begin() + static_cast<std::ptrdiff_t>(live / 3));
        break;
      }
      case Damage::kReorder: {
        const auto half =
            static_cast<std::ptrdiff_t>(is_segment(which) ? 2 * limits::kSectorBytes : live / 2);
        std::rotate(bytes.begin(), bytes.begin() + half,
                    bytes.begin() + static_cast<std::ptrdiff_t>(live));
        break;
      }
    }
    write_bytes(file, bytes);
    return bytes != kept;
  }

 private:
  const MatrixStore& original_;
  TempDirectory directory_;
};

}  // namespace bimip::testing
