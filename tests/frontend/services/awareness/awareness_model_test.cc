// The core against a model that is too simple to be wrong: random people, devices, consents,
// blocks, lost connections, clock steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "engine/base/random.h"
#include "tests/frontend/services/awareness/core_world.h"
#include "tests/support/proof_effort.h"

namespace bimip::testing {
namespace {

constexpr std::uint64_t kSeeds = 300;
constexpr int kSteps = 300;
const std::array<std::string, 6> kPeople{"ann", "bob", "cyd", "dan", "eve", "fay"};

using Two = std::pair<std::string, std::string>;

// What people said, and the rules in the plainest form.
struct Model {
  struct Seat {
    SeatOf of{};
    UserState state{};
    std::string text{};
    std::uint64_t order = 0;
    std::optional<Position> position{};
    std::uint64_t position_order = 0;
    std::map<std::string, std::string> activities{};  // by whom they are for
    std::chrono::nanoseconds gone_at = std::chrono::nanoseconds::max();
    std::chrono::nanoseconds said_at{};
  };
  std::map<Two, Seat> devices{};  // by person and device
  std::set<Two> granted{};        // owner, viewer
  std::map<Two, Restriction> restricted{};
  std::map<std::string, Privacy> privacy{};

  [[nodiscard]] Restriction restriction(const std::string& owner, const std::string& other) const {
    const auto found = restricted.find({owner, other});
    return found == restricted.end() ? Restriction::kNone : found->second;
  }
  [[nodiscard]] bool may(Audience Privacy::* aspect, const std::string& viewer,
                         const std::string& owner) const {
    if (viewer == owner) return true;
    if (restriction(owner, viewer) == Restriction::kBlocked) return false;
    if (restriction(viewer, owner) == Restriction::kBlocked) return false;
    const Audience mine = privacy.at(viewer).*aspect;
    const Audience its = privacy.at(owner).*aspect;
    if (aspect != &Privacy::location) {
      if (mine == Audience::kNobody) return false;
      if (mine == Audience::kContactsExcept && restriction(viewer, owner) == Restriction::kExcepted)
        return false;
    }
    if (its == Audience::kEveryone) return true;
    if (its == Audience::kNobody || !granted.contains({owner, viewer})) return false;
    return its == Audience::kContacts || restriction(owner, viewer) == Restriction::kNone;
  }
  // Its devices that count, now.
  [[nodiscard]] std::vector<Seat> there(const std::string& person,
                                        std::chrono::nanoseconds now) const {
    std::vector<Seat> found;
    for (const auto& [key, seat] : devices) {
      if (key.first == person && seat.gone_at > now) found.push_back(seat);
    }
    return found;
  }
  [[nodiscard]] Seat merged(const std::string& person, std::chrono::nanoseconds now) const {
    const std::vector<Seat> all = there(person, now);
    for (const UserState state : {UserState::kInvisible, UserState::kDoNotDisturb, UserState::kBusy,
                                  UserState::kOnline, UserState::kAway}) {
      std::optional<Seat> newest;
      for (const Seat& seat : all) {
        if (seat.state == state && (!newest || seat.order > newest->order)) newest = seat;
      }
      if (newest) return *newest;
    }
    return {.state = UserState::kOffline};
  }
};

class Play final : public CoreWorld {
 public:
  Play(std::uint64_t seed, AwarenessRules rules)
      : CoreWorld(rules), random_(seed), counts_above_(rules.counts_above) {
    for (const std::string& person : kPeople) model_.privacy[person] = {};
  }

  void run() {
    for (int i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) {
      step();
      hear();
      keep();
      forget_unwatched();
    }
    settle();
  }

 private:
  // Nobody is ever shown what he may not see then.
  void on_told(const Told& told) override {
    const std::string& viewer = watching_.at(told.seat.value()).viewer;
    for (const Seen& seen : told.seen) {
      if (viewer == seen.eid) continue;
      // What is told has changed: the time of a stanza tells nothing that it does not say.
      Seen& before = last_told_[{told.seat.value(), seen.eid}];
      EXPECT_NE(before, seen) << viewer << seen.eid;
      before = seen;
      const bool is_invisible = model_.merged(seen.eid, passed).state == UserState::kInvisible;
      if (seen.state != UserState::kOffline || !seen.text.empty() || seen.system ||
          !seen.activities.empty() || seen.since != engine::Timestamp{}) {
        EXPECT_TRUE(model_.may(&Privacy::presence, viewer, seen.eid)) << viewer << seen.eid;
        EXPECT_FALSE(is_invisible) << viewer << seen.eid;
      }
      EXPECT_NE(seen.state, UserState::kInvisible);
      if (seen.last_seen != engine::Timestamp{}) {
        EXPECT_TRUE(model_.may(&Privacy::last_seen, viewer, seen.eid)) << viewer << seen.eid;
      }
      if (seen.position) {
        EXPECT_TRUE(model_.may(&Privacy::location, viewer, seen.eid)) << viewer << seen.eid;
        EXPECT_FALSE(is_invisible);
      }
      for (const Activity& activity : seen.activities)
        EXPECT_TRUE(activity.to.empty() || activity.to == viewer);
    }
  }

