#include "frontend/identity/permissions.h"

#include <algorithm>

namespace bimip::frontend {

std::string_view name_of(Action action) {
  switch (action) {
    case Action::kPublish:
      return "publish";
    case Action::kSubscribe:
      return "subscribe";
    case Action::kAdmin:
      return "admin";
  }
  return "";
}

// When a character does not fit, the last star takes one more: no other star has to be tried again.
bool matches(std::string_view pattern, std::string_view topic) {
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t starred = 0;  // where in the topic that star's characters end
  for (std::size_t i = 0; i < topic.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      starred = i;
    } else if (at < pattern.size() && pattern[at] == topic[i]) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++starred;
    } else {
      return false;
    }
  }
  return std::ranges::all_of(pattern.substr(at), [](char c) { return c == '*'; });
}

const std::vector<std::string>& Permissions::of(Action action) const {
  switch (action) {
    case Action::kSubscribe:
      return subscribe;
    case Action::kAdmin:
      return admin;
    case Action::kPublish:
      break;
  }
  return publish;
}

bool Permissions::allow(Action action, std::string_view topic) const {
  if (topic.starts_with('$')) return false;
  return std::ranges::any_of(of(action),
                             [&](const std::string& pattern) { return matches(pattern, topic); });
}

bool Permissions::allow_any(std::string_view topic) const {
  return allow(Action::kPublish, topic) || allow(Action::kSubscribe, topic) ||
         allow(Action::kAdmin, topic);
}

std::shared_ptr<const Permissions> Permissions::everything() {
  static const auto kAll = std::make_shared<const Permissions>(
      Permissions{.publish = {"*"}, .subscribe = {"*"}, .admin = {"*"}, .is_operator = true});
  return kAll;
}

std::shared_ptr<const Permissions> Permissions::none() {
  static const auto kNone = std::make_shared<const Permissions>();
  return kNone;
}

}  // namespace bimip::frontend
