// Who watches whom, what each was told last, and whom there is something new of.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontend/services/awareness/entity_book.h"

namespace bimip::frontend {

// One of the watch's entities, and what was last told of it.
struct WatchTarget {
  std::uint64_t fingerprint = 0;  // told: of all that was seen
  std::uint64_t version = 0;      // told; of what the viewer may see
  EntityNumber entity{};
  std::uint32_t place = 0;                    // in the entity's list of watchers
  std::uint8_t aspects = 0;                   // told
  UserState state = UserState::kUnspecified;  // counted as; kUnspecified: not yet
  bool is_told = false;                       // as itself, not as one of a count
  bool is_dirty = false;
  bool is_contact = false;
  bool is_listed = false;
};

// How many are what. Invisible ones are offline.
using StateCounts = std::array<std::uint32_t, kUserStates>;

struct Watch {
  using Time = std::chrono::nanoseconds;
  SeatNumber seat{};  // 0: free
  EntityNumber viewer{};
  bool has_contacts = false;
  bool as_counts = false;
  bool is_ready = true;     // what was told last has arrived
  bool is_snapshot = true;  // not yet told of all
  bool has_more = false;    // than one batch takes: the next one need not wait
  bool is_marked = false;   // among those to be looked at
  std::vector<WatchTarget> targets{};
  std::vector<std::uint32_t> dirty{};          // targets
  std::vector<std::string> dirty_relations{};  // of the viewer's: to whom
  StateCounts counts{};
  StateCounts counts_told{};
  Time told_at = Time::min();
  Time queued = Entity::kNever;
};

// Keeps both ends of each edge. Thread-compatible.
class Watches {
 public:
  explicit Watches(EntityBook& book) : book_(book) {}

  [[nodiscard]] std::optional<WatchNumber> find(SeatNumber seat) const;
  WatchNumber add(SeatNumber seat, EntityNumber viewer);
  void remove(WatchNumber number);
  [[nodiscard]] Watch& operator[](WatchNumber number) { return watches_[number.value()]; }
  [[nodiscard]] const Watch& operator[](WatchNumber number) const {
    return watches_[number.value()];
  }

  // Of an entity that is not yet one; its place.
  std::uint32_t add_target(WatchNumber number, EntityNumber entity);
  [[nodiscard]] std::optional<std::uint32_t> find_target(WatchNumber number,
                                                         EntityNumber entity) const;
  void remove_target(WatchNumber number, std::uint32_t target);
  // There is something new: once, until it was told.
  void mark(WatchNumber number, std::uint32_t target);
  void mark_relation(WatchNumber number, const std::string& other);
  // Those that were marked since the last call.
  [[nodiscard]] std::vector<WatchNumber> take_marked();
  // To be among them.
  void look_at(WatchNumber number);

  [[nodiscard]] std::size_t size() const { return by_seat_.size(); }
  // Those that are in use and those that are free: numbers are below it.
  [[nodiscard]] std::size_t places() const { return watches_.size(); }
  [[nodiscard]] std::size_t edges() const { return edges_; }

 private:
  EntityBook& book_;
  std::vector<Watch> watches_;
  std::vector<WatchNumber> free_;
  std::unordered_map<SeatNumber, WatchNumber> by_seat_;
  std::vector<WatchNumber> marked_;
  std::size_t edges_ = 0;
};

}  // namespace bimip::frontend
