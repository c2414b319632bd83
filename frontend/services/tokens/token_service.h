// What the sessions of a node need of tokens: checking them, and revoking them.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string_view>

#include "engine/base/clock.h"
#include "engine/base/thread_annotations.h"
#include "engine/store/log.h"
#include "frontend/identity/key_ring.h"
#include "frontend/identity/token.h"
#include "frontend/services/tokens/revocations.h"

namespace bimip::frontend {

// Revocations are records of the topic "$tokens" and nothing else; what is known of them here is a
// view of it, complete from open() on, so they hold over a restart. Thread-safe. Outlives its
// sessions, and every work that it gave to `run`.
class TokenService {
 public:
  struct Options {
    TokenRules rules{};
    std::size_t revocations_max = 100'000;
  };
  struct Parts {
    engine::Log& log;
    const engine::Clock& clock;
    KeyRing& keys;
    // One at a time and in order, on a thread that may block.
    std::function<void(std::move_only_function<void()>)> run;
    // Sessions are to look at generation().
    std::function<void()> on_changed;
  };
  static constexpr std::string_view kTopic = "$tokens";

  // Makes the topic when it is missing, and reads all of it; blocks.
  [[nodiscard]] static engine::Result<std::unique_ptr<TokenService>> open(Parts parts,
                                                                          Options options);

  // Signature and claims. Takes tens to hundreds of microseconds: not on a session's thread.
  [[nodiscard]] std::expected<Grant, TokenRefusal> check(std::string_view token) const;

  enum class Standing : std::uint8_t {
    kGood,
    kRevoked,  // the token was revoked
    kKeyGone,  // its key is not in the key set any more
  };
  // Another one than before: what standing_of() answers may have changed.
  [[nodiscard]] std::uint64_t generation() const {
    return generation_.load(std::memory_order_acquire);
  }
  // These two of one that has a token.
  [[nodiscard]] Standing standing_of(const Grant& grant, std::string_view device) const;
  // When a session of this grant ends: the token's end and the clock skew.
  [[nodiscard]] engine::Timestamp end_of(const Grant& grant) const {
    return grant.token->expires_at + options_.rules.clock_skew;
  }

  using Done = std::move_only_function<void(engine::Result<engine::Timestamp> revoked_at)>;
  // `revoked_at` and `until` are the service's to set. Durable and in force when `done` is called,
  // once, by `run`. kBusy: there are revocations_max already. Else what the log answers.
  void revoke(Revocation revocation, Done done);

  // Reads the key set again if it has changed, and forgets what is over. Why the file cannot be
  // used, if it cannot.
  [[nodiscard]] std::expected<KeyRing::Reload, std::string> refresh();

 private:
  class Append;
  TokenService(Parts parts, Options options, engine::TopicId topic)
      : parts_(std::move(parts)), options_(std::move(options)), topic_(topic) {}
  // Applies the records that are not yet in the view. Not at two places at once.
  [[nodiscard]] engine::Status catch_up();
  [[nodiscard]] engine::Status apply(const engine::RecordBatch& batch);
  void tell_sessions();
  void on_appended(engine::Result<engine::Timestamp> revoked_at, Done done);

  const Parts parts_;
  const Options options_;
  const engine::TopicId topic_;
  std::atomic<std::uint64_t> generation_{0};
  engine::Offset next_{};  // to be applied; by open() and then by `run`
  mutable engine::Mutex mutex_;
  Revocations revocations_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
