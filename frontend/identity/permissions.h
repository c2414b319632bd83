// What a token lets its bearer do with which topics.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bimip::frontend {

enum class Action : std::uint8_t { kPublish, kSubscribe, kAdmin };
inline constexpr std::size_t kActions = 3;

// As messages and claims call it: "publish".
[[nodiscard]] std::string_view name_of(Action action);

// "orders", or with stars, each of which stands for any characters or none: "orders.*", "*".
[[nodiscard]] bool matches(std::string_view pattern, std::string_view topic);

// A plain value. Nothing is permitted but what a pattern permits, and no topic of the server's own
// ("$...") is, whatever the patterns say.
struct Permissions {
  std::vector<std::string> publish{};
  std::vector<std::string> subscribe{};
  std::vector<std::string> admin{};
  bool is_operator = false;  // may end sessions and revoke tokens of others

  [[nodiscard]] const std::vector<std::string>& of(Action action) const;
  [[nodiscard]] bool allow(Action action, std::string_view topic) const;
  // Whether anything may be done with the topic.
  [[nodiscard]] bool allow_any(std::string_view topic) const;
  // All of it: for --dev.
  [[nodiscard]] static std::shared_ptr<const Permissions> everything();
  [[nodiscard]] static std::shared_ptr<const Permissions> none();
};

}  // namespace bimip::frontend
