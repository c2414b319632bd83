// How values that are made of others lie on a tape.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "frontend/session/tape_codec.h"

namespace bimip::frontend {

// The members of a plain value, in the order in which they lie on a tape.
template <typename T>
struct Members;

template <typename T>
concept HasMembers = requires(T& value) { Members<T>::of(value); };

template <HasMembers T>
struct Word<T> {
  static void put(TapeWriter& to, const T& value) {
    std::apply([&](const auto&... members) { (frontend::put(to, members), ...); },
               Members<T>::of(value));
  }
  static T get(TapeReader& from) {
    T value{};
    std::apply(
        [&](auto&... members) {
          ((members = frontend::get<std::remove_reference_t<decltype(members)>>(from)), ...);
        },
        Members<T>::of(value));
    return value;
  }
};

template <>
struct Word<double> {
  static void put(TapeWriter& to, double value) { to.fixed(std::bit_cast<std::uint64_t>(value)); }
  static double get(TapeReader& from) { return std::bit_cast<double>(from.fixed()); }
};
template <typename A, typename B>
struct Word<std::pair<A, B>> {
  static void put(TapeWriter& to, const std::pair<A, B>& value) {
    frontend::put(to, value.first);
    frontend::put(to, value.second);
  }
  static std::pair<A, B> get(TapeReader& from) {
    A first = frontend::get<A>(from);
    return {std::move(first), frontend::get<B>(from)};
  }
};
template <typename T, std::size_t N>
struct Word<std::array<T, N>> {
  static void put(TapeWriter& to, const std::array<T, N>& values) {
    for (const T& value : values) frontend::put(to, value);
  }
  static std::array<T, N> get(TapeReader& from) {
    std::array<T, N> values{};
    for (T& value : values) value = frontend::get<T>(from);
    return values;
  }
};

}  // namespace bimip::frontend
