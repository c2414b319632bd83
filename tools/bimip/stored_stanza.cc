#include "tools/bimip/stored_stanza.h"

#include <google/protobuf/util/json_util.h>

#include <array>
#include <memory>
#include <string_view>

#include "bimip/v1/stanza.pb.h"

namespace bimip::tools {
namespace {

using google::protobuf::Message;

struct Kind {
  std::string_view topic;
  const Message& stanza;
};

// Cursors and marks are numbers, and no stanzas.
const Message* stanza_of(std::string_view topic) {
  static const std::array<Kind, 6> kinds{{
      {"$awareness", v1::AwarenessRecord::default_instance()},
      {"$awareness-states", v1::AwarenessState::default_instance()},
      {"$awareness-rules", v1::AwarenessRule::default_instance()},
      {"$offers", v1::Offer::default_instance()},
      {"$sessions", v1::DeviceDescription::default_instance()},
      {"$tokens", v1::RevocationRecord::default_instance()},
  }};
  if (topic.starts_with("$inbox.")) return &v1::InboxMessage::default_instance();
  for (const Kind& kind : kinds) {
    if (kind.topic == topic) return &kind.stanza;
  }
  return nullptr;
}

}  // namespace

std::optional<log_tools::StoredStanza> stored_stanza(const log_tools::PartitionPlace& partition,
                                                     const engine::Record& record) {
  const Message* kind = stanza_of(partition.topic);
  if (kind == nullptr || record.kind == engine::RecordKind::kTombstone) return std::nullopt;
  const std::unique_ptr<Message> stanza(kind->New());
  if (!stanza->ParseFromArray(record.value.data(), static_cast<int>(record.value.size())))
    return std::nullopt;
  log_tools::StoredStanza stored{.name = stanza->GetTypeName(), .json = {}};
  if (!google::protobuf::util::MessageToJsonString(*stanza, &stored.json).ok()) return std::nullopt;
  return stored;
}

}  // namespace bimip::tools
