// The engine's numbers, each its own type, so that an offset is never taken for a position.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>

namespace bimip::engine {

// A number of one meaning. Explicit both ways; only same-meaning arithmetic compiles.
// Immutable in spirit: a plain value.
template <typename Tag, typename Rep = std::uint64_t>
class Number {
 public:
  using rep = Rep;
  constexpr Number() = default;
  constexpr explicit Number(Rep value) : value_(value) {}
  [[nodiscard]] constexpr Rep value() const { return value_; }

  friend constexpr auto operator<=>(Number, Number) = default;
  friend constexpr Number operator+(Number a, Rep b) {
    return Number(static_cast<Rep>(a.value_ + b));
  }
  friend constexpr Number operator-(Number a, Rep b) {
    return Number(static_cast<Rep>(a.value_ - b));
  }
  friend constexpr Rep operator-(Number a, Number b) {
    return static_cast<Rep>(a.value_ - b.value_);
  }
  constexpr Number& operator+=(Rep b) { return *this = *this + b; }
  constexpr Number& operator++() { return *this += Rep{1}; }

 private:
  Rep value_{};
};

using Offset = Number<struct OffsetTag>;  // a record's place in its partition, dense, from 0
using IncrementId =
    Number<struct IncrementIdTag>;  // a record's place in its entity's topic, from 1; 0 is none
using FilePosition = Number<struct FilePositionTag>;  // bytes from the start of a file
using BlockNumber =
    Number<struct BlockNumberTag>;      // a commit block's place in its partition, dense, from 0
using Epoch = Number<struct EpochTag>;  // one life of one segment file, never reused in a partition
using TopicId = Number<struct TopicIdTag, std::uint32_t>;
using PartitionId = Number<struct PartitionIdTag, std::uint32_t>;
using ProducerNumber = Number<struct ProducerNumberTag>;  // a producer's own number for a record

// Microseconds since 1970-01-01 UTC.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// 128 bits that name something (a store, a producer). All zeros is "none".
struct Id128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend constexpr auto operator<=>(const Id128&, const Id128&) = default;
  [[nodiscard]] constexpr bool is_none() const { return high == 0 && low == 0; }
};
using StoreId = Id128;
using ProducerId = Id128;

// The 128-bit XXH3 of some bytes.
struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend constexpr auto operator<=>(const Hash128&, const Hash128&) = default;
};

}  // namespace bimip::engine

template <typename Tag, typename Rep>
struct std::hash<bimip::engine::Number<Tag, Rep>> {
  std::size_t operator()(bimip::engine::Number<Tag, Rep> n) const noexcept {
    return std::hash<Rep>{}(n.value());
  }
};
template <>
struct std::hash<bimip::engine::Id128> {
  std::size_t operator()(const bimip::engine::Id128& id) const noexcept {
    return static_cast<std::size_t>(id.high ^ (id.low * 0x9E3779B97F4A7C15ULL));
  }
};
template <>
struct std::hash<bimip::engine::Hash128> {
  std::size_t operator()(const bimip::engine::Hash128& h) const noexcept {
    return static_cast<std::size_t>(h.low);
  }
};
