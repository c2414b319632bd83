// One consumer group of one topic: who its members are, and which partitions each of them reads.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace bimip::frontend {

enum class MemberId : std::uint64_t {};

// What one member is told: partitions it is to let go of, partitions that are its from now on.
struct Reassignment {
  MemberId member{};
  std::uint64_t generation = 0;
  std::vector<std::uint32_t> taken{};
  std::vector<std::uint32_t> given{};
};

// A pure state machine. Invariants: a partition has at most one owner, and is given only when it
// has none, so no two members read it at once; what is taken from a member stays its own until it
// says that it let go, or leaves; once everything taken was let go, the members' shares differ by
// one at most. A change of members moves as few partitions as that allows. Thread-compatible.
class Group {
 public:
  explicit Group(std::uint32_t partitions) : partitions_(partitions) {}

  // Each answers what members are to be told, in this order.
  [[nodiscard]] std::vector<Reassignment> join(MemberId member);
  [[nodiscard]] std::vector<Reassignment> leave(MemberId member);
  // The member delivers nothing of the partition any more. Ignored when nothing was taken.
  [[nodiscard]] std::vector<Reassignment> let_go(MemberId member, std::uint32_t partition);

  [[nodiscard]] bool is_empty() const { return members_.empty(); }
  // One more at every change of members.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  [[nodiscard]] std::optional<MemberId> owner_of(std::uint32_t partition) const {
    return partitions_[partition].owner;
  }

 private:
  struct Partition {
    std::optional<MemberId> owner{};
    std::optional<MemberId> planned{};
    bool taken = false;  // the owner was told to let go
  };
  struct Share {
    MemberId member{};
    std::size_t joined = 0;  // the how-manieth
    std::vector<std::uint32_t> planned{};
  };
  [[nodiscard]] std::vector<Reassignment> rebalance();
  void plan();
  [[nodiscard]] std::vector<Share> shares_by_size() const;

  std::vector<Partition> partitions_;
  std::vector<MemberId> members_;  // in the order in which they joined
  std::uint64_t generation_ = 0;
};

}  // namespace bimip::frontend
