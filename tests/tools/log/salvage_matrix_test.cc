// Every kind of file, damaged in every way: verify says so and names it; salvage brings back all
// that still checks, at its offsets; what it wrote opens, verifies clean and goes on.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "tests/tools/log/command_run.h"
#include "tests/tools/log/stored_records.h"
#include "tools/log/salvage/salvage_command.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using file_names::FileKind;
using log_tools::Exit;
using log_tools::Format;
using Json = nlohmann::json;

enum class Which : std::uint8_t {
  kCatalog,
  kManifest,
  kFirstSegment,
  kMiddleSegment,
  kLastSealedSegment,
  kActiveSegment,
  kIndex,
  kProducers,
  kCheckpoint,
};
enum class Damage : std::uint8_t {
  kFlipHead,
  kFlipMiddle,
  kFlipEnd,
  kZeroSector,
  kHalve,
  kEmpty,
  kDelete,
  kSwap,
  kStaleCopy,
  kAppend,
  kPrepend,
  kRandom,
  kReorder,
};
constexpr std::array kEveryFile{
    Which::kCatalog,       Which::kManifest,          Which::kFirstSegment,
    Which::kMiddleSegment, Which::kLastSealedSegment, Which::kActiveSegment,
    Which::kIndex,         Which::kProducers,         Which::kCheckpoint};
constexpr std::array kEveryDamage{
    Damage::kFlipHead, Damage::kFlipMiddle, Damage::kFlipEnd, Damage::kZeroSector, Damage::kHalve,
    Damage::kEmpty,    Damage::kDelete,     Damage::kSwap,    Damage::kStaleCopy,  Damage::kAppend,
    Damage::kPrepend,  Damage::kRandom,     Damage::kReorder};

std::string_view name_of(Which which) {
  constexpr std::array<std::string_view, 9> kNames{
      "Catalog",       "Manifest", "FirstSegment", "MiddleSegment", "LastSealedSegment",
      "ActiveSegment", "Index",    "Producers",    "Checkpoint"};
  return kNames.at(static_cast<std::size_t>(which));
}
std::string_view name_of(Damage damage) {
  constexpr std::array<std::string_view, 13> kNames{
      "FlipHead", "FlipMiddle", "FlipEnd", "ZeroSector", "Halve",  "Empty",  "Delete",
      "Swap",     "StaleCopy",  "Append",  "Prepend",    "Random", "Reorder"};
  return kNames.at(static_cast<std::size_t>(damage));
}

// The store that is damaged, as it is and as it was some time before. Made once.
class Original {
 public:
  Original() {
    fs::copy(store_.path(), before_.path(), fs::copy_options::recursive);
    const std::unique_ptr<Device> device = make_posix_device();
    const auto store = open_store(store_.path(), *device);
    LogClient log(*store);
    const TopicId orders = store->find_topic("orders")->id;
    const TopicId later = store->create_topic("later", {})->id;
    for (int i = 0; i < 40; ++i) {
      if (!log.append(orders, std::string(3800, 'L')) || !log.append(later, "later"))
        throw std::runtime_error("no append");
    }
  }
  [[nodiscard]] const ExampleStore& store() const { return store_; }
  [[nodiscard]] const Path& before() const { return before_.path(); }
  [[nodiscard]] const Records& records() const { return records_; }

 private:
  ExampleStore store_{60, ExampleStore::WithLarge::kYes};
  TempDirectory before_;
  Records records_;

 public:
  void read() { records_ = records_that_check(store_.path()); }
};

const Original& original() {
  static const Original* made = [] {
    auto* original = new Original();
    original->read();
    return original;
  }();
  return *made;
}

// The segment that was written when the older copy was made.
Path was_active() {
  const Path folder = original().before() / "topics/orders/0";
  const std::vector<std::byte> bytes = read_bytes(folder / file_names::kManifest);
  const SegmentIdentity whose = decode_table(TableKind::kManifest, bytes)->identity;
  const Manifest manifest = *decode_manifest(whose, bytes);
  for (const ManifestSegment& segment : manifest.segments) {
    if (segment.state == SegmentState::kActive)
      return original().store().partition() / file_names::segment(segment.epoch);
  }
  throw std::runtime_error("no active segment");
}

