// Every kind of file, damaged in every way: verify says so and names it; salvage brings back all
// that still checks, at its offsets; what it wrote opens, verifies clean and goes on.
#include <gmock/gmock.h>
#include <sys/statvfs.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/tools/log/store_damage.h"

namespace bimip::testing {
namespace {

namespace fs = std::filesystem;
using log_tools::Exit;
using log_tools::Format;
using Json = nlohmann::json;

// What is stored here need not outlive the machine, and is written and synced thousands of times.
class InMemory : public ::testing::Environment {
 public:
  void SetUp() override {
    struct statvfs facts{};
    const char* const folder = "/dev/shm";
    const bool has_room =
        ::statvfs(folder, &facts) == 0 && facts.f_bavail * facts.f_frsize > kNeeded;
    if (has_room) ::setenv("TMPDIR", folder, 0);
  }

 private:
  static constexpr std::uint64_t kNeeded = 1ULL << 30U;
};
[[maybe_unused]] const ::testing::Environment* const kInMemory =
    ::testing::AddGlobalTestEnvironment(new InMemory);

// Made once.
const MatrixStore& original(Recipe recipe) {
  static std::map<Recipe, std::unique_ptr<MatrixStore>> made;
  std::unique_ptr<MatrixStore>& store = made[recipe];
  if (store == nullptr) store = std::make_unique<MatrixStore>(recipe);
  return *store;
}

// A log that only ends earlier looks as if it had never been longer. A checkpoint may be missing,
// and so may the list of what an earlier salvage had lost; runs may have been added since the
// checkpoint.
bool cannot_be_seen(Which which, Damage damage) {
  switch (which) {
    case Which::kActiveSegment:
      return damage == Damage::kHalve || damage == Damage::kAppend;
    case Which::kCheckpoint:
    case Which::kLosses:
      return damage == Damage::kDelete;
    case Which::kEntityRuns:
      return damage == Damage::kAppend;
    default:
      return false;
  }
}

// Of its pages nothing is lost when it only lies elsewhere, or goes on.
bool forgets_keys(Which which, Damage damage) {
  const bool is_base = which == Which::kEntityBase || which == Which::kThinnedBase;
  return is_base && damage != Damage::kSwap && damage != Damage::kAppend;
}

// What no list names may be about to be listed, while a server writes; a last block that does not
// check may be on its way.
bool can_be_seen_live(Which which, Damage damage) {
  if (which == Which::kActiveSegment && damage == Damage::kFlipEnd) return false;
  return damage != Damage::kStaleCopy || (which != Which::kCatalog && which != Which::kManifest);
}

// One damage of one file of one store.
class Trial {
 public:
  Trial(const MatrixStore& original, Which which, Damage damage)
      : original_(original), which_(which), damage_(damage), damaged_(original, which) {}
  void run_all();

 private:
  void expect_verify_names_it(log_tools::Holding holding) const;
  [[nodiscard]] std::set<Path> files_to_name() const;
  void expect_told(Exit exit, const Records& survivors, const std::string& out) const;
  void expect_goes_on(const Path& salvaged, const Records& survivors, const Json& report) const;
  void expect_increments_go_on(Store& store, const Json& report) const;

