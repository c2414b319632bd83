#include "tools/log/salvage/salvage.h"

#include <algorithm>
#include <numeric>

#include "engine/format/file_names.h"
#include "tools/log/interrupt.h"
#include "tools/log/output_folder.h"
#include "tools/log/parallel.h"
#include "tools/log/salvage/aside.h"
#include "tools/log/store_hold.h"
#include "tools/log/verify.h"

namespace bimip::log_tools {
namespace {

namespace fs = std::filesystem;
using Phase = SalvageProgress::Phase;

// The data directory that the path is, or lies in; nothing when it is in none.
std::optional<Path> data_directory_of(const Path& path) {
  constexpr int kDepthMax = 5;  // DATA/topics/NAME/PARTITION/FILE
  Path folder = path;
  for (int i = 0; i < kDepthMax && !folder.empty(); ++i, folder = folder.parent_path()) {
    std::error_code ignored;
    // What a salvage kept beside the store it wrote is no part of that store.
    if (folder.filename() == kSalvageFolder) return std::nullopt;
    if (fs::exists(folder / file_names::kCatalog, ignored) ||
        fs::exists(folder / file_names::kLock, ignored) ||
        fs::is_directory(folder / file_names::kTopics, ignored))
      return folder;
  }
  return std::nullopt;
}

// One partition that is to be carried over, and what came of it.
struct Job {
  const TopicPlan* topic = nullptr;
  const PartitionPlan* plan = nullptr;
  Result<PartitionOutcome> outcome = PartitionOutcome{};
};

class Salvager {
 public:
  explicit Salvager(const SalvageRequest& request)
      : request_(request), device_(make_output_device()) {}

  Result<SalvageReport> run() {
    Status done = prepare();
    if (done) done = gather();
    if (done) done = plan();
    if (done) done = carry_over();
    if (done && writes()) done = finish();
    if (!done) return std::unexpected(std::move(done.error()));
    report_.evidence = std::move(evidence_);
    return std::move(report_);
  }

 private:
  bool writes() const { return request_.effect == Effect::kWrite; }

  Status prepare() {
    Result<Path> root = find_given(request_.root);
    if (!root) return std::unexpected(std::move(root.error()));
    root_ = std::move(*root);
    report_.root = root_;
    if (writes()) report_.to = request_.to;
    report_.at = request_.now;
    store_ = data_directory_of(root_);
    if (request_.to) {
      if (Status good = check_output_folder(*request_.to, store_.value_or(root_)); !good)
        return good;
    }
    if (!store_) return {};
    Result<StoreHold> hold = StoreHold::take(*store_);
    if (!hold) return std::unexpected(std::move(hold.error()));
    hold_ = std::move(*hold);
    return {};
  }

  Status gather() {
    Result<Evidence> evidence = gather_evidence(
        {.root = root_, .jobs = request_.jobs, .on_progress = [this](const EvidenceProgress& now) {
           tell(Phase::kReading, now.bytes_read, now.bytes_total);
         }});
    if (!evidence) return std::unexpected(std::move(evidence.error()));
    evidence_ = std::move(*evidence);
    report_.files = evidence_.files.size();
    report_.bytes_read = evidence_.bytes_read;
    for (const FileEvidence& file : evidence_.files) {
      if (file.is_of_later_program) {
        return fail(ErrorCode::kUnsupportedVersion,
                    file.path.string() +
                        ": holds what a later version of this program wrote; use that version");
      }
      note_damage(file);
    }
    return {};
  }

  void note_damage(const FileEvidence& file) {
    if (file.unknown.empty() && file.unreadable_bytes == 0) return;
    SalvageReport::DamagedFile damaged{.path = file.path,
                                       .unreadable_bytes = file.unreadable_bytes};
    for (const UnknownBytes& unknown : file.unknown) damaged.bytes += unknown.end - unknown.from;
    if (!file.unknown.empty()) {
      damaged.from = file.unknown.front().from;
      damaged.end = file.unknown.back().end;
    }
    report_.damaged_files.push_back(std::move(damaged));
  }

  Status plan() {
    StoreEvidence given{.evidence = evidence_, .root = root_};
    if (store_ != root_) {
      given.extent = Extent::kPart;
      if (store_) given.catalog_above = catalog_above();
    }
    Result<StorePlan> plan = plan_store(given);
    if (!plan) return std::unexpected(std::move(plan.error()));
    plan_ = std::move(*plan);
    report_.store = plan_.catalog.store;
    report_.has_catalog = plan_.has_catalog;
    return {};
  }

  std::optional<Catalog> catalog_above() const {
    const Result<std::vector<std::byte>> bytes =
        read_whole(*store_ / file_names::kCatalog, kTableBytesMax);
    if (!bytes) return std::nullopt;
    Result<Catalog> catalog = decode_catalog(*bytes);
    return catalog ? std::optional(std::move(*catalog)) : std::nullopt;
  }

  Path folder_of(const TopicPlan& topic, const PartitionPlan& partition) const {
    return *request_.to / file_names::kTopics / topic.topic.name /
           file_names::partition(partition.identity.partition);
  }