  // Who is watched anew is told of anew.
  void forget_unwatched() {
    std::erase_if(last_told_, [&](const auto& told) {
      const auto watching = watching_.find(told.first.first);
      if (watching == watching_.end()) return true;
      const std::string& eid = told.first.second;
      return std::ranges::find(watching->second.others, eid) == watching->second.others.end() &&
             !(watching->second.contacts && contacts_of(watching->second.viewer).contains(eid));
    });
  }
  // What the log has.
  void keep() {
    for (const EntityNumber entity : core().take_stale()) {
      const std::string eid = core().name_of(entity);
      kept_[eid] = core().kept(entity);
    }
  }
  void relate(const std::string& owner, const std::string& other,
              const Relation& relation) override {
    CoreWorld::relate(owner, other, relation);
    relations_[{owner, other}] = relation;
  }
  [[nodiscard]] const KeptDevice* find_kept(const Two& key) const {
    const auto person = kept_.find(key.first);
    if (person == kept_.end()) return nullptr;
    const auto device = std::ranges::find(person->second.devices, key.second, &KeptDevice::name);
    return device == person->second.devices.end() ? nullptr : &*device;
  }
  // The server is gone, and another one is there with what was recorded.
  void crash() {
    forget();
    for (const auto& [person, privacy] : model_.privacy)
      EXPECT_TRUE(core().load_privacy(person, privacy));
    for (const auto& [of, relation] : relations_)
      EXPECT_TRUE(core().load_relation(of.first, of.second, relation));
    for (const auto& [person, kept] : kept_)
      EXPECT_TRUE(core().load_state(person, kept, wall, now()));
    for (auto& [key, seat] : model_.devices) {
      const auto [state, text] = std::pair(seat.state, seat.text);
      const bool was_there = seat.gone_at > passed;
      const std::chrono::nanoseconds changed_at = was_there ? seat.said_at : seat.gone_at;
      seat = {.state = state, .gone_at = passed};
      const KeptDevice* const kept = find_kept(key);
      if (kept != nullptr) {
        seat = {.state = kept->state,
                .text = kept->text,
                .gone_at = passed + kRules.recover_within,
                .said_at = changed_at};
      }
      // What changed less than a second ago may be lost, but not that somebody hides.
      const bool is_kept =
          was_there ? kept != nullptr && kept->state == state && kept->text == text : !kept;
      EXPECT_TRUE(is_kept || changed_at + kRules.coalesce > passed) << key.first << key.second;
      EXPECT_TRUE(is_kept || !was_there || state != UserState::kInvisible ||
                  (kept != nullptr && kept->state == state))
          << key.first;
    }
    for (const auto& [person, kept] : kept_) {
      for (const KeptDevice& device : kept.devices)
        model_.devices[{person, device.name}].order = ++order_;
    }
    stale_.clear();
    watching_.clear();
    views.clear();
  }

  void step() {
    switch (random_.below(17)) {
      case 16:
        if (random_.below(4) == 0) crash();
        return;
      case 0:
      case 1:
      case 2:
        return speak();
      case 3:
        return lose_one();
      case 4:
        return say_goodbye();
      case 5:
      case 6:
      case 7:
        return consent();
      case 8:
        return change_privacy();
      case 9:
      case 10:
        return begin_watch();
      case 11:
        if (random_.below(3) == 0) end_watch();
        return;
      case 12:
        return move();
      case 13:
        return do_something();
      case 14:
        // Whatever the wall clock does.
        wall += std::chrono::seconds(random_.below(7200)) - 3600s;
        return;
      default:
        return pass(std::chrono::milliseconds(random_.below(4000)));
    }
  }

  const std::string& person() { return kPeople[random_.below(kPeople.size())]; }
  std::string device() { return random_.below(2) == 0 ? "phone" : "desk"; }
  Model::Seat* some_seat() {
    std::vector<Model::Seat*> live;
    for (auto& [key, seat] : model_.devices) {
      if (seat.of.seat.value() != 0) live.push_back(&seat);
    }
    return live.empty() ? nullptr : live[random_.below(live.size())];
  }

