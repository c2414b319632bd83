#include "tools/log/verify.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tools/log/partition_check.h"

namespace bimip::log_tools {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{200};

struct Work {
  PartitionCheck* partition;
  std::size_t segment;
  std::uint64_t bytes;
};

// Reads segments on several threads, the largest first, so that none is left alone at the end.
class Readers {
 public:
  Readers(std::vector<Work> work, unsigned jobs) : work_(std::move(work)) {
    std::ranges::stable_sort(work_, std::greater(), &Work::bytes);
    const std::size_t threads = std::min<std::size_t>(std::max(jobs, 1U), work_.size());
    running_ = threads;
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }

  void wait(const std::function<void()>& meanwhile) {
    std::unique_lock lock(mutex_);
    while (!done_.wait_for(lock, kProgressEvery, [&] { return running_ == 0; })) {
      lock.unlock();
      meanwhile();
      lock.lock();
    }
  }

  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  void run() {
    for (std::size_t next = next_++; next < work_.size(); next = next_++) {
      const Work& work = work_[next];
      work.partition->set_facts(work.segment,
                                check_segment(work.partition->task(work.segment, bytes_read_)));
    }
    const std::scoped_lock lock(mutex_);
    --running_;
    done_.notify_all();
  }

  std::vector<Work> work_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> bytes_read_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t running_ = 0;
  std::vector<std::jthread> threads_;
};

void add_counts(const PartitionCheck& partition, VerifyReport& report) {
  for (std::size_t i = 0; i < partition.size(); ++i) {
    ++report.segments;
    if (!partition.facts(i)) continue;
    report.blocks += partition.facts(i)->blocks;
    report.records += partition.facts(i)->totals.record_count;
  }
}

Finding unidentified(const PartitionPlace& place) {
  return {.file = place.folder,
          .topic = place.topic,
          .what = "no file in the folder says which partition of which store it is",
          .next = "put the manifest and the segments back from a backup"};
}

}  // namespace

bool VerifyReport::is_clean() const {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.verdict == Verdict::kDamage; });
}

Result<VerifyReport> verify(const Inventory& inventory, const VerifyOptions& options) {
  VerifyReport report{.findings = inventory.findings};
  std::vector<std::unique_ptr<PartitionCheck>> partitions;
  std::vector<Work> work;
  VerifyProgress progress;
  for (const PartitionPlace& place : inventory.partitions) {
    if (!place.has_identity) {
      report.findings.push_back(unidentified(place));
      continue;
    }
    partitions.push_back(std::make_unique<PartitionCheck>(place, options.depth));
    for (std::size_t i = 0; i < place.segments.size(); ++i) {
      work.push_back({partitions.back().get(), i, place.segments[i].bytes});
      progress.bytes_total += place.segments[i].bytes;
    }
  }
  Readers readers(std::move(work), options.jobs);
  readers.wait([&] {
    if (!options.on_progress) return;
    progress.bytes_read = readers.bytes_read();
    options.on_progress(progress);
  });
  report.partitions = inventory.partitions.size();
  report.bytes_read = readers.bytes_read();
  for (const std::unique_ptr<PartitionCheck>& partition : partitions) {
    Result<std::vector<Finding>> findings = partition->compare();
    if (!findings) return std::unexpected(std::move(findings.error()));
    std::ranges::move(*findings, std::back_inserter(report.findings));
    add_counts(*partition, report);
  }
  return report;
}

}  // namespace bimip::log_tools
