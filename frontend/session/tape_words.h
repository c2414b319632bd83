// What a session is told, as it lies on a tape: what the log, the tokens and the groups answer.
#pragma once

#include <string>
#include <vector>

#include "engine/store/log.h"
#include "frontend/identity/grant.h"
#include "frontend/identity/token.h"
#include "frontend/services/broker/broker.h"
#include "frontend/services/inbox/marks.h"
#include "frontend/session/tape_codec.h"

namespace bimip::frontend {

// A type whose put() and get() are in tape_words.cc.
template <typename T>
struct SpelledOut {
  static void put(TapeWriter& to, const T& value);
  static T get(TapeReader& from);
};

template <>
struct Word<engine::TopicInfo> : SpelledOut<engine::TopicInfo> {};
template <>
struct Word<engine::LogBounds> : SpelledOut<engine::LogBounds> {};
template <>
struct Word<engine::PartitionTrouble> : SpelledOut<engine::PartitionTrouble> {};
template <>
struct Word<engine::Appended> : SpelledOut<engine::Appended> {};
// With its blocks: a reader gets them from the tape.
template <>
struct Word<engine::RecordBatch> : SpelledOut<engine::RecordBatch> {};
template <>
struct Word<engine::EntityHash> : SpelledOut<engine::EntityHash> {};
template <>
struct Word<engine::EntityState> : SpelledOut<engine::EntityState> {};
template <>
struct Word<engine::EntityGap> : SpelledOut<engine::EntityGap> {};
template <>
struct Word<engine::EntityBatch> : SpelledOut<engine::EntityBatch> {};
template <>
struct Word<engine::EntityInfo> : SpelledOut<engine::EntityInfo> {};
template <>
struct Word<engine::Erased> : SpelledOut<engine::Erased> {};
template <>
struct Word<engine::EntityListRequest::Page> : SpelledOut<engine::EntityListRequest::Page> {};
template <>
struct Word<Permissions> : SpelledOut<Permissions> {};
template <>
struct Word<TokenFacts> : SpelledOut<TokenFacts> {};
template <>
struct Word<Grant> : SpelledOut<Grant> {};
template <>
struct Word<TokenRefusal> : SpelledOut<TokenRefusal> {};
template <>
struct Word<DeliveredRange> : SpelledOut<DeliveredRange> {};
template <>
struct Word<GivenPartition> : SpelledOut<GivenPartition> {};
template <>
struct Word<HandedBack> : SpelledOut<HandedBack> {};
template <>
struct Word<GroupChange> : SpelledOut<GroupChange> {};
template <>
struct Word<Mark::Range> : SpelledOut<Mark::Range> {};

}  // namespace bimip::frontend
