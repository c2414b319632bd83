// A whole server: a store, shards of sessions, a listener.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/store/store.h"
#include "frontend/config/endpoint.h"
#include "frontend/config/settings.h"

namespace bimip::frontend {

struct NodeError {
  enum class Kind : std::uint8_t {
    kRefused,    // the data directory is not one to be opened: locked, foreign, damaged
    kCannotRun,  // the machine does not let it: permissions, a port in use
  };
  Kind kind;
  std::string message;
};

// Where a node listens; nothing for what was not asked for.
struct Listening {
  ListenEndpoint tcp;
  std::optional<ListenEndpoint> http;
  std::optional<ListenEndpoint> grpc;
};

// Thread-compatible. Destroying it does what stop() does.
class Node {
 public:
  // Opens the store and recovers it, reads keys and revocations; answers once that is done. Does
  // not listen yet. The settings have no contradictions.
  [[nodiscard]] static std::expected<std::unique_ptr<Node>, NodeError> open(
      const Settings& settings);
  ~Node();
  [[nodiscard]] const engine::StoreReport& report() const;
  [[nodiscard]] std::vector<engine::TopicInfo> topics() const;
  // Where it listens from now on.
  [[nodiscard]] std::expected<Listening, NodeError> listen();
  // Reads keys and certificate again, if they have changed. Thread-safe.
  void reload();
  // Accepts no more, answers what was accepted, says goodbye, makes everything durable.
  void stop();

 private:
  class Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace bimip::frontend