Path file_of(Which which) {
  const ExampleStore& store = original().store();
  const std::vector<ManifestSegment> segments = store.manifest().segments;
  const auto sealed = static_cast<std::size_t>(
      std::ranges::count(segments, SegmentState::kSealed, &ManifestSegment::state));
  const auto segment = [&](std::size_t number) {
    return store.partition() / file_names::segment(segments.at(number).epoch);
  };
  switch (which) {
    case Which::kCatalog:
      return store.path() / file_names::kCatalog;
    case Which::kManifest:
      return store.partition() / file_names::kManifest;
    case Which::kFirstSegment:
      return segment(0);
    case Which::kMiddleSegment:
      return was_active();
    case Which::kLastSealedSegment:
      return segment(sealed - 1);
    case Which::kActiveSegment:
      return store.active();
    case Which::kIndex:
      return store.files(FileKind::kIndex).at(1);
    case Which::kProducers:
      return store.files(FileKind::kProducers).at(0);
    case Which::kCheckpoint:
      return store.checkpoint();
  }
  return {};
}

bool is_segment(Which which) {
  return which >= Which::kFirstSegment && which <= Which::kActiveSegment;
}

// What it is swapped with.
Path partner_of(Which which) {
  const ExampleStore& store = original().store();
  switch (which) {
    case Which::kManifest:
      return store.partition(1) / file_names::kManifest;
    case Which::kFirstSegment:
    case Which::kActiveSegment:
      return file_of(Which::kMiddleSegment);
    case Which::kMiddleSegment:
      return file_of(Which::kLastSealedSegment);
    case Which::kLastSealedSegment:
      return store.active(1);
    case Which::kIndex:
      return store.files(FileKind::kIndex).at(0);
    case Which::kCatalog:
    case Which::kProducers:
    case Which::kCheckpoint:
      return file_of(Which::kManifest);
  }
  return {};
}

std::size_t live_bytes(const std::vector<std::byte>& bytes) {
  std::size_t live = bytes.size();
  while (live > 0 && bytes[live - 1] == std::byte{0}) --live;
  return live;
}

// A store that is a copy of the original, with one file damaged.
class DamagedStore {
 public:
  DamagedStore() {
    fs::copy(original().store().path(), directory_.path(), fs::copy_options::recursive);
  }
  [[nodiscard]] const Path& path() const { return directory_.path(); }
  [[nodiscard]] Path here(const Path& original_file) const {
    return path() / fs::relative(original_file, original().store().path());
  }

  // False when it changed nothing.
  bool harm(Which which, Damage damage) {
    const Path file = here(file_of(which));
    std::vector<std::byte> bytes = read_bytes(file);
    const std::vector<std::byte> kept = bytes;
    const std::size_t live = live_bytes(bytes);
    std::mt19937_64 random(static_cast<std::uint64_t>(which) * 100 +
                           static_cast<std::uint64_t>(damage));
    const auto noise = [&](std::size_t count) {
      std::vector<std::byte> made(count);
      for (std::byte& byte : made) byte = static_cast<std::byte>(random());
      return made;
    };
    switch (damage) {
      case Damage::kFlipHead:
        bytes.at(20) ^= std::byte{4};
        break;
      case Damage::kFlipMiddle:
        bytes.at(live / 2) ^= std::byte{1};
        break;
      case Damage::kFlipEnd:
        bytes.at(live - 1) ^= std::byte{128};
        break;
      case Damage::kZeroSector: {
        const std::size_t from = live / 2 / limits::kSectorBytes * limits::kSectorBytes;
        const std::size_t count = std::min(limits::kSectorBytes, bytes.size() - from);
        std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), count, std::byte{0});
        break;
      }
      case Damage::kHalve:
        bytes.resize(live / 2);
        break;
      case Damage::kEmpty:
        bytes.clear();
        break;
      case Damage::kDelete:
        return fs::remove(file);
      case Damage::kSwap: {
        const Path partner = here(partner_of(which));
        const std::vector<std::byte> theirs = read_bytes(partner);
        write_bytes(partner, bytes);
        bytes = theirs;
        break;
      }
      case Damage::kStaleCopy: {
        const Path old = original().before() / fs::relative(file, path());
        bytes = read_bytes(old);
        break;
      }
      case Damage::kAppend: {
        const std::vector<std::byte> foreign = noise(777);
        bytes.insert(bytes.end(), foreign.begin(), foreign.end());
        break;
      }
      case Damage::kPrepend: {
        const std::vector<std::byte> foreign = noise(777);
        bytes.insert(bytes.begin(), foreign.begin(), foreign.end());
        break;
      }
      case Damage::kRandom: {
        const std::vector<std::byte> foreign = noise(std::min<std::size_t>(5000, live / 2));
        std::ranges::copy(foreign, bytes.begin() + static_cast<std::ptrdiff_t>(live / 3));
        break;
      }
      case Damage::kReorder: {
        const auto half =
            static_cast<std::ptrdiff_t>(is_segment(which) ? 2 * limits::kSectorBytes : live / 2);
        std::rotate(bytes.begin(), bytes.begin() + half,
                    bytes.begin() + static_cast<std::ptrdiff_t>(live));
        break;
      }
    }
    write_bytes(file, bytes);
    return bytes != kept;
  }

 private:
  TempDirectory directory_;
};

