#include "frontend/session/tape_codec.h"

#include <algorithm>
#include <array>

#include "engine/base/bytes.h"

namespace bimip::frontend {
namespace {

constexpr unsigned kSevenBits = 0x7F;
constexpr unsigned kMore = 0x80;
constexpr unsigned kVarintBitsMax = 63;

}  // namespace

std::optional<std::uint64_t> BlockShelf::number_of(const engine::BlockRef& block) const {
  const auto at = std::ranges::find(blocks_, block);
  if (at == blocks_.end()) return std::nullopt;
  return first_ + static_cast<std::uint64_t>(at - blocks_.begin());
}

engine::BlockRef BlockShelf::at(std::uint64_t number) const {
  if (number < first_ || number - first_ >= blocks_.size()) return nullptr;
  return blocks_[number - first_];
}

void BlockShelf::put(engine::BlockRef block) {
  blocks_.push_back(std::move(block));
  if (blocks_.size() <= kKept) return;
  blocks_.pop_front();
  ++first_;
}

void TapeWriter::number(std::uint64_t value) {
  for (; value > kSevenBits; value >>= 7U)
    out_.push_back(static_cast<char>((value & kSevenBits) | kMore));
  out_.push_back(static_cast<char>(value));
}

void TapeWriter::bytes(std::string_view bytes) {
  number(bytes.size());
  out_.append(bytes);
}

void TapeWriter::fixed(std::uint64_t value) {
  std::array<std::byte, sizeof value> raw;
  engine::store(raw.data(), value);
  out_.append(engine::as_text(raw));
}

std::uint64_t TapeReader::number() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; ok_ && !rest_.empty() && shift <= kVarintBitsMax; shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & kSevenBits) << shift;
    if ((byte & kMore) == 0) return value;
  }
  ok_ = false;
  return 0;
}

std::string_view TapeReader::bytes() {
  const std::uint64_t count = number();
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::uint64_t TapeReader::fixed() {
  if (!ok_ || rest_.size() < sizeof(std::uint64_t)) {
    ok_ = false;
    return 0;
  }
  const auto value = engine::load<std::uint64_t>(engine::as_bytes(rest_).data());
  rest_.remove_prefix(sizeof value);
  return value;
}

void Word<engine::OffsetRange>::put(TapeWriter& to, const engine::OffsetRange& value) {
  frontend::put(to, value.first);
  frontend::put(to, value.end);
}

engine::OffsetRange Word<engine::OffsetRange>::get(TapeReader& from) {
  const auto first = frontend::get<engine::Offset>(from);
  return {.first = first, .end = frontend::get<engine::Offset>(from)};
}

void Word<engine::Error>::put(TapeWriter& to, const engine::Error& value) {
  frontend::put(to, value.code);
  frontend::put(to, value.message);
  frontend::put(to, value.range);
}

engine::Error Word<engine::Error>::get(TapeReader& from) {
  const auto code = frontend::get<engine::ErrorCode>(from);
  if (code > engine::ErrorCode::kIo) from.fail();
  std::string message = frontend::get<std::string>(from);
  return {.code = from.ok() ? code : engine::ErrorCode::kIo,
          .message = std::move(message),
          .range = frontend::get<engine::OffsetRange>(from)};
}

// A wall clock may go back: the difference is one modulo 2^64.
void Word<Moment>::put(TapeWriter& to, const Moment& value) {
  Moment& last = to.memory().last;
  to.number(static_cast<std::uint64_t>(value.monotonic.count()) -
            static_cast<std::uint64_t>(last.monotonic.count()));
  to.number(static_cast<std::uint64_t>(micros(value.wall)) -
            static_cast<std::uint64_t>(micros(last.wall)));
  last = value;
}

Moment Word<Moment>::get(TapeReader& from) {
  Moment& last = from.memory().last;
  const auto monotonic = static_cast<std::uint64_t>(last.monotonic.count()) + from.number();
  const auto wall = static_cast<std::uint64_t>(micros(last.wall)) + from.number();
  last = {.monotonic = std::chrono::nanoseconds(static_cast<std::int64_t>(monotonic)),
          .wall = engine::Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(wall)))};
  return last;
}

}  // namespace bimip::frontend
