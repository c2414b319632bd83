// One file of the simulated device: what applications see, what is on the medium, and the changes
// between.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/random.h"
#include "engine/device/device.h"
#include "engine/device/sim_bytes.h"
#include "engine/device/sim_crash.h"

namespace bimip::engine {

// Invariant: applying every change to the medium, in order, gives what applications see once no
// write is in flight. A change is named by the step that issued it. Thread-compatible: the device's
// lock guards it.
class SimFileState {
 public:
  SimFileState() = default;
  explicit SimFileState(SparseBytes durable) : seen_(durable), medium_(std::move(durable)) {}

  [[nodiscard]] const SparseBytes& seen() const { return seen_; }

  void write(std::uint64_t step, std::uint64_t position, Bytes bytes);
  void grow(std::uint64_t step, std::uint64_t size);  // reserves: lost bytes there read as zeros
  void cut(std::uint64_t step, std::uint64_t size);

  // A write on its way. Nobody sees it before finish(), and it never overlaps another that is on
  // its way.
  void start(std::uint64_t step, std::uint64_t position, Bytes bytes);
  void finish(std::uint64_t step, std::uint64_t now, WriteDurability durability);
  // Only its first `sectors` were written, and those not durably.
  void finish_short(std::uint64_t step, std::uint64_t now, std::size_t sectors);
  // The bytes given to start(), to be compared with what the caller still holds.
  [[nodiscard]] Bytes on_its_way(std::uint64_t step);

  // Makes durable what was finished at `step` or before.
  void sync(std::uint64_t step);
  // Makes durable some of it; the rest no later sync makes durable.
  void fail_sync(std::uint64_t step, Random& random);

  // Changes these bytes in every version of them that may be read again.
  void damage(std::uint64_t position, Bytes bytes);
  void replace(Bytes bytes);

  // Adds the steps of the volatile writes.
  void collect_steps(std::vector<std::uint64_t>& steps) const;
  [[nodiscard]] SparseBytes image(SimCrash& crash) const;

 private:
  static constexpr std::uint64_t kInFlight = ~std::uint64_t{0};
  struct Change {
    enum class Kind : std::uint8_t { kWrite, kGrow, kCut };
    Kind kind;
    std::uint64_t step;
    std::uint64_t finished_at;
    std::uint64_t size;         // of kGrow and kCut: the file's; of kWrite: where its own bytes end
    std::uint64_t size_before;  // the file's, as seen when it was issued
    bool given_up = false;      // a sync failed on it

    // Of a write: whole sectors, as they were seen right after it. What reaches the medium is
    // always a whole sector of the page cache, so an earlier write in the same sector comes along.
    std::uint64_t position = 0;
    std::vector<std::byte> bytes = {};
    std::vector<bool> settled = {};  // sectors that are durable, or overtaken by a durable change

    [[nodiscard]] bool in_flight() const { return finished_at == kInFlight; }
    [[nodiscard]] bool changes_size() const { return kind == Kind::kCut || size > size_before; }
  };
  using Changes = std::list<Change>;

  void add_write(std::uint64_t step, std::uint64_t finished_at, std::uint64_t position,
                 Bytes bytes);
  void expect_no_flight_over(std::uint64_t position, std::uint64_t bytes) const;
  [[nodiscard]] Changes::iterator find_write(std::uint64_t step);
  [[nodiscard]] bool can_settle(const Change& change, std::uint64_t step) const;
  void settle(Changes::iterator change);
  void settle_write(const Change& change);
  void settle_cuts(std::uint64_t before_step, std::uint64_t below_size);
  static void put_sector(SparseBytes& into, const Change& write, std::size_t sector);
  static void forget_from(Change& write, std::uint64_t size);
  void image_write(const Change& write, std::uint64_t lost_from, SimCrash& crash,
                   SparseBytes& image) const;

  SparseBytes seen_;
  SparseBytes medium_;
  Changes changes_;  // volatile, in the order of their steps
};

}  // namespace bimip::engine
