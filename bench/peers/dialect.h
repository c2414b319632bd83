// The few words of another server's protocol that a load needs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace bimip::bench {

// What came from the server, as far as the load cares.
struct Heard {
  enum class Kind : std::uint8_t { kReady, kAnswer, kDelivery, kOther, kTrouble };
  Kind kind = Kind::kOther;
  std::size_t bytes = 0;        // that this took of the input
  std::string_view value = {};  // of a delivery; of trouble: what it says
};

// One for each connection. Answers come in the order of publishing.
class Dialect {
 public:
  virtual ~Dialect() = default;
  // What is said first. The server's kReady follows.
  virtual std::string greet() = 0;
  virtual std::string subscribe() = 0;
  virtual void publish(std::string& out, std::string_view value) = 0;
  // The first thing in `input`; nothing when it has not wholly come.
  virtual std::optional<Heard> hear(std::string_view input) = 0;
  // To be sent at once after what was heard: an answer to a ping.
  virtual std::string reply() { return {}; }
};

enum class Peer : std::uint8_t { kRedisStream, kNatsCore, kJetStream, kMqtt };

[[nodiscard]] std::unique_ptr<Dialect> make_dialect(Peer peer, std::size_t connection);

}  // namespace bimip::bench
