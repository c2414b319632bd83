#include "frontend/transport/websocket/json_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <memory>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/assert.h"

namespace bimip::frontend {
namespace {

namespace json = google::protobuf::util;

struct Mapping {
  std::unique_ptr<json::TypeResolver> types{json::NewTypeResolverForDescriptorPool(
      "type.googleapis.com", google::protobuf::DescriptorPool::generated_pool())};
  std::string stanza = "type.googleapis.com/" + v1::Stanza::descriptor()->full_name();
};

const Mapping& mapping() {
  static const Mapping mapping;
  return mapping;
}

}  // namespace

std::expected<std::string, std::string> stanza_from_json(std::string_view text) {
  json::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  std::string bytes;
  const json::Status parsed = json::JsonToBinaryString(mapping().types.get(), mapping().stanza,
                                                       {text.data(), text.size()}, &bytes, options);
  if (!parsed.ok()) return std::unexpected(std::string(parsed.message()));
  return bytes;
}

std::string json_from_stanza(engine::Bytes stanza) {
  const std::string_view bytes = engine::as_text(stanza);
  std::string text;
  const json::Status printed =
      json::BinaryToJsonString(mapping().types.get(), mapping().stanza, std::string(bytes), &text);
  BIMIP_ASSERT(printed.ok());
  return text;
}

}  // namespace bimip::frontend
