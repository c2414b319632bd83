// How values lie on a tape. Normative page: docs/design/format-recording.md.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <deque>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/types.h"
#include "engine/segment/block.h"
#include "frontend/session/moment.h"

namespace bimip::frontend {

// The blocks of the log that were written last: many subscribers read the same. Each is written
// once and then named by its number. Thread-compatible.
class BlockShelf {
 public:
  static constexpr std::size_t kKept = 32;
  [[nodiscard]] std::optional<std::uint64_t> number_of(const engine::BlockRef& block) const;
  [[nodiscard]] engine::BlockRef at(std::uint64_t number) const;  // null: not here any more
  void put(engine::BlockRef block);

 private:
  std::uint64_t first_ = 0;
  std::deque<engine::BlockRef> blocks_{};
};

// What both ends of a tape remember of what went before.
struct TapeMemory {
  Moment last{};
  BlockShelf blocks{};
};

// Appends to some bytes. Thread-compatible; outlived by what it is given.
class TapeWriter {
 public:
  TapeWriter(std::string& out, TapeMemory& memory) : out_(out), memory_(memory) {}
  void number(std::uint64_t value);  // a varint
  void bytes(std::string_view bytes);
  void fixed(std::uint64_t value);  // 8 bytes, little-endian
  [[nodiscard]] TapeMemory& memory() { return memory_; }

 private:
  std::string& out_;
  TapeMemory& memory_;
};

// Reads what a TapeWriter wrote; after the first read past the end it is failed for good, and
// yields zeros. Thread-compatible; views its bytes.
class TapeReader {
 public:
  TapeReader(std::string_view bytes, TapeMemory& memory) : rest_(bytes), memory_(memory) {}
  [[nodiscard]] std::uint64_t number();
  [[nodiscard]] std::string_view bytes();
  [[nodiscard]] std::uint64_t fixed();
  void fail() { ok_ = false; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }
  [[nodiscard]] TapeMemory& memory() { return memory_; }

 private:
  std::string_view rest_;
  TapeMemory& memory_;
  bool ok_ = true;
};

// put() and get() of one type.
template <typename T>
struct Word;

template <typename T>
void put(TapeWriter& to, const T& value) {
  Word<T>::put(to, value);
}
template <typename T>
[[nodiscard]] T get(TapeReader& from) {
  return Word<T>::get(from);
}

template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
struct Word<T> {
  static void put(TapeWriter& to, T value) { to.number(static_cast<std::uint64_t>(value)); }
  static T get(TapeReader& from) { return static_cast<T>(from.number()); }
};
// A Protobuf message, as its bytes.
template <typename T>
  requires requires(const T& value, T& into, const std::string& bytes) {
    { value.SerializeAsString() } -> std::same_as<std::string>;
    { into.ParseFromString(bytes) } -> std::same_as<bool>;
  }
struct Word<T> {
  static void put(TapeWriter& to, const T& value) { to.bytes(value.SerializeAsString()); }
  static T get(TapeReader& from) {
    T value;
    if (!value.ParseFromString(std::string(from.bytes()))) from.fail();
    return value;
  }
};
template <typename Tag, typename Rep>
struct Word<engine::Number<Tag, Rep>> {
  using T = engine::Number<Tag, Rep>;
  static void put(TapeWriter& to, T value) { to.number(value.value()); }
  static T get(TapeReader& from) { return T(static_cast<Rep>(from.number())); }
};
template <typename Rep, typename Period>
struct Word<std::chrono::duration<Rep, Period>> {
  using T = std::chrono::duration<Rep, Period>;
  static void put(TapeWriter& to, T value) { to.number(static_cast<std::uint64_t>(value.count())); }
  static T get(TapeReader& from) { return T(static_cast<Rep>(from.number())); }
};
template <>
struct Word<engine::Timestamp> {
  static void put(TapeWriter& to, engine::Timestamp value) {
    to.number(static_cast<std::uint64_t>(micros(value)));
  }
  static engine::Timestamp get(TapeReader& from) {
    return engine::Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(from.number())));
  }
};
template <>
struct Word<std::string> {
  static void put(TapeWriter& to, const std::string& value) { to.bytes(value); }
  static std::string get(TapeReader& from) { return std::string(from.bytes()); }
};
template <>
struct Word<engine::OffsetRange> {
  static void put(TapeWriter& to, const engine::OffsetRange& value);
  static engine::OffsetRange get(TapeReader& from);
};
template <>
struct Word<engine::Error> {
  static void put(TapeWriter& to, const engine::Error& value);
  static engine::Error get(TapeReader& from);
};
// As the difference to the one before.
template <>
struct Word<Moment> {
  static void put(TapeWriter& to, const Moment& value);
  static Moment get(TapeReader& from);
};
template <typename T>
struct Word<std::optional<T>> {
  static void put(TapeWriter& to, const std::optional<T>& value) {
    to.number(value ? 1 : 0);
    if (value) Word<T>::put(to, *value);
  }
  static std::optional<T> get(TapeReader& from) {
    if (from.number() == 0) return std::nullopt;
    return Word<T>::get(from);
  }
};
template <typename T>
struct Word<std::vector<T>> {
  static void put(TapeWriter& to, const std::vector<T>& values) {
    to.number(values.size());
    for (const T& value : values) Word<T>::put(to, value);
  }
  static std::vector<T> get(TapeReader& from) {
    std::vector<T> values;
    // Each takes a byte at least: a count that is a lie costs nothing.
    const std::uint64_t count = from.number();
    for (std::uint64_t i = 0; i < count && from.ok(); ++i) values.push_back(Word<T>::get(from));
    return values;
  }
};
template <typename T, typename E>
struct Word<std::expected<T, E>> {
  static void put(TapeWriter& to, const std::expected<T, E>& value) {
    to.number(value ? 1 : 0);
    if (!value) return Word<E>::put(to, value.error());
    if constexpr (!std::is_void_v<T>) Word<T>::put(to, *value);
  }
  static std::expected<T, E> get(TapeReader& from) {
    if (from.number() == 0) return std::unexpected(Word<E>::get(from));
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return Word<T>::get(from);
    }
  }
};

// The words of some values, by themselves.
template <typename... Values>
[[nodiscard]] std::string words_on_tape(const Values&... values) {
  std::string words;
  TapeMemory alone;
  TapeWriter to(words, alone);
  (put(to, values), ...);
  return words;
}

}  // namespace bimip::frontend
