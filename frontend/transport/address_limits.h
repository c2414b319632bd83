// How many connections an address may have, and how fast it may open them.
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <utility>

#include "engine/base/thread_annotations.h"
#include "frontend/session/pace.h"

namespace bimip::frontend {

// For all of a node's ports together. Thread-safe. Outlives its tickets. An IPv6 address counts as
// its /64: that is what one host is given. Remembers an address while it has connections, and for a
// second or so afterwards.
class AddressLimits {
 public:
  struct Limits {
    std::uint64_t connections;
    std::uint64_t connections_per_second;  // as many at once after a quiet second
  };
  enum class Refusal : std::uint8_t { kTooMany, kTooFast };

  using Key = std::array<unsigned char, 8>;  // an IPv6 address's first half, or an IPv4 address

  // An admitted connection, until it is destroyed. Movable.
  class Ticket {
   public:
    Ticket() = default;  // of nobody
    Ticket(Ticket&& other) noexcept
        : limits_(std::exchange(other.limits_, nullptr)), key_(other.key_) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (limits_ != nullptr) limits_->leave(key_);
    }

   private:
    friend class AddressLimits;
    Ticket(AddressLimits& limits, const Key& key) : limits_(&limits), key_(key) {}
    AddressLimits* limits_ = nullptr;
    Key key_{};
  };

  explicit AddressLimits(Limits limits) : limits_(limits) {}
  // kUnpaced: one of many on a connection that is there already; it counts while it is there.
  enum class Pacing : std::uint8_t { kPaced, kUnpaced };
  [[nodiscard]] std::expected<Ticket, Refusal> admit(const boost::asio::ip::address& address,
                                                     std::chrono::nanoseconds now,
                                                     Pacing pacing = Pacing::kPaced);
  [[nodiscard]] std::size_t remembered() const;
  struct Refused {  // ever
    std::uint64_t too_many = 0;
    std::uint64_t too_fast = 0;
    friend Refused operator+(Refused one, Refused other) {
      return {.too_many = one.too_many + other.too_many, .too_fast = one.too_fast + other.too_fast};
    }
  };
  [[nodiscard]] Refused refused() const;

 private:
  struct Entry {
    std::uint64_t connections = 0;
    Pace pace;  // of opening them
  };
  void leave(const Key& key);
  void forget_idle(std::chrono::nanoseconds now) REQUIRES(mutex_);

  const Limits limits_;
  mutable engine::Mutex mutex_;
  std::map<Key, Entry> entries_ GUARDED_BY(mutex_);
  Refused refused_ GUARDED_BY(mutex_);
  std::size_t forget_at_ GUARDED_BY(mutex_) = 1024;  // when there are so many entries
};

}  // namespace bimip::frontend
