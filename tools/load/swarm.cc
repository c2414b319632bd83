#include "tools/load/swarm.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "bimip/v1/stanza.pb.h"

namespace bimip::load {
namespace {

constexpr std::chrono::milliseconds kOpenWithin{10'000};

Status fail_with(const char* what) {
  return engine::fail(engine::ErrorCode::kIo, std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

Result<std::unique_ptr<Swarm>> Swarm::open(const client::Endpoint& server,
                                           std::size_t connections) {
  return open([&](std::size_t) { return server; }, connections);
}

Result<std::unique_ptr<Swarm>> Swarm::open(const Who& who, std::size_t connections) {
  std::unique_ptr<Swarm> swarm(new Swarm());
  swarm->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (swarm->epoll_ < 0) return std::unexpected(fail_with("epoll_create1").error());
  for (std::size_t i = 0; i < connections; ++i) {
    auto connection = Connection::open(who(i), {}, kOpenWithin);
    if (!connection) return std::unexpected(std::move(connection.error()));
    if (Status added = swarm->add(std::move(*connection)); !added)
      return std::unexpected(std::move(added.error()));
  }
  return swarm;
}

Swarm::~Swarm() {
  if (epoll_ >= 0) ::close(epoll_);
}

Status Swarm::add(std::unique_ptr<Connection> connection) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = members_.size()}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->descriptor(), &event) != 0)
    return fail_with("epoll_ctl");
  members_.push_back({.connection = std::move(connection)});
  return {};
}

void Swarm::send(std::size_t connection, const v1::Stanza& stanza) {
  Member& member = members_[connection];
  member.connection->send(stanza);
  if (!member.dirty) dirty_.push_back(connection);
  member.dirty = true;
}

void Swarm::watch(std::size_t member, bool for_room) const {
  epoll_event event{.events = for_room ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.u64 = member}};
  (void)::epoll_ctl(epoll_, EPOLL_CTL_MOD, members_[member].connection->descriptor(), &event);
}

Status Swarm::flush() {
  for (const std::size_t at : dirty_) {
    Member& member = members_[at];
    member.dirty = false;
    if (Status sent = member.connection->send_some(); !sent) return sent;
    const bool stuck = member.connection->unsent() > 0;
    if (stuck != member.awaits_room) watch(at, stuck);
    member.awaits_room = stuck;
  }
  dirty_.clear();
  return {};
}

Status Swarm::run(Clock::time_point until, const Visit& visit,
                  const std::function<bool()>& enough) {
  std::array<epoll_event, 256> events;
  while (!enough()) {
    if (Status sent = flush(); !sent) return sent;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return {};
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                   static_cast<int>(std::min<std::int64_t>(left.count(), 1000)));
    if (count < 0 && errno != EINTR) return fail_with("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
      Member& member = members_[at];
      Status received =
          member.connection->receive_some([&](const v1::Stanza& stanza) { visit(at, stanza); });
      if (!received) return received;
      // What the connection answered by itself, or had no room for, goes out too.
      if (member.connection->unsent() > 0 && !member.dirty) {
        member.dirty = true;
        dirty_.push_back(at);
      }
    }
  }
  return flush();
}

}  // namespace bimip::load
