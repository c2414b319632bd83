// Power goes at every step of a workload, and at every step of the recovery after it; the disk
// keeps whatever it may keep. Whatever that is: what was acknowledged is there, what is there is a
// prefix of what was appended, recovering again changes nothing, and nothing is called damage.
#include <gtest/gtest.h>
#include <malloc.h>

#include <iostream>

#include "tests/engine/crash/script.h"
#include "tests/support/joined.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

constexpr std::uint64_t kDeviceSeed = 1;
constexpr int kRetentionRounds = 20;  // of a store, until what retention takes is gone

// Large pieces of memory come and go all the time here: they are kept, not given back.
[[maybe_unused]] const bool kMemoryIsKept =
    mallopt(M_MMAP_THRESHOLD, 1 << 30) + mallopt(M_TRIM_THRESHOLD, 1 << 30) == 2;

// Empty, or where the files of two devices differ.
std::string difference(const SimDevice& before, const SimDevice& after) {
  const std::vector<std::string> names = before.files();
  if (after.files() != names) return "there are other files";
  for (const std::string& name : names) {
    if (*before.contents(name) == *after.contents(name)) continue;
    return name + " holds something else";
  }
  return {};
}

// A store that recovers what is on a device, and goes away without writing. What retention wants it
// does at once, compaction it is too slow for: nothing goes while it is read.
class Reopened {
 public:
  explicit Reopened(SimDevice& device) : device_(device) {
    Result<std::unique_ptr<Store>> store = Store::open({.directory = "data",
                                                        .free_space_floor = 0,
                                                        .rewrite_bytes_per_second = 1,
                                                        .device = &device,
                                                        .clock = &clock_,
                                                        .threading = Threading::kManual});
    if (store) {
      store_ = std::move(*store);
    } else {
      error_ = store.error().message;
    }
  }
  ~Reopened() { device_.crash(); }
  Reopened(const Reopened&) = delete;
  Reopened& operator=(const Reopened&) = delete;

  [[nodiscard]] Store& store() { return *store_; }
  [[nodiscard]] LogClient client() {
    return LogClient(*store_, [this] { store_->step(); });
  }

  // Empty, or what is wrong with what was recovered.
  [[nodiscard]] std::string contradiction(const History& history, Survives survives) {
    if (!store_) return "the store was refused: " + error_;
    for (const StoreReport::Unusable& unusable : store_->report().unusable)
      return "a partition cannot be used: " + unusable.error.message;
    for (const PartitionReport& partition : store_->report().partitions) {
      for (const DamagedRange& damage : partition.damaged) return "called damage: " + damage.why;
    }
    for (int i = 0; i < kRetentionRounds; ++i) store_->step();
    LogClient reader = client();
    return history.contradiction(*store_, reader, survives);
  }

 private:
  SimDevice& device_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::string error_;
};

std::string check_once(const SimDevice& image, const History& history, Survives survives) {
  const auto device = image.image(LossMode::kKeepAll, 1);
  return Reopened(*device).contradiction(history, survives);
}

// Opens a copy of an image and holds it against the history. Then again: as recovery left it, and
// as a power cut right after it may have.
std::string check_image(const SimDevice& image, const History& history, Survives survives) {
  const auto first = image.image(LossMode::kKeepAll, 1);
  Reopened recovered(*first);
  const auto left = first->image(LossMode::kKeepAll, 1);
  const auto cut = first->image(LossMode::kLoseUnsynced, 1);
  if (std::string why = recovered.contradiction(history, survives); !why.empty()) return why;

  const auto again = left->image(LossMode::kKeepAll, 1);
  Reopened twice(*again);
  if (std::string why = difference(*left, *again); !why.empty())
    return "a second recovery changed the files: " + why;
  if (std::string why = twice.contradiction(history, survives); !why.empty())
    return "opened again: " + why;

  Reopened after_cut(*cut);
  if (std::string why = after_cut.contradiction(history, survives); !why.empty())
    return "power cut after recovery: " + why;
  return {};
}

// Whoever sends everything again, in doubt about all of it, finds it stored once, in order.
std::string check_going_on(const SimDevice& image, History history) {
  const auto device = image.image(LossMode::kKeepAll, 1);
  const ManualClock clock;
  for (int round = 0; round < 2; ++round) {
    Result<std::unique_ptr<Store>> store = Store::open({.directory = "data",
                                                        .free_space_floor = 0,
                                                        .device = device.get(),
                                                        .clock = &clock,
                                                        .threading = Threading::kManual});
    if (!store) return "the store was refused: " + store.error().message;
    LogClient client(**store, [&] { (*store)->step(); });
    for (auto& [name, topic] : history.topics()) {
      const Result<TopicInfo> found = (*store)->create_topic(name, topic.config);
      if (!found) return "the topic cannot be made: " + found.error().message;
      for (std::uint32_t i = 0; i < topic.partitions.size(); ++i) {
        PartitionHistory& partition = topic.partitions[i];
        for (Sent& sent : partition.sent()) {
          if (sent.state == Sent::State::kRefused) continue;
          const auto stored =
              client.append(found->id, records_of(sent, partition.producer()), PartitionId(i));
          if (!stored) return "an append was refused: " + stored.error().message;
          if (sent.state == Sent::State::kStored && sent.first != stored->first)
            return "a retried append was answered another offset";
          sent.state = Sent::State::kStored;
          sent.first = stored->first;
        }
      }
    }
    if (std::string why = history.contradiction(**store, client, Survives::kDurableAndWritten);
        !why.empty())
      return (round == 0 ? "gone on: " : "gone on and opened again: ") + why;
  }
  return {};
}