  const MatrixStore& original_;
  const Which which_;
  const Damage damage_;
  DamagedStore damaged_;
};

std::set<Path> Trial::files_to_name() const {
  std::set<Path> good{damaged_.here(file_of(original_, which_))};
  if (damage_ == Damage::kSwap) good.insert(damaged_.here(partner_of(original_, which_)));
  // An old table that is whole is found by what it does not know.
  if (damage_ == Damage::kStaleCopy) {
    good.insert(damaged_.path() / "topics/later");
    for (const auto& entry : fs::directory_iterator(damaged_.here(original_.partition("orders"))))
      good.insert(entry.path());
  }
  return good;
}

void Trial::expect_verify_names_it(log_tools::Holding holding) const {
  const Ran verified = run(log_tools::run_verify,
                           {.path = damaged_.path(), .format = Format::kJson, .holding = holding});
  if (cannot_be_seen(which_, damage_)) return;
  EXPECT_EQ(verified.exit, Exit::kDamage) << verified.out;
  std::set<Path> named;
  const Json told = Json::parse(verified.out);
  for (const Json& finding : told.at("findings")) {
    if (finding.at("verdict") == "damage") named.insert(finding.at("file").get<std::string>());
  }
  const std::set<Path> good = files_to_name();
  EXPECT_TRUE(std::ranges::any_of(named, [&](const Path& path) { return good.contains(path); }))
      << verified.out;
}

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
void Trial::expect_goes_on(const Path& salvaged, const Records& survivors,
                           const Json& report) const {
  const std::unique_ptr<Device> device = make_posix_device();
  const auto store = open_as_it_is(salvaged, *device);
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
    const auto was = original_.records().find(place);
    ASSERT_NE(was, original_.records().end()) << "made up: offset " << place.offset.value();
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
      for (Offset at = bounds.start; at < bounds.visible_end; ++at) {
        const RecordPlace place{topic.id, partition, at};
        if (!original_.is_in_log(place)) continue;  // compacted, or lost before
        EXPECT_NE(found.contains(place), is_in(lost, at)) << topic.name << " " << at.value();
      }
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
  expect_increments_go_on(*store, report);
}

// None is used twice, not even of a key that has no record any more.
void Trial::expect_increments_go_on(Store& store, const Json& report) const {
  std::uint64_t forgotten = 0;
  for (const Json& partition : report.at("partitions")) {
    for (const Json& range : partition.at("keys_forgotten")) {
      EXPECT_EQ(partition.at("topic"), which_ == Which::kThinnedBase ? "prices" : "kept");
      forgotten += range.at("offsets").at("end").get<std::uint64_t>() -
                   range.at("offsets").at("first").get<std::uint64_t>();
    }
  }
  EXPECT_EQ(forgotten > 0, forgets_keys(which_, damage_));
  const Result<TopicInfo> kept = store.find_topic("kept");
  if (!kept) return;  // the catalog was lost
  LogClient log(store);
  ASSERT_TRUE(log.append(kept->id, {value_record("once more", MatrixStore::kGoneKey)}));
  const Result<EntityState> gone = log.find_entity(kept->id, MatrixStore::kGoneKey);
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_GT(gone->last_increment, IncrementId(MatrixStore::kGoneRecords));
  if (which_ == Which::kEntityBase && forgets_keys(which_, damage_)) {
    EXPECT_LE(gone->last_increment.value(), MatrixStore::kGoneRecords + 1 + forgotten);
  } else if (which_ != Which::kCatalog) {
    EXPECT_EQ(gone->last_increment, IncrementId(MatrixStore::kGoneRecords + 1));
  }
}

void Trial::expect_told(Exit exit, const Records& survivors, const std::string& out) const {
  const bool is_all_there = survivors.size() == original_.still_in_log(original_.records()).size();
  if (!is_all_there && !cannot_be_seen(which_, damage_)) {
    EXPECT_EQ(exit, Exit::kDamage) << out;
  }
  const bool was_told_by_it =
      which_ == Which::kCatalog || which_ == Which::kLosses || forgets_keys(which_, damage_);
  if (is_all_there && !was_told_by_it) {
    EXPECT_EQ(exit, Exit::kClean) << out;
  }
  if (forgets_keys(which_, damage_)) {
    EXPECT_EQ(exit, Exit::kDamage) << out;
  }
}

void Trial::run_all() {
  ASSERT_TRUE(damaged_.harm(which_, damage_));
  expect_verify_names_it(log_tools::Holding::kHeld);
  if (can_be_seen_live(which_, damage_)) expect_verify_names_it(log_tools::Holding::kLive);
  const Records survivors = original_.still_in_log(records_that_check(damaged_.path()));
  const auto before = contents_of(damaged_.path());

  const TempDirectory folder;
  const Path salvaged = folder.path() / "salvaged";
  const Ran dry =
      run(log_tools::run_salvage,
          {.path = damaged_.path(), .format = Format::kJson, .effect = log_tools::Effect::kDryRun});
  EXPECT_FALSE(fs::exists(salvaged));
  const Ran ran = run(log_tools::run_salvage,
                      {.path = damaged_.path(), .to = salvaged, .format = Format::kJson});
  ASSERT_NE(ran.exit, Exit::kCannotRun) << ran.err;
  EXPECT_TRUE(contents_of(damaged_.path()) == before) << "the input was changed";
  const Json report = Json::parse(ran.out);
  EXPECT_EQ(dry.exit, ran.exit);
  EXPECT_EQ(losses_in(Json::parse(dry.out)), losses_in(report));
  expect_told(ran.exit, survivors, ran.out);

  const Ran verified =
      run(log_tools::run_verify,
          {.path = salvaged, .format = Format::kText, .depth = log_tools::Depth::kRecords});
  EXPECT_EQ(verified.exit, Exit::kClean) << verified.out;
  expect_goes_on(salvaged, survivors, report);
}

// An older copy there is only of files that are changed or replaced under one name.
bool is_tried(const MatrixStore& store, Which which, Damage damage) {
  if (damage != Damage::kStaleCopy) return true;
  const Path file = file_of(store, which);
  const Path old = store.before() / fs::relative(file, store.path());
  const bool is_replaced = which == Which::kCatalog || which == Which::kManifest ||
                           which == Which::kMiddleSegment || which == Which::kEntityBase ||
                           which == Which::kThinnedBase;
  return is_replaced && fs::exists(old) && read_bytes(old) != read_bytes(file);
}

// All of the store that a server wrote, every third of the others; everything with
// SALVAGE_MATRIX=all.
bool is_in_sample(Recipe recipe, Which which, Damage damage) {
  const char* const wanted = std::getenv("SALVAGE_MATRIX");
  if (wanted != nullptr && std::string_view(wanted) == "all") return true;
  const int every = recipe == Recipe::kWritten ? 1 : 3;
  return (static_cast<int>(which) + static_cast<int>(damage) + static_cast<int>(recipe)) % every ==
         0;
}

class SalvageMatrix : public ::testing::TestWithParam<std::tuple<Recipe, Which>> {};

TEST_P(SalvageMatrix, BringsBackWhatStillChecks) {
  const auto [recipe, which] = GetParam();
  const MatrixStore& store = original(recipe);
  int tried = 0;
  for (const Damage damage : kEveryDamage) {
    if (!is_in_sample(recipe, which, damage) || !is_tried(store, which, damage)) continue;
    SCOPED_TRACE(name_of(damage));
    Trial(store, which, damage).run_all();
    ++tried;
  }
  RecordProperty("tried", tried);
  EXPECT_GE(tried, 3);
}

// What only a salvage or a compaction makes is not in a store that a server wrote.
std::vector<std::tuple<Recipe, Which>> every_file() {
  std::vector<std::tuple<Recipe, Which>> files;
  for (const Recipe recipe : {Recipe::kWritten, Recipe::kRescued, Recipe::kReal}) {
    for (const Which which : kEveryFile) {
      const bool is_there = which != Which::kLosses && which != Which::kRewrittenSegment &&
                            which != Which::kThinnedBase;
      if (recipe != Recipe::kWritten || is_there) files.emplace_back(recipe, which);
    }
  }
  return files;
}

INSTANTIATE_TEST_SUITE_P(Every, SalvageMatrix, ::testing::ValuesIn(every_file()),
                         [](const ::testing::TestParamInfo<std::tuple<Recipe, Which>>& trial) {
                           return std::string(name_of(std::get<0>(trial.param))) +
                                  std::string(name_of(std::get<1>(trial.param)));
                         });

}  // namespace
}  // namespace bimip::testing
