// Any name is foreign or spelt exactly as the store spells it.
#include <string>

#include "engine/format/file_names.h"
#include "tests/engine/format/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::engine;              // NOLINT
  using namespace bimip::engine::file_names;  // NOLINT
  const std::string name(as_text(bimip::testing::fuzz_input(data, size)));
  if (const auto number = parse_spare(name)) BIMIP_ASSERT(name == spare(*number));
  const std::optional<PartitionFile> file = parse(name);
  if (!file) return 0;
  switch (file->kind) {
    case FileKind::kSegment:
      BIMIP_ASSERT(name == segment(file->epoch));
      break;
    case FileKind::kIndex:
      BIMIP_ASSERT(name == index(file->epoch));
      break;
    case FileKind::kProducers:
      BIMIP_ASSERT(name == producers(file->epoch));
      break;
    case FileKind::kCheckpoint:
      BIMIP_ASSERT(name == checkpoint(file->epoch));
      break;
    case FileKind::kEntities:
      BIMIP_ASSERT(name == entities(file->epoch));
      break;
    case FileKind::kEntityRuns:
      BIMIP_ASSERT(name == entity_runs(file->epoch));
      break;
    case FileKind::kTorn: {
      const std::size_t at = name.find(".torn-") + 6;
      const std::size_t dash = name.find('-', at);
      const FilePosition position(std::stoull(name.substr(at, dash - at)));
      BIMIP_ASSERT(name == torn(file->epoch, position, std::stoull(name.substr(dash + 1))));
      break;
    }
    case FileKind::kQuarantine: {
      const FilePosition position(std::stoull(name.substr(name.find(".quarantine-") + 12)));
      BIMIP_ASSERT(name == quarantine(file->epoch, position));
      break;
    }
  }
  return 0;
}
