// Text out of parts, for messages of tests.
#pragma once

#include <sstream>
#include <string>

namespace bimip::testing {

template <typename... Parts>
std::string joined(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace bimip::testing
