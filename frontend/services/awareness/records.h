// The records of awareness, as they are in the log.
#pragma once

#include <optional>
#include <string>

#include "engine/base/bytes.h"
#include "frontend/services/awareness/awareness_core.h"

namespace bimip::frontend {

struct StateRecord {
  std::string eid{};  // empty: a mark that the server was alive
  KeptState state{};
  engine::Timestamp alive_at{};
};
struct RuleRecord {
  std::string eid{};
  std::string other{};  // empty: it is about `privacy`
  Relation relation{};
  Privacy privacy{};
};

[[nodiscard]] std::string encode(const Transition& transition);
[[nodiscard]] std::string encode(const StateRecord& record);
[[nodiscard]] std::string encode(const RuleRecord& record);
// Nothing: of a later program's kind.
[[nodiscard]] std::optional<Transition> decode_transition(engine::Bytes value);
[[nodiscard]] std::optional<StateRecord> decode_state(engine::Bytes value);
[[nodiscard]] std::optional<RuleRecord> decode_rule(engine::Bytes value);

// One for each entity, and one for the mark.
[[nodiscard]] std::string state_key(const std::string& eid);
// One for each entity's audiences, and each pair of entities. None has a zero byte.
[[nodiscard]] std::string rule_key(const RuleRecord& record);

}  // namespace bimip::frontend
