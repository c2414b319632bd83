// Who may know what of whom, in the plainest form: what people did and when, and for each question
// all of it looked through again.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "frontend/services/awareness/past.h"
#include "frontend/services/awareness/precedence.h"

namespace bimip::testing {

using namespace bimip::frontend;  // NOLINT: tests read better without it

using Two = std::pair<std::string, std::string>;

struct AwarenessModel {
  struct Seat {
    SeatOf of{};
    UserState state{};
    std::string text{};
    std::uint64_t order = 0;
    std::optional<Position> position{};
    std::uint64_t position_order = 0;
    std::optional<SystemFacts> system{};
    std::uint64_t system_order = 0;
    std::map<std::string, std::string> activities{};  // by whom they are for
    std::chrono::nanoseconds gone_at = std::chrono::nanoseconds::max();
    std::chrono::nanoseconds said_at{};
    bool is_silent = false;  // nobody is behind it, and that is not known yet
  };
  // What one lets another know.
  struct Bond {
    Consent consent = Consent::kNone;
    bool is_mutual = false;
    engine::Timestamp granted_at{};
    Restriction restriction = Restriction::kNone;
  };
  // In which an owner had blocked or excepted a viewer.
  struct Period {
    Restriction how{};
    engine::Timestamp from{};
    std::optional<engine::Timestamp> until{};
    bool was_in_sight = false;
    std::size_t recorded_before = 0;  // of the owner
    [[nodiscard]] bool has(engine::Timestamp at) const {
      return from <= at && (!until || at < *until);
    }
    // What was recorded after it began, and not after it was over.
    [[nodiscard]] bool hides(std::size_t place, engine::Timestamp at) const {
      return place >= recorded_before && (!until || at <= *until);
    }
  };
  std::map<Two, Seat> devices{};  // by person and device
  std::map<Two, Bond> bonds{};    // owner, viewer
  std::map<Two, std::vector<Period>> periods{};
  std::map<std::string, Privacy> privacy{};
  std::map<std::string, std::vector<Transition>> recorded{};

