#include "tools/log/record_digest.h"

#include "engine/format/record_hash.h"

namespace bimip::log_tools {

Hash128 digest_of(const Record& record) {
  Record unlinked = record;
  if (unlinked.entity) unlinked.entity->previous.reset();
  return mix({}, unlinked);
}

}  // namespace bimip::log_tools
