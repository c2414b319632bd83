#include "frontend/services/tokens/token_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "frontend/services/own_topic.h"
#include "frontend/services/tokens/revocation_record.h"

namespace bimip::frontend {
namespace {

using engine::ErrorCode;

constexpr engine::PartitionId kPartition(0);

}  // namespace

// A revocation on its way to the log. Owns itself until it is answered.
class TokenService::Append final : public engine::AppendRequest {
 public:
  Append(TokenService& service, const Revocation& revocation, Done done)
      : service_(service),
        revoked_at_(revocation.revoked_at),
        key_(key_of(revocation.eid, revocation.scope, revocation.name)),
        value_(encode(revocation)),
        done_(std::move(done)) {
    fields_.key = engine::as_bytes(key_);
    fields_.value = engine::as_bytes(value_);
    topic = service.topic_;
    partition = kPartition;
    records = {&fields_, 1};
    durability = engine::Durability::kDurable;
  }
  void on_appended(engine::Result<engine::Appended> result) override {
    const std::unique_ptr<Append> self(this);
    engine::Result<engine::Timestamp> answer = revoked_at_;
    if (!result) answer = std::unexpected(std::move(result.error()));
    service_.parts_.run(
        [&service = service_, answer = std::move(answer), done = std::move(done_)]() mutable {
          service.on_appended(std::move(answer), std::move(done));
        });
  }

 private:
  TokenService& service_;
  const engine::Timestamp revoked_at_;
  const std::string key_;
  const std::string value_;
  engine::RecordFields fields_;
  Done done_;
};

engine::Result<std::unique_ptr<TokenService>> TokenService::open(Parts parts, Options options) {
  auto topic = find_or_create(parts.log, kTopic, {});
  if (!topic) return std::unexpected(std::move(topic.error()));
  std::unique_ptr<TokenService> service(
      new TokenService(std::move(parts), std::move(options), topic->id));
  if (engine::Status read = service->catch_up(); !read)
    return engine::fail_at(kTopic, std::move(read.error()));
  return service;
}

std::expected<Grant, TokenRefusal> TokenService::check(std::string_view token) const {
  return check_token(token, *parts_.keys.keys(), options_.rules, parts_.clock.now());
}

TokenService::Standing TokenService::standing_of(const Grant& grant,
                                                 std::string_view device) const {
  {
    const engine::MutexLock lock(mutex_);
    if (revocations_.revoke(grant, device)) return Standing::kRevoked;
  }
  return parts_.keys.keys()->has(grant.token->key_fingerprint) ? Standing::kGood
                                                               : Standing::kKeyGone;
}

void TokenService::revoke(Revocation revocation, Done done) {
  revocation.revoked_at = parts_.clock.now();
  revocation.until =
      revocation.revoked_at + options_.rules.life_max + 2 * options_.rules.clock_skew;
  bool is_full = false;
  {
    const engine::MutexLock lock(mutex_);
    revocations_.expire(revocation.revoked_at);
    is_full = revocations_.size() >= options_.revocations_max;
  }
  if (is_full) {
    parts_.run([done = std::move(done)]() mutable {
      done(engine::fail(ErrorCode::kBusy, "tokens.revocations_max is reached"));
    });
    return;
  }
  parts_.log.append(*std::make_unique<Append>(*this, revocation, std::move(done)).release());
}

void TokenService::on_appended(engine::Result<engine::Timestamp> revoked_at, Done done) {
  if (revoked_at) {
    if (engine::Status read = catch_up(); !read)
      revoked_at = std::unexpected(std::move(read.error()));
  }
  const bool changed = revoked_at.has_value();
  done(std::move(revoked_at));
  if (changed) tell_sessions();
}

void TokenService::tell_sessions() {
  generation_.fetch_add(1, std::memory_order_release);
  parts_.on_changed();
}

engine::Status TokenService::catch_up() {
  const auto bounds = parts_.log.bounds(topic_, kPartition);
  if (!bounds) return std::unexpected(bounds.error());
  next_ = std::max(next_, bounds->start);
  while (next_ < bounds->visible_end) {
    const engine::Result<engine::RecordBatch> batch =
        read_and_wait(parts_.log, topic_, kPartition, next_);
    if (!batch) return std::unexpected(batch.error());
    if (engine::Status applied = apply(*batch); !applied) return applied;
  }
  return {};
}

engine::Status TokenService::apply(const engine::RecordBatch& batch) {
  std::vector<Revocation> read;
  // A record of a later program's kind is passed over.
  engine::Status whole = batch.for_each([&](const engine::Record& record) {
    if (auto revocation = decode_revocation(record.value)) read.push_back(std::move(*revocation));
  });
  if (!whole) return whole;
  const engine::MutexLock lock(mutex_);
  for (const Revocation& revocation : read) revocations_.apply(revocation);
  next_ = batch.range().end;
  return {};
}

std::expected<KeyRing::Reload, std::string> TokenService::refresh() {
  {
    const engine::MutexLock lock(mutex_);
    revocations_.expire(parts_.clock.now());
  }
  auto reloaded = parts_.keys.reload();
  if (reloaded == KeyRing::Reload::kChanged) tell_sessions();
  return reloaded;
}

}  // namespace bimip::frontend