  // From the seat it has, or a new one, which takes over.
  void speak() {
    const Two key{person(), device()};
    Model::Seat& seat = model_.devices[key];
    if (seat.gone_at <= passed) seat = {};
    if (seat.of.seat.value() == 0 || random_.below(3) == 0) {
      const SeatOf old = seat.of;
      seat.of = {.eid = key.first, .device = key.second, .seat = new_seat()};
      // The old connection's end is noticed later.
      if (old.seat.value() != 0 && random_.below(2) == 0) stale_.push_back(old);
    }
    const auto state = static_cast<UserState>(1 + random_.below(5));
    if (seat.state != state) seat.order = ++order_;
    seat.state = state;
    seat.said_at = passed;
    seat.text = "text " + std::to_string(random_.below(3));
    seat.gone_at = std::chrono::nanoseconds::max();
    EXPECT_TRUE(core().announce(seat.of, {.state = state, .text = seat.text}, now()));
  }
  void lose_one() {
    if (!stale_.empty()) {  // changes nothing
      core().leave(stale_.back(), Leaving::kLost, now());
      stale_.pop_back();
    }
    Model::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    const bool is_silent = random_.below(3) == 0;
    if (is_silent) {
      fall_silent(seat->of);
    } else {
      lose(seat->of);
    }
    seat->of.seat = {};
    seat->gone_at = passed + (is_silent ? kRules.lease : kRules.grace);
  }
  void say_goodbye() {
    Model::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    EXPECT_TRUE(core().announce(seat->of, {.state = UserState::kOffline}, now()));
    *seat = {};
    seat->gone_at = passed;
  }
  void consent() {
    const std::string owner = person();
    const std::string viewer = person();
    if (owner == viewer) return;
    const auto restrict = [&](ConsentAct how, Restriction restriction) {
      EXPECT_TRUE(act(how, owner, viewer));
      model_.restricted[{owner, viewer}] = restriction;
    };
    switch (random_.below(8)) {
      case 0:
      case 1:
        // What a blocked one asks cannot be granted.
        if (model_.restriction(owner, viewer) == Restriction::kBlocked) return;
        befriend(viewer, owner);
        model_.granted.insert({owner, viewer});
        return;
      case 2:
        EXPECT_EQ(act(ConsentAct::kCancel, owner, viewer),
                  model_.granted.erase({owner, viewer}) > 0);
        return;
      case 3:
        if (act(ConsentAct::kUnsubscribe, viewer, owner)) model_.granted.erase({owner, viewer});
        return;
      case 4:
        return restrict(ConsentAct::kBlock, Restriction::kBlocked);
      case 5:
        return restrict(ConsentAct::kExcept, Restriction::kExcepted);
      case 6:
        return restrict(ConsentAct::kLift, Restriction::kNone);
      default:
        // Both ways at once, from nothing.
        if (!act(ConsentAct::kSubscribeMutual, viewer, owner)) return;
        if (core().relation(owner, viewer).consent != Consent::kRequested) return;
        if (model_.restriction(owner, viewer) == Restriction::kBlocked) {
          EXPECT_FALSE(act(ConsentAct::kGrant, owner, viewer));
          return;
        }
        EXPECT_TRUE(act(ConsentAct::kGrant, owner, viewer));
        model_.granted.insert({owner, viewer});
        model_.granted.insert({viewer, owner});
    }
  }
  void change_privacy() {
    const auto audience = [&] { return static_cast<Audience>(1 + random_.below(4)); };
    const std::string who = person();
    const Privacy privacy{.presence = audience(), .last_seen = audience(), .location = audience()};
    model_.privacy[who] = privacy;
    core().apply_privacy(who, privacy, now());
  }
  void begin_watch() {
    Watching watching{.viewer = person(), .contacts = random_.below(3) != 0};
    SeatNumber seat = new_seat();
    // Another list on the same seat.
    if (!watching_.empty() && random_.below(2) == 0) {
      const auto any = std::next(watching_.begin(),
                                 static_cast<std::ptrdiff_t>(random_.below(watching_.size())));
      seat = SeatNumber(any->first);
      watching.viewer = any->second.viewer;
    }
    for (const std::string& one : kPeople) {
      if (random_.below(3) == 0) watching.others.push_back(one);
    }
    const auto began =
        core().watch(seat, watching.viewer, watching.contacts, watching.others, now());
    ASSERT_TRUE(began);
    watching.as_counts = began->as_counts;
    EXPECT_EQ(watching.as_counts,
              watching.contacts && contacts_of(watching.viewer).size() > counts_above_);
    watching_[seat.value()] = watching;
  }
  void end_watch() {
    if (watching_.empty()) return;
    const auto any =
        std::next(watching_.begin(), static_cast<std::ptrdiff_t>(random_.below(watching_.size())));
    core().unwatch(SeatNumber(any->first));
    views.erase(any->first);
    watching_.erase(any);
  }
  void move() {
    Model::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    seat->position.reset();
    if (random_.below(3) != 0)
      seat->position = Position{.latitude = static_cast<double>(random_.below(90))};
    EXPECT_TRUE(core().set_position(seat->of, seat->position, 1h, now()));
    seat->position_order = ++order_;
  }
  void do_something() {
    Model::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    const std::string to = random_.below(2) == 0 ? "" : person();
    const std::string name = random_.below(3) == 0 ? "" : "typing";
    EXPECT_TRUE(core().set_activity(seat->of, {.name = name, .to = to}, 1h, now()));
    seat->activities.erase(to);
    if (!name.empty()) seat->activities[to] = name;
  }

