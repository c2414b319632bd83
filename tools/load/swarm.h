// Many connections driven by one thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tools/client/connection.h"

namespace bimip::load {

using client::Clock;
using client::Connection;
using engine::Result;
using engine::Status;

// Owner-thread only. The first connection that breaks ends it all, with its error.
class Swarm {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Swarm>> open(const client::Endpoint& server,
                                                           std::size_t connections);
  // Connection by connection, each as who it is to be.
  using Who = std::function<client::Endpoint(std::size_t connection)>;
  [[nodiscard]] static Result<std::unique_ptr<Swarm>> open(const Who& who, std::size_t connections);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  [[nodiscard]] std::size_t size() const { return members_.size(); }
  // Takes the stanza; it is sent at the end of the event that is being handled, or when run()
  // begins.
  void send(std::size_t connection, const v1::Stanza& stanza);

  using Visit = std::function<void(std::size_t connection, const v1::Stanza& stanza)>;
  // Sends and receives until then, or until `enough` says so.
  [[nodiscard]] Status run(
      Clock::time_point until, const Visit& visit,
      const std::function<bool()>& enough = [] { return false; });

 private:
  struct Member {
    std::unique_ptr<Connection> connection;
    bool dirty = false;        // has something to send
    bool awaits_room = false;  // the socket took no more
  };
  Swarm() = default;
  [[nodiscard]] Status add(std::unique_ptr<Connection> connection);
  [[nodiscard]] Status flush();
  void watch(std::size_t member, bool for_room) const;

  int epoll_ = -1;
  std::vector<Member> members_;
  std::vector<std::size_t> dirty_;
};

}  // namespace bimip::load
