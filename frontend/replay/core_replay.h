// What replays of the node's cores have in common: a core is told what it was told then, and what
// it says and is is compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "frontend/replay/replayer.h"
#include "frontend/session/tape_codec.h"

namespace bimip::frontend {

// Owner-thread only.
class CoreReplay {
 public:
  explicit CoreReplay(RecordingReader reader) : reader_(std::move(reader)) {}
  virtual ~CoreReplay() = default;
  CoreReplay(const CoreReplay&) = delete;
  CoreReplay& operator=(const CoreReplay&) = delete;

  // Once.
  [[nodiscard]] ReplayReport run();

 protected:
  // Of a core that needs something to begin with: whether the event was that, or came too early.
  virtual bool begin(TapeEvent, TapeReader&) { return false; }
  // Tells the core. False: it is no event of this core's.
  virtual bool tell(TapeEvent event, TapeReader& from) = 0;
  [[nodiscard]] virtual std::uint64_t state_hash() const = 0;

  void differ(std::string what);
  // Nothing is done with what could not be read.
  template <typename... Values, typename Act>
  static void with(TapeReader& from, const Act& act) {
    std::tuple<Values...> values{get<Values>(from)...};
    if (from.ok()) std::apply(act, std::move(values));
  }
  // What the core says to what it was told.
  template <typename Value>
  void says(const Value& value) {
    said_ = words_on_tape(value);
  }

 private:
  void take(TapeEvent event, TapeReader& from);
  void compare_said(TapeReader& from);
  void compare_state(TapeReader& from);

  RecordingReader reader_;
  TapeMemory memory_{};
  ReplayReport report_{};
  std::optional<std::string> said_{};  // and not yet compared
};

}  // namespace bimip::frontend
