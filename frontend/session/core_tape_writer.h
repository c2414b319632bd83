// What a core of the node is told, and says, on its way to its tape.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "engine/base/hash.h"
#include "frontend/session/core_tape.h"
#include "frontend/session/tape_codec.h"

namespace bimip::frontend {

// Thread-compatible. Without a tape, or once that is closed, it does nothing.
class CoreTapeWriter {
 public:
  // The core's, of all that it is, and how many things that are.
  using StateHash = std::function<std::uint64_t()>;
  using Size = std::function<std::size_t()>;
  CoreTapeWriter(CoreTape* tape, StateHash state_hash, Size size)
      : tape_(tape), state_hash_(std::move(state_hash)), size_(std::move(size)) {}
  CoreTapeWriter(const CoreTapeWriter&) = delete;
  CoreTapeWriter& operator=(const CoreTapeWriter&) = delete;

  // Before an input is written. False: there is nothing to write on.
  bool begin_input() {
    if (!is_open()) return false;
    if (++inputs_since_state_ >= kInputsPerState + size_() / kThingsPerInput) write_state();
    return true;
  }
  template <typename... Values>
  void put_down(TapeEvent event, const Values&... values) {
    std::string words;
    TapeWriter to(words, memory_);
    (put(to, values), ...);
    tape_->write(event, words);
  }
  // An input, before the core acts on it.
  template <typename... Values>
  void write(TapeEvent event, const Values&... values) {
    if (begin_input()) put_down(event, values...);
  }
  // An input that the core has acted on already: no state stands between the two.
  void write_done(TapeEvent event) {
    if (is_open()) put_down(event);
  }
  // What the core said to it.
  template <typename Value>
  Value said(Value value) {
    if (is_open())
      put_hash(TapeEvent::kSaid, engine::xxh3_64(engine::as_bytes(words_on_tape(value))));
    return value;
  }
  void flush() {
    if (tape_ != nullptr) tape_->flush();
  }
  // The state, and the end.
  void end() {
    if (!is_open()) return;
    write_state();
    tape_->end();
  }

 private:
  // The whole state is written down before every so many inputs, and as many more as it is large:
  // it costs what is known, so that an input never costs more than a few things' worth of it.
  static constexpr std::size_t kInputsPerState = 64;
  static constexpr std::size_t kThingsPerInput = 4;
  [[nodiscard]] bool is_open() const { return tape_ != nullptr && tape_->is_open(); }
  void write_state() {
    inputs_since_state_ = 0;
    put_hash(TapeEvent::kCoreState, state_hash_());
  }
  void put_hash(TapeEvent event, std::uint64_t hash) {
    std::string words;
    TapeWriter(words, memory_).fixed(hash);
    tape_->write(event, words);
  }

  CoreTape* const tape_;
  const StateHash state_hash_;
  TapeMemory memory_{};
  const Size size_;
  std::size_t inputs_since_state_ = 0;
};

}  // namespace bimip::frontend