class CrashAtEveryStep : public ::testing::TestWithParam<Workload> {
 protected:
  // The workload, cut short at a step; its history.
  History run(SimDevice& device, Script::Removed* removed = nullptr) const {
    Script script(device, GetParam().options);
    GetParam().run(script);
    script.close();
    if (removed != nullptr) *removed = script.removed();
    return script.history();
  }

  // Whether this case is to be tried.
  [[nodiscard]] bool wanted(const std::string& label) const {
    return only_.empty() || only_.starts_with(label) || label.starts_with(only_);
  }
  void expect(const std::string& why, const std::string& label) const {
    EXPECT_EQ(why, "") << "reproduce: BIMIP_PROOF_ONLY='" << label
                       << "' BIMIP_PROOF_EFFORT=" << proof_effort()
                       << " engine_crash_test --gtest_filter='*CrashAtEveryStep*'";
  }

  void try_images(std::uint64_t step);
  void try_recoveries(const SimDevice& image, const History& history, Survives survives,
                      const std::string& label, std::uint64_t turn);

  const std::string only_ = proof_only();
  std::uint64_t images_ = 0;
  std::uint64_t images_in_recovery_ = 0;
};

Survives what_survives(LossMode mode) {
  return mode == LossMode::kKeepAll ? Survives::kDurableAndWritten : Survives::kDurable;
}

void CrashAtEveryStep::try_images(std::uint64_t step) {
  SimDevice device(kDeviceSeed);
  device.crash_at(step);
  const History history = run(device);
  for (std::uint64_t seed = 0; seed < proof_seeds(); ++seed) {
    for (const LossMode mode : kAllLossModes) {
      const std::string label = joined(GetParam().name, "/", step, "/", name_of(mode), "/", seed);
      if (!wanted(label)) continue;
      const auto image = device.image(mode, step * 1000 + seed);
      ++images_;
      expect(check_image(*image, history, what_survives(mode)), label);
      const std::uint64_t turn = step + seed;
      if (kAllLossModes[turn % kAllLossModes.size()] != mode && only_.empty()) continue;
      // With more effort every step's turn comes; by itself each third's.
      if (turn % 3 == 0 || proof_effort() > 1 || !only_.empty())
        try_recoveries(*image, history, what_survives(mode), label, turn);
      if (turn % 5 == 0 || !only_.empty()) expect(check_going_on(*image, history), label);
    }
  }
}

// Power goes again, at every step of the recovery.
void CrashAtEveryStep::try_recoveries(const SimDevice& image, const History& history,
                                      Survives survives, const std::string& label,
                                      std::uint64_t turn) {
  const auto whole = image.image(LossMode::kKeepAll, 1);
  {
    Reopened recovered(*whole);
  }
  for (std::uint64_t step = 1; step <= whole->steps(); ++step) {
    const LossMode mode = kAllLossModes[(turn / 8 + step) % kAllLossModes.size()];
    const std::string inner = joined(label, "/recovery ", step, "/", name_of(mode));
    if (!wanted(inner)) continue;
    const auto device = image.image(LossMode::kKeepAll, 1);
    device->crash_at(step);
    {
      Reopened cut_short(*device);
    }
    ++images_in_recovery_;
    expect(check_once(*device->image(mode, turn * 100 + step), history, survives), inner);
  }
}

TEST_P(CrashAtEveryStep, RecoversWhatWasAcknowledgedAndNothingElse) {
  SimDevice whole(kDeviceSeed);
  Script::Removed removed;
  History history = run(whole, &removed);
  EXPECT_GE(removed.rewrites, GetParam().removes.rewrites);
  EXPECT_GE(removed.compactions, GetParam().removes.compactions);
  EXPECT_GE(removed.log_start, GetParam().removes.log_start);
  for (auto& [name, topic] : history.topics()) {
    for (PartitionHistory& partition : topic.partitions) {
      ASSERT_FALSE(partition.everything().empty());
      for (const Sent& sent : partition.sent())
        ASSERT_EQ(sent.state, Sent::State::kStored) << "the workload is to end by itself";
    }
  }
  const std::uint64_t stride = only_.empty() ? proof_stride() : 1;
  for (std::uint64_t step = 1; step <= whole.steps() && !HasFailure(); step += stride) {
    if (!wanted(joined(GetParam().name, "/", step, "/"))) continue;
    try_images(step);
  }
  std::cout << GetParam().name << ": " << whole.steps() << " steps, " << images_ << " images, "
            << images_in_recovery_ << " more of cut recoveries\n";
  if (only_.empty()) {
    EXPECT_GE(images_, whole.steps() / stride * kAllLossModes.size());
    EXPECT_GE(images_in_recovery_, whole.steps() / stride / 3);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, CrashAtEveryStep, ::testing::ValuesIn(all_workloads()),
                         [](const ::testing::TestParamInfo<Workload>& workload) {
                           return std::string(workload.param.name);
                         });

}  // namespace
}  // namespace bimip::testing
