#include "tools/log/diff/diff.h"

#include <algorithm>
#include <atomic>
#include <map>

#include "tools/log/diff/partition_diff.h"
#include "tools/log/parallel.h"

namespace bimip::log_tools {
namespace {

// Two partitions of the same name; one of them may be missing.
struct Match {
  const PartitionPlace* first = nullptr;
  const PartitionPlace* second = nullptr;
};

class Differ {
 public:
  explicit Differ(const DiffRequest& request) : request_(request) {}

  Result<DiffReport> run() {
    if (request_.first.scope != request_.second.scope) {
      return fail(ErrorCode::kInvalidArgument,
                  "the one is a " + std::string(name_of(request_.first.scope)) + ", the other a " +
                      std::string(name_of(request_.second.scope)) + ": they cannot be compared");
    }
    compare_topics();
    const std::vector<Match> matches = match();
    std::vector<Result<PartitionComparison>> compared(matches.size(), PartitionComparison{});
    std::atomic<std::uint64_t> done{0};
    run_parallel({.count = matches.size(),
                  .jobs = request_.jobs,
                  .work =
                      [&](std::size_t i) {
                        compared[i] = compare(matches[i]);
                        ++done;
                      },
                  .meanwhile =
                      [&] {
                        if (request_.on_progress) request_.on_progress(done, matches.size());
                      }});
    for (Result<PartitionComparison>& one : compared) {
      if (!one) return std::unexpected(std::move(one.error()));
      report_.partitions.push_back(std::move(one->difference));
      std::ranges::move(one->findings, std::back_inserter(report_.findings));
    }
    return std::move(report_);
  }

 private:
  void compare_topics() {
    if (request_.first.scope != Scope::kStore) return;
    std::map<std::string, std::pair<const CatalogTopic*, const CatalogTopic*>> topics;
    if (request_.first.catalog) {
      for (const CatalogTopic& topic : request_.first.catalog->topics)
        topics[topic.name].first = &topic;
    }
    if (request_.second.catalog) {
      for (const CatalogTopic& topic : request_.second.catalog->topics)
        topics[topic.name].second = &topic;
    }
    for (const auto& [name, both] : topics) {
      if (both.first == nullptr || both.second == nullptr) {
        report_.topics.push_back("topic " + name + " is only in the " +
                                 (both.first != nullptr ? "first" : "second"));
      } else if (both.first->config != both.second->config) {
        report_.topics.push_back("topic " + name + " has another configuration in the second");
      }
    }
  }

  // Of stores and topics by name and number; two partitions or segments are what was given.
  std::vector<Match> match() const {
    const std::vector<PartitionPlace>& first = request_.first.partitions;
    const std::vector<PartitionPlace>& second = request_.second.partitions;
    const bool is_whole = request_.first.scope == Scope::kStore;
    if (request_.first.scope == Scope::kPartition || request_.first.scope == Scope::kSegment)
      return {{.first = &first.front(), .second = &second.front()}};
    std::map<std::pair<std::string, std::string>, Match> matches;
    const auto name = [&](const PartitionPlace& place) {
      return std::pair(is_whole ? place.topic : std::string(), place.folder.filename().string());
    };
    for (const PartitionPlace& place : first) matches[name(place)].first = &place;
    for (const PartitionPlace& place : second) matches[name(place)].second = &place;
    std::vector<Match> list;
    for (const auto& [key, both] : matches) list.push_back(both);
    return list;
  }

  Result<PartitionComparison> compare(const Match& match) const {
    if (match.first != nullptr && match.second != nullptr) {
      return compare_partitions({.first_store = request_.first,
                                 .first = *match.first,
                                 .second_store = request_.second,
                                 .second = *match.second});
    }
    const PartitionPlace& there = match.first != nullptr ? *match.first : *match.second;
    PartitionComparison found;
    found.difference.topic = there.topic;
    found.difference.partition = there.identity.partition;
    found.difference.only_in = match.first != nullptr ? Side::kFirst : Side::kSecond;
    return found;
  }

  const DiffRequest& request_;
  DiffReport report_;
};

}  // namespace

bool PartitionDifference::is_equal() const {
  return !only_in && !first_difference && first_offsets == second_offsets;
}

bool DiffReport::is_equal() const {
  return topics.empty() && std::ranges::all_of(partitions, &PartitionDifference::is_equal);
}

Result<DiffReport> diff(const DiffRequest& request) { return Differ(request).run(); }

}  // namespace bimip::log_tools
