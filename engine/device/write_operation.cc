#include "engine/device/write_operation.h"

#include "engine/base/assert.h"
#include "engine/base/limits.h"

namespace bimip::engine {

void expect_well_formed(const DeviceOperation& operation) {
  if (operation.kind != DeviceOperation::Kind::kWrite) return;
  const Bytes bytes = operation.bytes;
  BIMIP_ASSERT(!bytes.empty() && bytes.size() <= limits::kBlockBytesMax);
  BIMIP_ASSERT(bytes.size() % limits::kSectorBytes == 0);
  BIMIP_ASSERT(operation.position.value() % limits::kSectorBytes == 0);
  BIMIP_ASSERT(reinterpret_cast<std::uintptr_t>(bytes.data()) % limits::kSectorBytes == 0);
}

}  // namespace bimip::engine
