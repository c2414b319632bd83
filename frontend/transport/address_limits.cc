#include "frontend/transport/address_limits.h"

#include <algorithm>

namespace bimip::frontend {
namespace {

AddressLimits::Key key_of(const boost::asio::ip::address& address) {
  AddressLimits::Key key{};
  if (address.is_v4()) {
    std::ranges::copy(address.to_v4().to_bytes(), key.begin());
    return key;
  }
  const boost::asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) {
    std::ranges::copy(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_bytes(),
                      key.begin());
    return key;
  }
  std::ranges::copy_n(v6.to_bytes().begin(), key.size(), key.begin());
  return key;
}

}  // namespace

std::expected<AddressLimits::Ticket, AddressLimits::Refusal> AddressLimits::admit(
    const boost::asio::ip::address& address, std::chrono::nanoseconds now, Pacing pacing) {
  const Key key = key_of(address);
  const engine::MutexLock lock(mutex_);
  if (entries_.size() >= forget_at_) forget_idle(now);
  Entry& entry = entries_.try_emplace(key, Entry{.pace = Pace(limits_.connections_per_second, now)})
                     .first->second;
  entry.pace.refill(now);
  if (entry.connections >= limits_.connections) {
    ++refused_.too_many;
    return std::unexpected(Refusal::kTooMany);
  }
  if (pacing == Pacing::kPaced) {
    if (entry.pace.is_spent()) {
      ++refused_.too_fast;
      return std::unexpected(Refusal::kTooFast);
    }
    entry.pace.take(now);
  }
  ++entry.connections;
  return Ticket(*this, key);
}

void AddressLimits::leave(const Key& key) {
  const engine::MutexLock lock(mutex_);
  --entries_.at(key).connections;
}

// Those about whom there is nothing to remember.
void AddressLimits::forget_idle(std::chrono::nanoseconds now) {
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.second.connections == 0 &&
           now - entry.second.pace.filled_at() >= std::chrono::seconds(1);
  });
  forget_at_ = std::max<std::size_t>(1024, 2 * entries_.size());
}

AddressLimits::Refused AddressLimits::refused() const {
  const engine::MutexLock lock(mutex_);
  return refused_;
}

std::size_t AddressLimits::remembered() const {
  const engine::MutexLock lock(mutex_);
  return entries_.size();
}

}  // namespace bimip::frontend