  Status carry_over() {
    std::vector<Job> jobs;
    std::uint64_t bytes = 0;
    for (const TopicPlan& topic : plan_.topics) {
      for (const PartitionPlan& partition : topic.partitions) {
        jobs.push_back({.topic = &topic, .plan = &partition});
        for (const BlockEvidence* block : partition.blocks) bytes += block->header.block_bytes;
      }
    }
    if (Status ready = make_room(jobs, bytes); !ready) return ready;
    std::atomic<std::uint64_t> bytes_done{0};
    run_parallel({.count = jobs.size(),
                  .jobs = request_.jobs,
                  .work = [&](std::size_t i) { carry_over(jobs[i], bytes_done); },
                  .meanwhile = [&] { tell(Phase::kCopying, bytes_done, bytes); }});
    auto next = jobs.begin();
    for (const TopicPlan& topic : plan_.topics) {
      TopicReport& report = report_.topics.emplace_back(TopicReport{.plan = topic});
      for (std::size_t i = 0; i < topic.partitions.size(); ++i, ++next) {
        if (!next->outcome) return std::unexpected(std::move(next->outcome.error()));
        report.partitions.push_back(std::move(*next->outcome));
      }
    }
    return keep_doubts();
  }

  void carry_over(Job& job, std::atomic<std::uint64_t>& bytes_done) {
    const PartitionTask task{
        .evidence = evidence_, .plan = *job.plan, .now = request_.now, .bytes_done = bytes_done};
    job.outcome =
        writes() ? write_partition(task, {.device = *device_,
                                          .folder = folder_of(*job.topic, *job.plan),
                                          .segment_bytes = job.topic->topic.config.segment_bytes})
                 : inspect_partition(task);
  }

  Status make_room(const std::vector<Job>& jobs, std::uint64_t bytes) {
    if (!request_.to) return {};
    for (const Doubt& doubt : doubts()) bytes += doubt.block->header.block_bytes;
    Status fits = check_room(*device_, *request_.to, bytes);
    if (!fits || !writes()) return fits;
    Result<OutputFolder> output =
        OutputFolder::make(*device_, *request_.to, OutputFolder::Contents::kOurs);
    if (!output) return std::unexpected(std::move(output.error()));
    report_.output = std::move(*output);
    for (const Job& job : jobs) {
      if (Status made = make_folders(*device_, folder_of(*job.topic, *job.plan)); !made)
        return made;
    }
    return make_folders(*device_, *request_.to / file_names::kTopics);
  }

  std::vector<Doubt> doubts() const {
    std::vector<Doubt> doubts = plan_.strangers;
    for (const TopicPlan& topic : plan_.topics) {
      for (const PartitionPlan& partition : topic.partitions)
        doubts.insert(doubts.end(), partition.doubts.begin(), partition.doubts.end());
    }
    return doubts;
  }

  Status keep_doubts() {
    AsideRequest aside{.evidence = evidence_, .doubts = doubts()};
    if (writes()) {
      aside.device = device_.get();
      aside.folder = *request_.to / kSalvageFolder / "aside";
    }
    Result<std::vector<KeptBlock>> kept = keep_aside(aside);
    if (!kept) return std::unexpected(std::move(kept.error()));
    report_.doubts = std::move(*kept);
    return {};
  }

  // The catalog makes it a store.
  Status finish() {
    Catalog catalog = plan_.catalog;
    catalog.topics.clear();
    for (const TopicPlan& topic : plan_.topics) catalog.topics.push_back(topic.topic);
    Status done =
        replace_file(*device_, *request_.to / file_names::kCatalog, encode_catalog(catalog));
    if (!done) return done;
    return verify_output();
  }

  Status verify_output() {
    const Result<Inventory> inventory = take_inventory(*request_.to);
    if (!inventory) return std::unexpected(inventory.error());
    const Result<VerifyReport> verified =
        verify(*inventory, {.depth = Depth::kRecords,
                            .jobs = request_.jobs,
                            .on_progress = [this](const VerifyProgress& now) {
                              tell(Phase::kVerifying, now.bytes_read, now.bytes_total);
                            }});
    if (!verified) return std::unexpected(verified.error());
    for (const Finding& finding : verified->findings) {
      if (finding.verdict != Verdict::kDamage) continue;
      return fail(ErrorCode::kIo,
                  finding.file.string() + ": what was written does not check: " + finding.what);
    }
    return {};
  }

  void tell(Phase phase, std::uint64_t done, std::uint64_t total) const {
    if (request_.on_progress)
      request_.on_progress({.phase = phase, .bytes_done = done, .bytes_total = total});
  }

  const SalvageRequest& request_;
  const std::unique_ptr<Device> device_;
  Path root_;
  std::optional<Path> store_;
  StoreHold hold_;
  Evidence evidence_;
  StorePlan plan_;
  SalvageReport report_;
};

}  // namespace

bool SalvageReport::is_complete() const {
  const auto is_whole = [](const TopicReport& topic) {
    const auto lost_nothing_new = [](const PartitionOutcome& partition) {
      return std::ranges::all_of(
                 partition.gaps,
                 [](const GapReport& gap) { return gap.gap.recorded_at.has_value(); }) &&
             std::ranges::all_of(partition.forgotten, &ForgottenKeys::is_known);
    };
    const auto has_no_notes = [](const PartitionPlan& plan) { return plan.notes.empty(); };
    return topic.plan.has_config && topic.plan.has_name && topic.plan.vanished.empty() &&
           std::ranges::all_of(topic.partitions, lost_nothing_new) &&
           std::ranges::all_of(topic.plan.partitions, has_no_notes);
  };
  return doubts.empty() && std::ranges::all_of(topics, is_whole);
}

Result<SalvageReport> salvage(const SalvageRequest& request) { return Salvager(request).run(); }

}  // namespace bimip::log_tools
