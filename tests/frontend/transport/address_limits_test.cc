#include "frontend/transport/address_limits.h"

#include <gtest/gtest.h>

#include <vector>

#include "frontend/transport/grpc/peer_address.h"

namespace bimip::frontend {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;
using Refusal = AddressLimits::Refusal;

TEST(AddressLimits, LetsAnAddressHaveSoManyConnections) {
  AddressLimits limits({.connections = 2, .connections_per_second = 100});
  std::vector<AddressLimits::Ticket> tickets;
  for (int i = 0; i < 2; ++i)
    tickets.push_back(std::move(*limits.admit(make_address("10.0.0.1"), 1s)));
  EXPECT_EQ(limits.admit(make_address("10.0.0.1"), 1s).error(), Refusal::kTooMany);
  EXPECT_TRUE(limits.admit(make_address("10.0.0.2"), 1s));
  tickets.pop_back();
  EXPECT_TRUE(limits.admit(make_address("10.0.0.1"), 1s));
}

TEST(AddressLimits, LetsAnAddressOpenSoManyInASecond) {
  AddressLimits limits({.connections = 100, .connections_per_second = 10});
  const auto opened_at = [&](std::chrono::nanoseconds now) {
    int count = 0;
    while (limits.admit(make_address("10.0.0.1"), now)) ++count;  // and closed at once
    return count;
  };
  EXPECT_EQ(opened_at(5s), 10);
  EXPECT_EQ(opened_at(5s + 50ms), 0);
  EXPECT_EQ(opened_at(5s + 310ms), 3);
  EXPECT_EQ(opened_at(60s), 10);
  EXPECT_EQ(limits.admit(make_address("10.0.0.1"), 60s).error(), Refusal::kTooFast);
}

TEST(AddressLimits, CountsWhatIsNotPacedAndLetsItComeAsFastAsItLikes) {
  AddressLimits limits({.connections = 50, .connections_per_second = 1});
  std::vector<AddressLimits::Ticket> tickets;
  for (int i = 0; i < 50; ++i) {
    tickets.push_back(
        std::move(*limits.admit(make_address("10.0.0.1"), 1s, AddressLimits::Pacing::kUnpaced)));
  }
  EXPECT_EQ(limits.admit(make_address("10.0.0.1"), 1s, AddressLimits::Pacing::kUnpaced).error(),
            Refusal::kTooMany);
}

TEST(AddressLimits, CountsAnIpv6NetworkAsOneAddressAndAMappedIpv4AddressAsItself) {
  AddressLimits limits({.connections = 1, .connections_per_second = 100});
  const auto first = limits.admit(make_address("2001:db8:1:2::1"), 1s);
  EXPECT_FALSE(limits.admit(make_address("2001:db8:1:2:ffff::9"), 1s));
  EXPECT_TRUE(limits.admit(make_address("2001:db8:1:3::1"), 1s));
  const auto second = limits.admit(make_address("::ffff:10.0.0.1"), 1s);
  EXPECT_TRUE(second);
  EXPECT_FALSE(limits.admit(make_address("10.0.0.1"), 1s));
}

TEST(AddressLimits, ForgetsAddressesThatAreGone) {
  AddressLimits limits({.connections = 1, .connections_per_second = 1});
  std::chrono::nanoseconds now = 1s;
  for (unsigned i = 0; i < 100'000; ++i, now += 1ms)
    EXPECT_TRUE(limits.admit(boost::asio::ip::address_v4(0x0A000000U + i), now));
  EXPECT_LT(limits.remembered(), 5000U);
}

TEST(AddressLimits, KnowsWhereAGrpcPeerIs) {
  EXPECT_EQ(address_of_peer("10.0.0.1:5"), make_address("10.0.0.1"));
  EXPECT_EQ(address_of_peer("[::1]:5"), make_address("::1"));
  EXPECT_TRUE(address_of_peer("unix:/tmp/a").is_unspecified());
}

}  // namespace
}  // namespace bimip::frontend