// A log that only ends earlier looks as if it had never been longer. A checkpoint may be missing.
bool cannot_be_seen(Which which, Damage damage) {
  if (which == Which::kActiveSegment) return damage == Damage::kHalve || damage == Damage::kAppend;
  return which == Which::kCheckpoint && damage == Damage::kDelete;
}

class SalvageMatrix : public ::testing::TestWithParam<std::tuple<Which, Damage>> {
 protected:
  [[nodiscard]] Which which() const { return std::get<0>(GetParam()); }
  [[nodiscard]] Damage damage() const { return std::get<1>(GetParam()); }

  void expect_verify_names_it(const DamagedStore& damaged) const {
    const Ran verified =
        run(log_tools::run_verify, {.path = damaged.path(), .format = Format::kJson});
    if (cannot_be_seen(which(), damage())) return;
    EXPECT_EQ(verified.exit, Exit::kDamage) << verified.out;
    std::set<Path> named;
    const Json told = Json::parse(verified.out);
    for (const Json& finding : told.at("findings")) {
      if (finding.at("verdict") == "damage") named.insert(finding.at("file").get<std::string>());
    }
    std::set<Path> good{damaged.here(file_of(which()))};
    if (damage() == Damage::kSwap) good.insert(damaged.here(partner_of(which())));
    // An old table that is whole is found by what it does not know.
    if (damage() == Damage::kStaleCopy) {
      good.insert(damaged.path() / "topics/later");
      for (const auto& entry : fs::directory_iterator(damaged.here(original().store().partition())))
        good.insert(entry.path());
    }
    EXPECT_TRUE(std::ranges::any_of(named, [&](const Path& p) { return good.contains(p); }))
        << verified.out;
  }
};

// What the report calls lost, a partition.
std::map<std::pair<std::string, std::uint32_t>, std::vector<OffsetRange>> losses_in(
    const Json& report) {
  std::map<std::pair<std::string, std::uint32_t>, std::vector<OffsetRange>> losses;
  for (const Json& partition : report.at("partitions")) {
    for (const Json& gap : partition.at("gaps")) {
      losses[{partition.at("topic").get<std::string>(),
              partition.at("partition").get<std::uint32_t>()}]
          .push_back({Offset(gap.at("offsets").at("first").get<std::uint64_t>()),
                      Offset(gap.at("offsets").at("end").get<std::uint64_t>())});
    }
  }
  return losses;
}

bool is_in(const std::vector<OffsetRange>& ranges, Offset offset) {
  return std::ranges::any_of(ranges, [&](const OffsetRange& range) {
    return range.first <= offset && offset < range.end;
  });
}

