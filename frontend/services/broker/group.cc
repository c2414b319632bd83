#include "frontend/services/broker/group.h"

#include <algorithm>
#include <map>

namespace bimip::frontend {

std::vector<Reassignment> Group::join(MemberId member) {
  members_.push_back(member);
  ++generation_;
  return rebalance();
}

std::vector<Reassignment> Group::leave(MemberId member) {
  if (std::erase(members_, member) == 0) return {};
  ++generation_;
  for (Partition& partition : partitions_) {
    if (partition.owner == member) partition.owner.reset();
    if (!partition.owner) partition.taken = false;
    if (partition.planned == member) partition.planned.reset();
  }
  return rebalance();
}

std::vector<Reassignment> Group::let_go(MemberId member, std::uint32_t number) {
  Partition& partition = partitions_[number];
  if (partition.owner != member || !partition.taken) return {};
  partition.owner = partition.planned;
  partition.taken = false;
  if (!partition.owner) return {};
  return {{.member = *partition.owner, .generation = generation_, .taken = {}, .given = {number}}};
}

// The largest first; of equal ones those who joined first.
std::vector<Group::Share> Group::shares_by_size() const {
  std::vector<Share> shares;
  shares.reserve(members_.size());
  for (const MemberId member : members_) {
    Share& share = shares.emplace_back(Share{.member = member, .joined = shares.size()});
    for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
      if (partitions_[i].planned == member) share.planned.push_back(i);
    }
  }
  std::ranges::sort(shares, [](const Share& a, const Share& b) {
    return std::pair(b.planned.size(), a.joined) < std::pair(a.planned.size(), b.joined);
  });
  return shares;
}

// Who has more than its share gives up the rest; who has less takes what is free. The members that
// have most keep the larger shares, so that least is moved.
void Group::plan() {
  if (members_.empty()) return;
  const std::size_t least = partitions_.size() / members_.size();
  std::size_t larger = partitions_.size() % members_.size();
  std::vector<Share> shares = shares_by_size();
  std::vector<std::size_t> wanted;
  for (Share& share : shares) {
    wanted.push_back(least + (larger > 0 ? 1 : 0));
    if (larger > 0) --larger;
    while (share.planned.size() > wanted.back()) {
      partitions_[share.planned.back()].planned.reset();
      share.planned.pop_back();
    }
  }
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    for (std::size_t held = shares[i].planned.size(); held < wanted[i]; ++held) {
      while (partitions_[next].planned) ++next;
      partitions_[next].planned = shares[i].member;
    }
  }
}

std::vector<Reassignment> Group::rebalance() {
  plan();
  std::map<MemberId, Reassignment> told;
  for (std::uint32_t i = 0; i < partitions_.size(); ++i) {
    Partition& partition = partitions_[i];
    if (partition.owner == partition.planned || partition.taken) continue;
    if (partition.owner) {
      partition.taken = true;
      told[*partition.owner].taken.push_back(i);
    } else {
      partition.owner = partition.planned;
      told[*partition.owner].given.push_back(i);
    }
  }
  std::vector<Reassignment> changes;
  for (auto& [member, change] : told) {
    change.member = member;
    change.generation = generation_;
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace bimip::frontend