  [[nodiscard]] Bond bond(const std::string& owner, const std::string& other) const {
    const auto found = bonds.find({owner, other});
    return found == bonds.end() ? Bond{} : found->second;
  }
  [[nodiscard]] Restriction restriction(const std::string& owner, const std::string& other) const {
    return bond(owner, other).restriction;
  }
  [[nodiscard]] bool is_granted(const std::string& owner, const std::string& viewer) const {
    return bond(owner, viewer).consent == Consent::kGranted;
  }
  [[nodiscard]] const std::vector<Period>& periods_of(const std::string& owner,
                                                      const std::string& viewer) const {
    static const std::vector<Period> kNone;
    const auto found = periods.find({owner, viewer});
    return found == periods.end() ? kNone : found->second;
  }
  [[nodiscard]] bool is_excepted(const std::string& owner, const std::string& viewer) const {
    return std::ranges::any_of(periods_of(owner, viewer), [](const Period& one) {
      return one.how == Restriction::kExcepted && !one.until;
    });
  }
  // But for a block by the owner.
  [[nodiscard]] bool may_if_gone(Audience Privacy::* aspect, const std::string& viewer,
                                 const std::string& owner) const {
    if (viewer == owner) return true;
    if (restriction(viewer, owner) == Restriction::kBlocked) return false;
    const Audience mine = privacy.at(viewer).*aspect;
    const Audience its = privacy.at(owner).*aspect;
    if (aspect != &Privacy::location) {
      if (mine == Audience::kNobody) return false;
      if (mine == Audience::kContactsExcept && restriction(viewer, owner) == Restriction::kExcepted)
        return false;
    }
    if (its == Audience::kEveryone) return true;
    if (its == Audience::kNobody || !is_granted(owner, viewer)) return false;
    return its == Audience::kContacts || !is_excepted(owner, viewer);
  }
  [[nodiscard]] bool may(Audience Privacy::* aspect, const std::string& viewer,
                         const std::string& owner) const {
    if (viewer != owner && restriction(owner, viewer) == Restriction::kBlocked) return false;
    return may_if_gone(aspect, viewer, owner);
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

  [[nodiscard]] RelationSeen relation_seen(const std::string& viewer,
                                           const std::string& other) const {
    Bond given = bond(viewer, other);
    const Bond taken = bond(other, viewer);
    if (given.restriction == Restriction::kBlocked && given.consent != Consent::kGranted)
      given = {.restriction = given.restriction};
    return {.eid = other,
            .given = given.consent,
            .taken = taken.consent,
            .is_mutual = given.is_mutual || taken.is_mutual,
            .restriction = given.restriction};
  }

  // The past.
  struct Look {
    UserState state = UserState::kOffline;
    std::string text{};
    friend bool operator==(const Look&, const Look&) = default;
  };
  struct Step {
    engine::Timestamp at{};
    Look look{};
    friend bool operator==(const Step&, const Step&) = default;
  };
  // The last that was recorded and is not later.
  [[nodiscard]] const Transition* at(const std::string& owner, engine::Timestamp time) const {
    const Transition* last = nullptr;
    if (!recorded.contains(owner)) return last;
    for (const Transition& one : recorded.at(owner)) {
      if (one.at <= time) last = &one;
    }
    return last;
  }
  [[nodiscard]] bool was_admitted(const Transition& was, const std::string& viewer,
                                  const std::string& owner, engine::Timestamp time) const {
    const Bond to = bond(owner, viewer);
    for (const Period& one : periods_of(owner, viewer)) {
      const bool hides =
          one.how == Restriction::kBlocked || was.audience == Audience::kContactsExcept;
      if (hides && one.has(time)) return false;
    }
    if (was.audience == Audience::kEveryone) return true;
    return was.audience != Audience::kNobody && to.consent == Consent::kGranted &&
           to.granted_at <= time;
  }
  [[nodiscard]] Look look_at(const std::string& viewer, const std::string& owner,
                             engine::Timestamp time) const {
    const Transition* const was = at(owner, time);
    if (was == nullptr) return {};
    if (viewer == owner) return {was->state, was->text};
    return is_shown(was->state) && was_admitted(*was, viewer, owner, time)
               ? Look{was->state, was->text}
               : Look{};
  }
  // Times at which anything may have changed.
  [[nodiscard]] std::set<engine::Timestamp> times(const std::string& viewer,
                                                  const std::string& owner) const {
    std::set<engine::Timestamp> all{bond(owner, viewer).granted_at};
    if (recorded.contains(owner)) {
      for (const Transition& one : recorded.at(owner)) all.insert(one.at);
    }
    for (const Period& one : periods_of(owner, viewer)) {
      all.insert(one.from);
      if (one.until) all.insert(*one.until);
    }
    return all;
  }
  [[nodiscard]] std::vector<Step> steps(const std::string& viewer, const std::string& owner) const {
    std::vector<Step> all;
    for (const engine::Timestamp time : times(viewer, owner)) {
      if (viewer == owner && at(owner, time) == nullptr) continue;
      const Look look = look_at(viewer, owner, time);
      const bool is_first = all.empty() && viewer == owner;
      if (is_first || look != (all.empty() ? Look{} : all.back().look)) all.push_back({time, look});
    }
    return all;
  }
  struct Page {
    std::vector<Step> steps{};
    bool has_more = false;
    friend bool operator==(const Page&, const Page&) = default;
  };
  [[nodiscard]] Page page(const std::string& viewer, const std::string& owner,
                          const PastRange& range) const {
    Page page;
    if (!may_if_gone(&Privacy::presence, viewer, owner)) return page;
    std::vector<Step> inside;
    std::optional<Step> before;
    for (const Step& step : steps(viewer, owner)) {
      if (step.at <= range.from) before = step;
      if (step.at > range.from && step.at < range.until) inside.push_back(step);
    }
    page.has_more = inside.size() > range.most;
    const std::size_t first = page.has_more ? inside.size() - range.most : 0;
    page.steps.assign(inside.begin() + static_cast<std::ptrdiff_t>(first), inside.end());
    if (!page.has_more && before && before->at < range.until)
      page.steps.insert(page.steps.begin(), *before);
    return page;
  }

  // The present, as it was published.
  [[nodiscard]] UserState shown_to(const std::string& viewer, const std::string& owner) const {
    if (!recorded.contains(owner)) return UserState::kOffline;
    const UserState state = recorded.at(owner).back().state;
    if (viewer == owner) return state;
    return is_shown(state) && may(&Privacy::presence, viewer, owner) ? state : UserState::kOffline;
  }
  // Since when it is in this state and he may know it.
  [[nodiscard]] engine::Timestamp since(const std::string& viewer, const std::string& owner) const {
    const std::vector<Transition>& all = recorded.at(owner);
    auto first = all.end() - 1;
    while (first != all.begin() && (first - 1)->state == first->state) --first;
    if (viewer == owner) return first->at;
    engine::Timestamp begin{};
    for (const engine::Timestamp time : times(viewer, owner)) {
      if (time < first->at) continue;
      const bool is_known = was_admitted(*at(owner, time), viewer, owner, time);
      if (!is_known) begin = {};
      if (is_known && begin == engine::Timestamp{}) begin = time;
    }
    return begin;
  }
  [[nodiscard]] engine::Timestamp last_seen(const std::string& viewer,
                                            const std::string& owner) const {
    if (!may_if_gone(&Privacy::last_seen, viewer, owner) || is_shown(shown_to(viewer, owner)))
      return {};
    std::vector<Period> blocks;
    for (const Period& one : periods_of(owner, viewer)) {
      if (one.how == Restriction::kBlocked && viewer != owner) blocks.push_back(one);
    }
    engine::Timestamp last{};
    const auto ended = [&](std::size_t place, engine::Timestamp at) {
      const auto hides = [&](const Period& one) { return one.hides(place, at); };
      if (std::ranges::none_of(blocks, hides)) last = std::max(last, at);
    };
    UserState before = UserState::kOffline;
    std::size_t place = 0;
    const auto found = recorded.find(owner);
    for (const Transition& one :
         found == recorded.end() ? std::vector<Transition>{} : found->second) {
      if (is_shown(before) && !is_shown(one.state)) ended(place, one.at);
      before = one.state;
      ++place;
    }
    // A block is an end too; one that began where another was over is in that one.
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto hides = [&](const Period& one) {
        return one.until && one.from <= blocks[i].from && blocks[i].from <= *one.until;
      };
      const bool is_hidden =
          std::any_of(blocks.begin(), blocks.begin() + static_cast<std::ptrdiff_t>(i), hides);
      if (blocks[i].was_in_sight && !is_hidden) last = std::max(last, blocks[i].from);
    }
    const bool is_before = viewer != owner && privacy.at(owner).last_seen != Audience::kEveryone &&
                           last < bond(owner, viewer).granted_at;
    return is_before ? engine::Timestamp{} : last;
  }
};

}  // namespace bimip::testing
