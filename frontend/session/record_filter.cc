#include "frontend/session/record_filter.h"

#include <algorithm>

#include "bimip/v1/topic.pb.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

engine::Result<RecordFilter> RecordFilter::from(const v1::RecordFilter& filter) {
  RecordFilter made;
  made.keys_.assign(filter.keys().begin(), filter.keys().end());
  std::ranges::sort(made.keys_);
  if (filter.has_key_prefix()) made.key_prefix_ = filter.key_prefix();
  for (const v1::HeaderFilter& header : filter.headers()) {
    if (header.name().empty())
      return engine::fail(ErrorCode::kInvalidArgument, "a header filter without a name");
    HeaderRule& rule = made.headers_.emplace_back(HeaderRule{.name = header.name(), .value = {}});
    if (header.has_value()) rule.value = header.value();
  }
  if (made.keys_.empty() && !made.key_prefix_ && made.headers_.empty())
    return engine::fail(ErrorCode::kInvalidArgument, "a filter that filters by nothing");
  std::size_t bytes = made.key_prefix_ ? made.key_prefix_->size() : 0;
  for (const std::string& key : made.keys_) bytes += key.size() + sizeof key;
  for (const HeaderRule& rule : made.headers_)
    bytes += rule.name.size() + (rule.value ? rule.value->size() : 0) + sizeof rule;
  if (bytes > limits::kFilterBytesMax) {
    return engine::fail(ErrorCode::kTooLarge, "a filter of " + std::to_string(bytes) +
                                                  " bytes; at most " +
                                                  std::to_string(limits::kFilterBytesMax));
  }
  return made;
}

bool RecordFilter::passes(const engine::Record& record) const {
  return key_passes(record.key) && headers_pass(record.headers);
}

bool RecordFilter::key_passes(engine::Bytes bytes) const {
  if (keys_.empty() && !key_prefix_) return true;
  const std::string_view key = engine::as_text(bytes);
  if (key_prefix_ && key.starts_with(*key_prefix_)) return true;
  return std::ranges::binary_search(keys_, key, {},
                                    [](const auto& text) { return std::string_view(text); });
}

bool RecordFilter::headers_pass(engine::Bytes encoded) const {
  if (headers_.empty()) return true;
  if (encoded.empty()) return false;
  const engine::Result<std::vector<engine::Header>> headers = engine::decode_headers(encoded);
  if (!headers) return false;
  return std::ranges::all_of(headers_, [&](const HeaderRule& rule) {
    return std::ranges::any_of(*headers, [&](const engine::Header& header) {
      return header.name == rule.name &&
             (!rule.value || engine::as_text(header.value) == *rule.value);
    });
  });
}

}  // namespace bimip::frontend
