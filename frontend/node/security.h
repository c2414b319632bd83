// What a node shows its clients and checks them with: certificate, keys, tokens, revocations; read
// again when they change.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "engine/base/clock.h"
#include "engine/store/log.h"
#include "frontend/config/settings.h"
#include "frontend/services/tokens/token_service.h"
#include "frontend/transport/tls/tls_context.h"

namespace bimip::frontend {

// Two kinds of thread: one that reads files and the topic of revocations, in order, and as many as
// half the processors that check signatures. Thread-safe, but for stop().
class Security {
 public:
  struct Parts {
    engine::Log& log;
    const engine::Clock& clock;
    std::function<void()> on_changed;  // sessions are to look at their tokens again
  };
  // Reads certificate and keys, and every revocation that there is; blocks. Why it cannot.
  [[nodiscard]] static std::expected<std::unique_ptr<Security>, std::string> open(
      const Settings& settings, Parts parts);
  ~Security();

  // Null: no tokens are checked (--dev).
  [[nodiscard]] TokenService* tokens();
  // Null: connections are plain.
  [[nodiscard]] const TlsContext* tls() const;
  void run_check(std::move_only_function<void()> work);
  // Looks at the files now.
  void reload();
  // No check is given after this; those given are done.
  void stop_checks();
  // The log answers nothing after this.
  void stop();

 private:
  class State;
  explicit Security(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bimip::frontend
