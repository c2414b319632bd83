// A block field by field: docs/design/format-commit-block.md and format-record.md.
#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "engine/segment/block_reader.h"
#include "tools/log/layout.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

// Bits of a record's attributes.
constexpr unsigned kHasKey = 1U << 0U;
constexpr unsigned kHasEntity = 1U << 1U;
constexpr unsigned kHasProducer = 1U << 2U;
constexpr unsigned kHasIdempotencyKey = 1U << 3U;
constexpr unsigned kHasHeaders = 1U << 4U;
constexpr unsigned kIsTombstone = 1U << 5U;
constexpr unsigned kHasExpiry = 1U << 6U;
constexpr unsigned kHasNotBefore = 1U << 7U;

constexpr std::size_t kFieldBytesShown = 256;
constexpr std::size_t kRowBytes = 16;

std::string attribute_names(unsigned bits) {
  constexpr std::array<std::pair<unsigned, const char*>, 8> kNames{
      {{kHasKey, "key"},
       {kHasEntity, "entity"},
       {kHasProducer, "producer"},
       {kHasIdempotencyKey, "idempotency key"},
       {kHasHeaders, "headers"},
       {kIsTombstone, "tombstone"},
       {kHasExpiry, "expiry"},
       {kHasNotBefore, "not before"}}};
  std::string names;
  for (const auto& [bit, name] : kNames) {
    if ((bits & bit) != 0) names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names.empty() ? "none" : names;
}

// Takes fields from the front of a block; once one does not fit, none does.
class Annotator {
 public:
  explicit Annotator(Bytes block) : block_(block) {}

  std::vector<Field> run() {
    header();
    const std::size_t records_end =
        std::min<std::uint64_t>(block_.size(), std::uint64_t{kBlockHeaderBytes} + payload_bytes_);
    for (std::uint32_t i = 0; i < record_count_ && at_ < records_end && !lost_; ++i)
      record(i, records_end);
    if (at_ < block_.size()) {
      const Bytes rest = block_.subspan(at_);
      const bool is_padding = !lost_ && at_ >= records_end && all_zero(rest);
      add(rest.size(), is_padding ? "padding" : "not readable", is_padding ? "zeros" : "");
    }
    return std::move(fields_);
  }

 private:
  template <typename T>
  T number(const char* name) {
    if (!fits(sizeof(T))) return T{};
    const T value = load<T>(block_.data() + at_);
    add(sizeof(T), name, std::to_string(value));
    return value;
  }
  void time(const char* name) {
    if (!fits(8)) return;
    const Timestamp value{std::chrono::microseconds(load<std::int64_t>(block_.data() + at_))};
    add(8, name, time_text(value));
  }
  void wide(const char* name) {
    if (!fits(16)) return;
    const std::byte* from = block_.data() + at_;
    add(16, name, id_text(load<std::uint64_t>(from + 8), load<std::uint64_t>(from)));
  }
  void text(const char* name, std::size_t bytes) {
    if (!fits(bytes)) return;
    const Bytes shown = block_.subspan(at_, std::min(bytes, kFieldBytesShown));
    add(bytes, name, "\"" + escaped(shown) + "\"" + (shown.size() < bytes ? "..." : ""));
  }

  void header() {
    wide("checksum");
    if (fits(4)) add(4, "magic", "\"" + escaped(block_.subspan(at_, 4)) + "\"");
    number<std::uint16_t>("version");
    number<std::uint16_t>("header bytes");
    wide("store");
    number<std::uint32_t>("topic");
    number<std::uint32_t>("partition");
    number<std::uint64_t>("epoch");
    number<std::uint64_t>("position");
    number<std::uint64_t>("block number");
    base_offset_ = number<std::uint64_t>("base offset");
    number<std::uint32_t>("offset span");
    record_count_ = number<std::uint32_t>("record count");
    payload_bytes_ = number<std::uint32_t>("payload bytes");
    number<std::uint32_t>("block bytes");
    number<std::uint64_t>("durable offset");
    time("first timestamp");
    time("last timestamp");
    wide("previous block's checksum");
    wide("payload checksum");
    number<std::uint64_t>("reserved");
  }

  void record(std::uint32_t index, std::size_t records_end) {
    prefix_ = "record " + std::to_string(index) + ": ";
    const std::size_t start = at_;
    const auto length = number<std::uint32_t>("length");
    const auto attributes = number<std::uint16_t>("attributes");
    if (!fields_.empty() && !lost_)
      fields_.back().value += " (" + attribute_names(attributes) + ")";
    const auto key_bytes = number<std::uint16_t>("key bytes");
    const auto delta = number<std::uint32_t>("offset delta");
    if (!lost_) fields_.back().value += " (offset " + std::to_string(base_offset_ + delta) + ")";
    time("timestamp");
    if (length > records_end - start || length < at_ - start) lost_ = true;
    if ((attributes & kHasEntity) != 0) {
      number<std::uint64_t>("increment");
      number<std::uint64_t>("entity's previous offset");
    }
    if ((attributes & kHasProducer) != 0) {
      wide("producer");
      number<std::uint64_t>("producer's number");
    }
    if ((attributes & kHasExpiry) != 0) time("expires at");
    if ((attributes & kHasNotBefore) != 0) time("not before");
    if ((attributes & kHasIdempotencyKey) != 0)
      text("idempotency key", number<std::uint8_t>("idempotency key bytes"));
    if ((attributes & kHasHeaders) != 0) headers(number<std::uint32_t>("headers bytes"));
    if ((attributes & kHasKey) != 0) text("key", key_bytes);
    if (!lost_ && at_ - start <= length) {
      const std::size_t value_bytes = length - (at_ - start);
      if (value_bytes > 0) text("value", value_bytes);
    } else {
      lost_ = true;
    }
    prefix_.clear();
  }

  void headers(std::size_t bytes) {
    const std::size_t end = at_ + bytes;
    const auto count = number<std::uint16_t>("header count");
    for (std::uint16_t i = 0; i < count && at_ < end && !lost_; ++i) {
      text("header name", number<std::uint8_t>("header name bytes"));
      text("header value", number<std::uint32_t>("header value bytes"));
    }
    if (at_ != end) lost_ = true;
  }

  bool fits(std::size_t bytes) {
    if (lost_ || block_.size() - at_ < bytes) lost_ = true;
    return !lost_;
  }
  void add(std::size_t bytes, const std::string& name, std::string value) {
    fields_.push_back(
        {.at = at_, .bytes = bytes, .name = prefix_ + name, .value = std::move(value)});
    at_ += bytes;
  }

  const Bytes block_;
  std::vector<Field> fields_;
  std::string prefix_;
  std::size_t at_ = 0;
  std::uint64_t base_offset_ = 0;
  std::uint32_t record_count_ = 0;
  std::uint32_t payload_bytes_ = 0;
  bool lost_ = false;
};

// "  0010  de ad be ef            "
std::string hex_row(std::size_t at, Bytes bytes) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%06zx ", at);
  std::string row = text.data();
  for (const std::byte byte : bytes) {
    std::snprintf(text.data(), text.size(), " %02x", std::to_integer<unsigned>(byte));
    row += text.data();
  }
  row.append(3 * (kRowBytes - bytes.size()), ' ');
  return row;
}

}  // namespace

std::vector<Field> annotate_block(Bytes block) { return Annotator(block).run(); }

std::string hex_text(Bytes block, const std::vector<Field>& fields) {
  std::string out;
  for (const Field& field : fields) {
    const Bytes bytes = block.subspan(field.at, field.bytes);
    const bool is_padding = field.name == "padding";
    const std::size_t shown = std::min(field.bytes, is_padding ? kRowBytes : kFieldBytesShown);
    for (std::size_t at = 0; at < shown; at += kRowBytes) {
      out += hex_row(field.at + at, bytes.subspan(at, std::min(kRowBytes, shown - at)));
      if (at == 0) out += "  " + field.name + (field.value.empty() ? "" : " = " + field.value);
      out += "\n";
    }
    if (shown < field.bytes)
      out += "        ... " + std::to_string(field.bytes - shown) + " bytes more\n";
  }
  return out;
}

}  // namespace bimip::log_tools
