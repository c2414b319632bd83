// A whole server: a store, shards of sessions, a listener.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/store/store.h"

namespace bimip::frontend {

struct NodeOptions {
  std::filesystem::path data_directory;
  std::string tcp_address = "127.0.0.1";
  std::uint16_t tcp_port = 0;  // 0: any that is free
  std::size_t shards = 1;
  std::uint64_t spare_bytes = 0;  // see engine::StoreOptions
  std::uint64_t free_space_floor = engine::limits::kFreeSpaceFloorDefault;
};

struct NodeError {
  enum class Kind : std::uint8_t {
    kRefused,    // the data directory is not one to be opened: locked, foreign, damaged
    kCannotRun,  // the machine does not let it: permissions, a port in use
  };
  Kind kind;
  std::string message;
};

// Thread-compatible. Destroying it does what stop() does.
class Node {
 public:
  // Opens the store and recovers it; answers once that is done. Does not listen yet.
  [[nodiscard]] static std::expected<std::unique_ptr<Node>, NodeError> open(NodeOptions options);
  ~Node();
  [[nodiscard]] const engine::StoreReport& report() const;
  [[nodiscard]] std::vector<engine::TopicInfo> topics() const;
  // The port that it listens on from now on.
  [[nodiscard]] std::expected<std::uint16_t, NodeError> listen();
  // Accepts no more, answers what was accepted, says goodbye, makes everything durable.
  void stop();

 private:
  class Parts;
  explicit Node(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace bimip::frontend
