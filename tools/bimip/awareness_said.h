// What one says of oneself, from flags to stanzas. For sources only: it includes the stanzas.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "bimip/v1/stanza.pb.h"

namespace bimip::tools {

// As they were given; empty: not at all.
struct SaidFlags {
  std::string state{};
  std::string text{};
  std::vector<std::string> system{};  // "battery=80", "app=7"
  std::string location{};             // "48.2,16.4,15"
  std::string heading{};
  std::string speed{};
  std::string lasts{};  // the location
  std::string activity{};
  std::string to{};
};

// The requests, in their order.
struct Said {
  v1::Stanza state{};
  std::optional<v1::Stanza> location{};
  std::optional<v1::Stanza> activity{};
};

// What is wrong, if anything is: all that a server would refuse is refused before it is asked, so
// that nothing is half done.
[[nodiscard]] std::expected<Said, std::string> said_of(const SaidFlags& flags);

}  // namespace bimip::tools
