// A configuration and a name that are taken can be kept in the catalog; a name that is taken stays
// inside its folder.
#include <algorithm>
#include <string>

#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/engine/format/samples.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  ByteReader in(fuzz_input(data, size));
  CatalogTopic topic{.id = TopicId(1), .name = {}, .created_at = {}, .config = {}};
  topic.config.partitions = in.read<std::uint32_t>();
  topic.config.durability = static_cast<Durability>(in.read<std::uint8_t>());
  topic.config.segment_bytes = in.read<std::uint64_t>();
  topic.config.segment_age = std::chrono::seconds(in.read<std::int64_t>());
  topic.name = std::string(as_text(in.rest()));

  const bool is_name = validate_topic_name(topic.name).has_value();
  if (is_name) {
    BIMIP_ASSERT(topic.name != "." && topic.name != "..");
    BIMIP_ASSERT(topic.name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos);
  }
  const bool is_valid = is_name && validate(topic.config);
  const Catalog catalog{.store = sample_segment().store,
                        .created_at = {},
                        .next_topic = TopicId(2),
                        .topics = {topic}};
  const Result<Catalog> again = decode_catalog(encode_catalog(catalog));
  BIMIP_ASSERT(again.has_value() == is_valid);
  if (is_valid) BIMIP_ASSERT(*again == catalog);
  return 0;
}
