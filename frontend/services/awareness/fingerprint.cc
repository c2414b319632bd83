#include "frontend/services/awareness/fingerprint.h"

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/hash.h"
#include "frontend/session/moment.h"

namespace bimip::frontend {
namespace {

class Fingerprint {
 public:
  void add(std::string_view text) {
    add_number(text.size());
    bytes_ += text;
  }
  template <typename Number>
  void add_number(Number number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  template <typename Number>
  void add_number(const std::optional<Number>& number) {
    add_number(number.has_value());
    if (number) add_number(*number);
  }
  [[nodiscard]] std::uint64_t value() const { return engine::xxh3_64(engine::as_bytes(bytes_)); }

 private:
  std::string bytes_;
};

}  // namespace

std::uint64_t fingerprint_of(const Seen& seen) {
  Fingerprint print;
  print.add_number(seen.state);
  print.add_number(micros(seen.since));
  print.add_number(micros(seen.last_seen));
  print.add(seen.text);
  print.add_number(seen.system.has_value());
  if (seen.system) {
    print.add_number(seen.system->battery_percent);
    print.add_number(seen.system->is_charging);
    print.add(seen.system->network);
    print.add(seen.system->app_version);
    print.add_number(seen.system->load);
    for (const auto& [name, value] : seen.system->fields) {
      print.add(name);
      print.add(value);
    }
  }
  print.add_number(seen.position.has_value());
  if (seen.position) {
    print.add_number(seen.position->latitude);
    print.add_number(seen.position->longitude);
    print.add_number(seen.position->accuracy_m);
    print.add_number(seen.position->heading_degrees);
    print.add_number(seen.position->speed_mps);
  }
  for (const Activity& activity : seen.activities) {
    print.add(activity.name);
    print.add(activity.to);
  }
  return print.value();
}

}  // namespace bimip::frontend
