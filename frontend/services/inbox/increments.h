// Which messages of an inbox were had, told of or read: all up to a number, but for some holes.
#pragma once

#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/result.h"
#include "engine/base/types.h"

namespace bimip::frontend {

// From the first to the last; none, when the last is in front of the first.
struct IncrementRange {
  engine::IncrementId first{};
  engine::IncrementId last{};
  [[nodiscard]] bool is_empty() const { return last < first; }
  friend bool operator==(const IncrementRange&, const IncrementRange&) = default;
};

// A set of increments, of 1 and above. Hardly ever are there holes: they come of a device that
// begins behind what it has not had. Thread-compatible.
class Increments {
 public:
  using Ranges = std::vector<IncrementRange>;

  Increments() = default;
  explicit Increments(engine::IncrementId up_to) : up_to_(up_to) {}

  // The greatest it knows of; it may be in a hole.
  [[nodiscard]] engine::IncrementId up_to() const { return up_to_; }
  // In order, none beside another.
  [[nodiscard]] const Ranges& holes() const { return holes_; }
  // All up to here are in it.
  [[nodiscard]] engine::IncrementId prefix() const;
  [[nodiscard]] bool contains(engine::IncrementId increment) const;
  // What is in it, and what of a range is not; in order.
  [[nodiscard]] Ranges parts() const;
  [[nodiscard]] Ranges missing(const IncrementRange& range) const;

  void add(const IncrementRange& range);
  // Goes as far as `to`; what is new is a hole.
  void pass(engine::IncrementId to);
  void take_out(const IncrementRange& range);
  // Knows of nothing behind it any more.
  void set_back(engine::IncrementId to);

  // Both of one that has several holes.
  [[nodiscard]] IncrementRange smallest_hole() const;
  void join_closest_holes();

  // up_to (8), then of each hole its first (8) and its last (8).
  [[nodiscard]] std::string encode() const;
  // kDamaged
  [[nodiscard]] static engine::Result<Increments> decode(engine::Bytes bytes);

  friend bool operator==(const Increments&, const Increments&) = default;

 private:
  engine::IncrementId up_to_{};
  Ranges holes_{};
};

}  // namespace bimip::frontend