  [[nodiscard]] std::set<std::string> contacts_of(const std::string& viewer) const {
    std::set<std::string> contacts;
    for (const auto& [owner, of] : model_.granted) {
      if (of == viewer) contacts.insert(owner);
    }
    return contacts;
  }

  // Time enough for everybody to lapse who will, and for everything to be told.
  void settle() {
    hear();
    for (int i = 0; i < 30; ++i) {
      pass(500ms);
      hear();
    }
    for (const auto& [seat, watching] : watching_) check(seat, watching);
  }

  struct Watching {
    std::string viewer{};
    bool contacts = false;
    bool as_counts = false;
    std::vector<std::string> others{};
  };
  void check(std::uint64_t seat, const Watching& watching) {
    View& view = views[seat];
    EXPECT_TRUE(view.is_complete);
    std::set<std::string> targets(watching.others.begin(), watching.others.end());
    StateCounts counts{};
    if (watching.contacts) {
      for (const std::string& contact : contacts_of(watching.viewer)) {
        if (!watching.as_counts) targets.insert(contact);
        ++counts[static_cast<std::size_t>(expected_state(watching.viewer, contact))];
      }
    }
    if (watching.as_counts) {
      EXPECT_EQ(view.counts, counts);
    }
    for (const std::string& target : targets) check_view(view, watching.viewer, target);
  }
  [[nodiscard]] UserState expected_state(const std::string& viewer,
                                         const std::string& target) const {
    const UserState state = model_.merged(target, passed).state;
    if (viewer == target) return state;
    return model_.may(&Privacy::presence, viewer, target) && state != UserState::kInvisible
               ? state
               : UserState::kOffline;
  }
  void check_view(View& view, const std::string& viewer, const std::string& target) {
    const std::string what = viewer + " sees " + target;
    ASSERT_TRUE(view.seen.contains(target)) << what;
    const Seen& seen = view.seen[target];
    const Model::Seat merged = model_.merged(target, passed);
    EXPECT_EQ(seen.state, expected_state(viewer, target)) << what;
    const bool sees = seen.state != UserState::kOffline;
    EXPECT_EQ(seen.text, sees ? merged.text : "") << what;
    std::optional<Position> position;
    std::uint64_t newest = 0;
    std::set<std::string> activities;
    for (const Model::Seat& one : model_.there(target, passed)) {
      if (one.position && one.position_order > newest) {
        position = one.position;
        newest = one.position_order;
      }
      for (const auto& [to, name] : one.activities) {
        if (to.empty() || to == viewer || viewer == target) activities.insert(to);
      }
    }
    const bool sees_place = viewer == target || (model_.may(&Privacy::location, viewer, target) &&
                                                 merged.state != UserState::kInvisible);
    EXPECT_EQ(seen.position, sees_place ? position : std::nullopt) << what;
    if (!sees) activities.clear();
    std::set<std::string> told;
    for (const Activity& activity : seen.activities) told.insert(activity.to);
    EXPECT_EQ(told, activities) << what;
    EXPECT_EQ(seen, core().see(viewer, target)) << what;
  }

  engine::Random random_;
  const std::size_t counts_above_;
  Model model_;
  std::uint64_t order_ = 0;
  std::vector<SeatOf> stale_;
  std::map<std::pair<std::uint64_t, std::string>, Seen> last_told_;
  std::map<Two, Relation> relations_;
  std::map<std::string, KeptState> kept_;
  std::map<std::uint64_t, Watching> watching_;
};

void play_all(AwarenessRules rules) {
  for (std::uint64_t seed = 1; seed <= kSeeds * proof_seeds(); seed += proof_stride()) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Play(seed, rules).run();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(AwarenessModel, EveryViewBecomesTheModelsAndNoneEverShowsWhatItMayNot) { play_all(kRules); }

TEST(AwarenessModel, CountsAreTheModels) {
  AwarenessRules rules = kRules;
  rules.counts_above = 1;
  play_all(rules);
}

}  // namespace
}  // namespace bimip::testing
