// Little-endian integers in byte ranges, and a bounds-checked reader and writer over them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/assert.h"

namespace bimip::engine {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

static_assert(std::endian::native == std::endian::little,
              "the codecs copy integers as they are; a big-endian port swaps here");

template <typename T>
  requires std::is_integral_v<T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
  requires std::is_integral_v<T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

// Reads integers and ranges from the front of some bytes. After the first read past the end it is
// failed for good: every later read yields zero or an empty range, and `ok()` is false.
// Thread-compatible; views the caller's bytes.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes) {}

  template <typename T>
  T read() {
    if (!take(sizeof(T))) return T{};
    return load<T>(taken_.data());
  }
  Bytes read_bytes(std::size_t count) {
    if (!take(count)) return {};
    return taken_;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }
  [[nodiscard]] Bytes rest() const { return rest_; }

 private:
  bool take(std::size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      rest_ = {};
      return false;
    }
    taken_ = rest_.first(count);
    rest_ = rest_.subspan(count);
    return true;
  }

  Bytes rest_;
  Bytes taken_;
  bool ok_ = true;
};

// Appends integers and ranges to a growing vector. Thread-compatible; the vector outlives it.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<std::byte>& out) : out_(out) {}

  template <typename T>
  void write(T value) {
    std::array<std::byte, sizeof(T)> raw;
    store(raw.data(), value);
    write_bytes(raw);
  }
  void write_bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

 private:
  std::vector<std::byte>& out_;
};

}  // namespace bimip::engine
