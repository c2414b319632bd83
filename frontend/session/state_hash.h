// A session's state in 64 bits, for comparing it with what it was in another run.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "engine/base/bytes.h"
#include "engine/base/hash.h"
#include "engine/base/types.h"

namespace bimip::frontend {

// Thread-compatible.
class StateHash {
 public:
  template <typename T>
    requires std::is_integral_v<T> || std::is_enum_v<T>
  StateHash& add(T value) {
    std::array<std::byte, sizeof(std::uint64_t)> raw;
    engine::store(raw.data(), static_cast<std::uint64_t>(value));
    value_ = engine::xxh3_64(raw, value_);
    return *this;
  }
  StateHash& add(std::string_view text) {
    value_ = engine::xxh3_64(engine::as_bytes(text), value_);
    return add(text.size());
  }
  template <typename Tag, typename Rep>
  StateHash& add(engine::Number<Tag, Rep> number) {
    return add(number.value());
  }
  template <typename Rep, typename Period>
  StateHash& add(std::chrono::duration<Rep, Period> time) {
    return add(time.count());
  }
  template <typename T>
  StateHash& add(const std::optional<T>& value) {
    add(value.has_value());
    return value ? add(*value) : *this;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace bimip::frontend