// Opens it: what is there, and that it goes on where it must.
void expect_goes_on(const Path& salvaged, const Records& survivors, const Json& report) {
  const std::unique_ptr<Device> device = make_posix_device();
  const auto store = open_store(salvaged, *device);
  EXPECT_TRUE(store->report().unusable.empty());
  const Records found = records_of(*store);
  for (const auto& [place, record] : survivors) {
    const auto here = found.find(place);
    ASSERT_NE(here, found.end()) << "offset " << place.offset.value()
                                 << " checks, and is not there";
    EXPECT_EQ(here->second, record);
  }
  std::map<std::pair<TopicId, PartitionId>, Offset> ends;
  for (const auto& [place, record] : found) {
    const auto was = original().records().find(place);
    ASSERT_NE(was, original().records().end()) << "made up: offset " << place.offset.value();
    EXPECT_EQ(was->second, record);
    ends[{place.topic, place.partition}] = place.offset + 1;
  }
  auto losses = losses_in(report);
  LogClient log(*store);
  for (const TopicInfo& topic : store->list_topics()) {
    for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
      const PartitionId partition(i);
      const LogBounds bounds = *store->bounds(topic.id, partition);
      const std::vector<OffsetRange>& lost = losses[{topic.name, i}];
      for (Offset at = bounds.start; at < bounds.visible_end; ++at)
        EXPECT_NE(found.contains({topic.id, partition, at}), is_in(lost, at)) << at.value();
      const auto end = ends.find({topic.id, partition});
      EXPECT_TRUE(end == ends.end() || bounds.visible_end >= end->second);
      const Result<Appended> next = log.append(topic.id, "goes on", partition);
      ASSERT_TRUE(next) << next.error().message;
      EXPECT_EQ(next->first, bounds.visible_end);
    }
  }
  // Whoever tries again is answered as before.
  for (const auto& [place, record] : found) {
    if (!record.producer) continue;
    RecordFields fields = value_record("again");
    fields.producer = record.producer;
    const Result<Appended> again = log.append(place.topic, std::vector{fields}, place.partition);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->at(0), place.offset);
  }
}

TEST_P(SalvageMatrix, BringsBackWhatStillChecks) {
  DamagedStore damaged;
  ASSERT_TRUE(damaged.harm(which(), damage()));
  expect_verify_names_it(damaged);
  const Records survivors = records_that_check(damaged.path());
  const auto before = contents_of(damaged.path());

  const TempDirectory folder;
  const Path salvaged = folder.path() / "salvaged";
  const Ran dry =
      run(log_tools::run_salvage,
          {.path = damaged.path(), .format = Format::kJson, .effect = log_tools::Effect::kDryRun});
  EXPECT_FALSE(fs::exists(salvaged));
  const Ran ran = run(log_tools::run_salvage,
                      {.path = damaged.path(), .to = salvaged, .format = Format::kJson});
  ASSERT_NE(ran.exit, Exit::kCannotRun) << ran.err;
  EXPECT_EQ(contents_of(damaged.path()), before) << "the input was changed";
  const Json report = Json::parse(ran.out);
  EXPECT_EQ(dry.exit, ran.exit);
  EXPECT_EQ(losses_in(Json::parse(dry.out)), losses_in(report));
  const bool is_all_there = survivors.size() == original().records().size();
  if (!is_all_there && !cannot_be_seen(which(), damage())) {
    EXPECT_EQ(ran.exit, Exit::kDamage);
  }
  if (is_all_there && which() != Which::kCatalog) {
    EXPECT_EQ(ran.exit, Exit::kClean) << ran.out;
  }

  const Ran verified =
      run(log_tools::run_verify,
          {.path = salvaged, .format = Format::kText, .depth = log_tools::Depth::kRecords});
  EXPECT_EQ(verified.exit, Exit::kClean) << verified.out;
  expect_goes_on(salvaged, survivors, report);
}

// An older copy there is only of files that are changed or replaced under one name.
std::vector<std::tuple<Which, Damage>> every_trial() {
  std::vector<std::tuple<Which, Damage>> trials;
  for (const Which which : kEveryFile) {
    for (const Damage damage : kEveryDamage) {
      const bool is_replaced =
          which == Which::kCatalog || which == Which::kManifest || which == Which::kMiddleSegment;
      if (damage != Damage::kStaleCopy || is_replaced) trials.emplace_back(which, damage);
    }
  }
  return trials;
}

INSTANTIATE_TEST_SUITE_P(Every, SalvageMatrix, ::testing::ValuesIn(every_trial()),
                         [](const ::testing::TestParamInfo<std::tuple<Which, Damage>>& trial) {
                           return std::string(name_of(std::get<0>(trial.param))) +
                                  std::string(name_of(std::get<1>(trial.param)));
                         });

}  // namespace
}  // namespace bimip::testing
