// A random life of some people, against the model.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "tests/frontend/services/awareness/awareness_model.h"
#include "tests/frontend/services/awareness/core_world.h"

namespace bimip::testing {

inline constexpr int kSteps = 300;
inline const std::array<std::string, 6> kPeople{"ann", "bob", "cyd", "dan", "eve", "fay"};

// A life from a seed. Whatever is random is drawn in the same order, whatever the core says.
class AwarenessPlay : public CoreWorld {
 public:
  AwarenessPlay(std::uint64_t seed, AwarenessRules rules)
      : CoreWorld(rules), random_(seed), counts_above_(rules.counts_above) {
    for (const std::string& person : kPeople) model_.privacy[person] = {};
  }

  void run() {
    for (int i = 0; i < kSteps && !::testing::Test::HasFailure(); ++i) {
      step();
      core().advance(now(), *this);
      collect();
      hear();
      keep();
      look_back();
      forget_unwatched();
      after_step();
    }
    settle();
  }

 protected:
  virtual void after_step() {}
  [[nodiscard]] virtual std::vector<std::string> always_watched() const { return {}; }
  void set_privacy(const std::string& who, const Privacy& privacy) {
    model_.privacy[who] = privacy;
    core().apply_privacy(who, privacy, now());
    collect();
  }
  // As the core says: what is recorded is what is held against the model then.
  void collect() {
    for (const Transition& one : core().take_transitions()) model_.recorded[one.eid].push_back(one);
  }
  engine::Timestamp core_time() { return core().standing_of("nobody", now()).now; }

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
      EXPECT_TRUE(seen.last_seen == engine::Timestamp{} ||
                  model_.may_if_gone(&Privacy::last_seen, viewer, seen.eid))
          << viewer << seen.eid;
      if (seen.state != UserState::kOffline || !seen.text.empty() || seen.system ||
          !seen.activities.empty() || seen.since != engine::Timestamp{}) {
        EXPECT_TRUE(model_.may(&Privacy::presence, viewer, seen.eid)) << viewer << seen.eid;
        EXPECT_FALSE(is_invisible) << viewer << seen.eid;
      }
      EXPECT_NE(seen.state, UserState::kInvisible);
      if (seen.position) {
        EXPECT_TRUE(model_.may(&Privacy::location, viewer, seen.eid)) << viewer << seen.eid;
        EXPECT_FALSE(is_invisible);
      }
      for (const Activity& activity : seen.activities)
        EXPECT_TRUE(activity.to.empty() || activity.to == viewer);
    }
    for (const RelationSeen& relation : told.relations)
      EXPECT_EQ(relation, model_.relation_seen(viewer, relation.eid)) << viewer << relation.eid;
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
    const Two pair{owner, other};
    AwarenessModel::Bond& bond = model_.bonds[pair];
    ASSERT_TRUE(planned_.contains(pair)) << owner << other;
    const Restriction before = bond.restriction;
    const Consent consent = bond.consent;
    bond = planned_.extract(pair).mapped();
    bond.granted_at = bond.consent != Consent::kGranted ? engine::Timestamp{}
                      : consent == Consent::kGranted    ? bond.granted_at
                                                        : core_time();
    if (before != bond.restriction) restricted(pair, before, bond.restriction, relation);
    CoreWorld::relate(owner, other, relation);
    relations_[pair] = relation;
    collect();
    hear();
  }
  void restricted(const Two& pair, Restriction before, Restriction then, const Relation& relation) {
    const auto close = [&](Restriction how) {
      auto& all = model_.periods[pair];
      std::erase_if(all, [&](const auto& one) {
        return one.how == how && !one.until && one.from >= core_time();
      });
      for (auto& one : all) {
        if (one.how == how && !one.until) one.until = core_time();
      }
    };
    if (before == Restriction::kBlocked) close(before);
    if (then == Restriction::kNone) close(Restriction::kExcepted);
    if (then == Restriction::kExcepted && !model_.is_excepted(pair.first, pair.second))
      model_.periods[pair].push_back({.how = then, .from = core_time()});
    if (then != Restriction::kBlocked) return;
    // When it would have gone: now, unless all its connections are lost already.
    const auto all = model_.there(pair.first, passed);
    const bool is_connected = std::ranges::any_of(
        all, [](const auto& seat) { return seat.of.seat.value() != 0 || seat.is_silent; });
    const auto found = model_.recorded.find(pair.first);
    const bool is_in_sight = found != model_.recorded.end() && is_shown(found->second.back().state);
    const engine::Timestamp from = relation.restricted.back().from;
    EXPECT_LE(from, core_time());
    if (is_connected || !is_in_sight) {
      EXPECT_EQ(from, core_time());
    }
    model_.periods[pair].push_back(
        {.how = then,
         .from = from,
         .was_in_sight = is_in_sight,
         .recorded_before = found == model_.recorded.end() ? 0 : found->second.size()});
  }
  // What one wants is decided by the model first.
  bool wants(ConsentAct how, const std::string& actor, const std::string& other) {
    AwarenessModel::Bond given = model_.bond(actor, other);
    AwarenessModel::Bond taken = model_.bond(other, actor);
    const bool is_asked =
        given.consent == Consent::kRequested && given.restriction != Restriction::kBlocked;
    bool is_done = true;
    const auto end = [](AwarenessModel::Bond& bond, Consent consent) {
      bond.consent = consent;
      bond.is_mutual = false;
    };
    switch (how) {
      case ConsentAct::kSubscribe:
      case ConsentAct::kSubscribeMutual:
        if (taken.consent == Consent::kGranted) break;
        taken.consent = Consent::kRequested;
        taken.is_mutual = how == ConsentAct::kSubscribeMutual;
        break;
      case ConsentAct::kUnsubscribe:
        is_done = taken.consent != Consent::kNone;
        if (is_done) end(taken, Consent::kNone);
        break;
      case ConsentAct::kGrant:
        is_done = is_asked || given.consent == Consent::kGranted;
        if (!is_asked) break;
        if (given.is_mutual) end(taken, Consent::kGranted);
        end(given, Consent::kGranted);
        break;
      case ConsentAct::kDeny:
        is_done = is_asked || given.consent == Consent::kDenied;
        if (is_asked) end(given, Consent::kDenied);
        break;
      case ConsentAct::kCancel:
        is_done = given.consent == Consent::kGranted;
        if (is_done) end(given, Consent::kNone);
        break;
      case ConsentAct::kLift:
        given.restriction = Restriction::kNone;
        break;
      case ConsentAct::kExcept:
        given.restriction = Restriction::kExcepted;
        break;
      case ConsentAct::kBlock:
        given.restriction = Restriction::kBlocked;
    }
    planned_ = {{{actor, other}, given}, {{other, actor}, taken}};
    EXPECT_EQ(act(how, actor, other), is_done) << actor << other << static_cast<int>(how);
    return is_done;
  }
  [[nodiscard]] const KeptDevice* find_kept(const Two& key) const {
    const auto person = kept_.find(key.first);
    if (person == kept_.end()) return nullptr;
    const auto device = std::ranges::find(person->second.devices, key.second, &KeptDevice::name);
    return device == person->second.devices.end() ? nullptr : &*device;
  }
  // The server is gone, and another one is there with what was recorded.
  virtual void crash() {
    const engine::Timestamp ended_at = core_time();
    forget();
    for (const auto& [person, privacy] : model_.privacy)
      EXPECT_TRUE(core().load_privacy(person, privacy));
    for (const auto& [of, relation] : relations_)
      EXPECT_TRUE(core().load_relation(of.first, of.second, relation));
    for (const auto& [person, kept] : kept_)
      EXPECT_TRUE(core().load_state(person, kept, ended_at, now()));
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
      for (const KeptDevice& device : kept.devices) {
        const auto seat = model_.devices.find({person, device.name});
        if (seat != model_.devices.end()) seat->second.order = ++order_;
      }
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
  AwarenessModel::Seat* some_seat() {
    std::vector<AwarenessModel::Seat*> live;
    for (auto& [key, seat] : model_.devices) {
      if (seat.of.seat.value() != 0) live.push_back(&seat);
    }
    return live.empty() ? nullptr : live[random_.below(live.size())];
  }

  // From the seat it has, or a new one, which takes over.
  void speak() {
    const Two key{person(), device()};
    AwarenessModel::Seat& seat = model_.devices[key];
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
    Announcement said{.state = state, .text = seat.text};
    if (random_.below(4) == 0) {
      said.system = seat.system =
          SystemFacts{.battery_percent = static_cast<std::uint32_t>(random_.below(100))};
      seat.system_order = ++order_;
    }
    EXPECT_TRUE(core().announce(seat.of, said, now()));
  }
  void lose_one() {
    if (!stale_.empty()) {  // changes nothing
      core().leave(stale_.back(), Leaving::kLost, now());
      stale_.pop_back();
    }
    AwarenessModel::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    const bool is_silent = random_.below(3) == 0;
    if (is_silent) {
      fall_silent(seat->of);
    } else {
      lose(seat->of);
    }
    seat->of.seat = {};
    seat->is_silent = is_silent;
    seat->gone_at = passed + (is_silent ? kRules.lease : kRules.grace);
  }
  void say_goodbye() {
    AwarenessModel::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    EXPECT_TRUE(core().announce(seat->of, {.state = UserState::kOffline}, now()));
    *seat = {};
    seat->gone_at = passed;
  }
  void consent() {
    const std::string owner = person();
    const std::string viewer = person();
    if (owner == viewer) return;
    switch (random_.below(9)) {
      case 0:
      case 1:
        (void)wants(ConsentAct::kSubscribe, viewer, owner);
        (void)wants(ConsentAct::kGrant, owner, viewer);
        return;
      case 2:
        return (void)wants(ConsentAct::kCancel, owner, viewer);
      case 3:
        return (void)wants(ConsentAct::kUnsubscribe, viewer, owner);
      case 4:
        return (void)wants(ConsentAct::kBlock, owner, viewer);
      case 5:
        return (void)wants(ConsentAct::kExcept, owner, viewer);
      case 6:
        return (void)wants(ConsentAct::kLift, owner, viewer);
      case 7:
        return (void)wants(ConsentAct::kDeny, owner, viewer);
      default:
        // Both ways at once; sometimes it is not answered.
        (void)wants(ConsentAct::kSubscribeMutual, viewer, owner);
        if (random_.below(3) != 0) (void)wants(ConsentAct::kGrant, owner, viewer);
    }
  }
  void change_privacy() {
    const auto audience = [&] { return static_cast<Audience>(1 + random_.below(4)); };
    const std::string who = person();
    const Privacy privacy{.presence = audience(), .last_seen = audience(), .location = audience()};
    set_privacy(who, privacy);
  }
  void begin_watch() {
    Watching watching{
        .viewer = person(), .contacts = random_.below(3) != 0, .others = always_watched()};
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
    AwarenessModel::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    seat->position.reset();
    if (random_.below(3) != 0)
      seat->position = Position{.latitude = static_cast<double>(random_.below(90))};
    EXPECT_TRUE(core().set_position(seat->of, seat->position, 1h, now()));
    seat->position_order = ++order_;
  }
  void do_something() {
    AwarenessModel::Seat* const seat = some_seat();
    if (seat == nullptr) return;
    const std::string to = random_.below(2) == 0 ? "" : person();
    const std::string name = random_.below(3) == 0 ? "" : "typing";
    EXPECT_TRUE(core().set_activity(seat->of, {.name = name, .to = to}, 1h, now()));
    seat->activities.erase(to);
    if (!name.empty()) seat->activities[to] = name;
  }

  [[nodiscard]] std::set<std::string> contacts_of(const std::string& viewer) const {
    std::set<std::string> contacts;
    for (const std::string& owner : kPeople) {
      if (model_.is_granted(owner, viewer)) contacts.insert(owner);
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
    collect();
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
    const AwarenessModel::Seat merged = model_.merged(target, passed);
    EXPECT_EQ(seen.state, expected_state(viewer, target)) << what;
    const bool sees = seen.state != UserState::kOffline;
    EXPECT_EQ(seen.text, sees ? merged.text : "") << what;
    std::optional<Position> position;
    std::optional<SystemFacts> system;
    std::uint64_t newest = 0;
    std::uint64_t newest_system = 0;
    std::set<std::string> activities;
    for (const AwarenessModel::Seat& one : model_.there(target, passed)) {
      if (one.position && one.position_order > newest) {
        position = one.position;
        newest = one.position_order;
      }
      if (sees && one.system && one.system_order > newest_system) {
        system = one.system;
        newest_system = one.system_order;
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
    EXPECT_EQ(seen.system, system) << what;
    EXPECT_EQ(seen, core().see(viewer, target)) << what;
    check_times(seen, viewer, target);
  }
  void check_times(const Seen& seen, const std::string& viewer, const std::string& target) {
    const std::string what = viewer + " sees " + target;
    EXPECT_EQ(seen.last_seen, model_.last_seen(viewer, target)) << what;
    const bool sees =
        seen.state != UserState::kOffline || (viewer == target && model_.recorded.contains(target));
    EXPECT_EQ(seen.since, sees ? model_.since(viewer, target) : engine::Timestamp{}) << what;
  }

  // Somebody looks at somebody, now and in the past.
  void look_back() {
    const std::string& viewer = looker();
    const std::string& owner = looker();
    const Seen seen = core().see(viewer, owner);
    EXPECT_EQ(seen.state, model_.shown_to(viewer, owner)) << viewer << owner;
    check_times(seen, viewer, owner);
    const auto time = [&] {
      const auto all = model_.times(viewer, owner);
      const auto any =
          std::next(all.begin(), static_cast<std::ptrdiff_t>(looks_.below(all.size())));
      return *any + std::chrono::microseconds(looks_.below(3)) - std::chrono::microseconds(1);
    };
    PastRange range{.from = looks_.below(2) == 0 ? engine::Timestamp{} : time(),
                    .until = looks_.below(2) == 0 ? engine::Timestamp::max() : time(),
                    .most = 1 + looks_.below(4)};
    if (range.until <= range.from) range.until = range.from + std::chrono::microseconds(1);
    EXPECT_TRUE(read(viewer, owner, range) == model_.page(viewer, owner, range))
        << viewer << " looks back at " << owner;
    read_all(viewer, owner);
    look_at_contacts(viewer, time());
  }
  AwarenessModel::Page read(const std::string& viewer, const std::string& owner,
                            const PastRange& range) {
    AwarenessModel::Page page;
    if (!core().may_look_back(viewer, owner) || !model_.recorded.contains(owner)) return page;
    Past past(range, {.is_own = viewer == owner, .relation = core().relation(owner, viewer)});
    for (const Transition& one : model_.recorded[owner] | std::views::reverse) {
      if (past.add(one)) break;
    }
    const HistoryAnswer answer = past.end();
    for (const Transition& one : answer.transitions)
      page.steps.push_back({one.at, {one.state, one.text}});
    page.has_more = answer.rest_until.has_value();
    if (answer.rest_until) {
      EXPECT_EQ(*answer.rest_until, answer.transitions.front().at);
    }
    return page;
  }
  // Page by page it is what it is as a whole.
  void read_all(const std::string& viewer, const std::string& owner) {
    PastRange range{.until = engine::Timestamp::max(), .most = 1 + looks_.below(3)};
    std::vector<AwarenessModel::Step> all;
    for (;;) {
      const AwarenessModel::Page page = read(viewer, owner, range);
      all.insert(all.begin(), page.steps.begin(), page.steps.end());
      if (!page.has_more) break;
      ASSERT_FALSE(page.steps.empty());
      range.until = page.steps.front().at;
    }
    if (core().may_look_back(viewer, owner)) {
      EXPECT_TRUE(all == model_.steps(viewer, owner)) << viewer << " reads " << owner;
    } else {
      EXPECT_TRUE(all.empty());
    }
  }
  // As ContactsAt does.
  void look_at_contacts(const std::string& viewer, engine::Timestamp time) {
    const std::vector<std::string> contacts = core().contacts_of(viewer, "", kPeople.size());
    const std::set<std::string> expected = contacts_of(viewer);
    EXPECT_TRUE(std::ranges::equal(contacts, expected));
    const PastRange moment{.from = time, .until = time + std::chrono::microseconds(1), .most = 1};
    for (const std::string& contact : contacts) {
      const AwarenessModel::Page page = read(viewer, contact, moment);
      const auto look = page.steps.empty() ? AwarenessModel::Look{} : page.steps.back().look;
      const bool may = model_.may_if_gone(&Privacy::presence, viewer, contact);
      EXPECT_TRUE(look == (may ? model_.look_at(viewer, contact, time) : AwarenessModel::Look{}))
          << viewer << " looks at " << contact << " at " << micros(time) << ": "
          << static_cast<int>(look.state) << look.text << " instead of "
          << static_cast<int>(model_.look_at(viewer, contact, time).state);
    }
  }
  const std::string& looker() { return kPeople[looks_.below(kPeople.size())]; }

  engine::Random random_;
  engine::Random looks_{7};
  const std::size_t counts_above_;
  AwarenessModel model_;
  std::uint64_t order_ = 0;
  std::vector<SeatOf> stale_;
  std::map<std::pair<std::uint64_t, std::string>, Seen> last_told_;
  std::map<Two, Relation> relations_;
  std::map<Two, AwarenessModel::Bond> planned_;
  std::map<std::string, KeptState> kept_;
  std::map<std::uint64_t, Watching> watching_;
};

}  // namespace bimip::testing
