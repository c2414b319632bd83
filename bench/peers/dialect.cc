#include "bench/peers/dialect.h"

#include <charconv>
#include <utility>

namespace bimip::bench {
namespace {

std::optional<std::string_view> line_of(std::string_view input) {
  const std::size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return input.substr(0, end);
}

std::size_t number_in(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// RESP: XADD to one stream, answered with the entry's id.
class RedisStream final : public Dialect {
 public:
  std::string greet() override { return "PING\r\n"; }
  std::string subscribe() override { return {}; }
  void publish(std::string& out, std::string_view value) override {
    out += "*5\r\n$4\r\nXADD\r\n$5\r\nbench\r\n$1\r\n*\r\n$1\r\nv\r\n$";
    out += std::to_string(value.size());
    out += "\r\n";
    out += value;
    out += "\r\n";
  }
  std::optional<Heard> hear(std::string_view input) override {
    const auto line = line_of(input);
    if (!line) return std::nullopt;
    if (line->starts_with("-")) return Heard{Heard::Kind::kTrouble, line->size() + 2, *line};
    if (!line->starts_with("$")) return Heard{Heard::Kind::kReady, line->size() + 2};
    const std::size_t whole = line->size() + 2 + number_in(line->substr(1)) + 2;
    if (input.size() < whole) return std::nullopt;
    return Heard{Heard::Kind::kAnswer, whole};
  }
};

// NATS's text protocol. JetStream answers a publish on the subject that it names.
class Nats final : public Dialect {
 public:
  Nats(bool jetstream, std::size_t connection)
      : jetstream_(jetstream), inbox_("_INBOX.c" + std::to_string(connection)) {}

  std::string greet() override {
    std::string hello = "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";
    if (jetstream_) hello += "SUB " + inbox_ + " 1\r\n";
    return hello + "PING\r\n";
  }
  std::string subscribe() override { return "SUB bench 2\r\nPING\r\n"; }
  void publish(std::string& out, std::string_view value) override {
    out += "PUB bench ";
    if (jetstream_) out += inbox_ + " ";
    out += std::to_string(value.size()) + "\r\n";
    out += value;
    out += "\r\n";
  }
  std::optional<Heard> hear(std::string_view input) override {
    const auto line = line_of(input);
    if (!line) return std::nullopt;
    const std::size_t head = line->size() + 2;
    if (line->starts_with("PONG")) return Heard{Heard::Kind::kReady, head};
    if (line->starts_with("-ERR")) return Heard{Heard::Kind::kTrouble, head, *line};
    if (line->starts_with("PING")) {
      reply_ = "PONG\r\n";
      return Heard{Heard::Kind::kOther, head};
    }
    if (!line->starts_with("MSG ")) return Heard{Heard::Kind::kOther, head};
    const std::size_t size = number_in(line->substr(line->rfind(' ') + 1));
    if (input.size() < head + size + 2) return std::nullopt;
    const std::string_view value = input.substr(head, size);
    if (!jetstream_) return Heard{Heard::Kind::kDelivery, head + size + 2, value};
    const bool stored = value.find("\"error\"") == std::string_view::npos;
    return Heard{stored ? Heard::Kind::kAnswer : Heard::Kind::kTrouble, head + size + 2, value};
  }
  std::string reply() override { return std::exchange(reply_, {}); }

 private:
  const bool jetstream_;
  const std::string inbox_;
  std::string reply_;
};

// MQTT 3.1.1, quality of service 0.
class Mqtt final : public Dialect {
 public:
  explicit Mqtt(std::size_t connection) : name_("bench" + std::to_string(connection)) {}

  std::string greet() override {
    std::string body("\0\4MQTT\4\2\0\0", 10);
    put_text(body, name_);
    return packet(0x10, body);
  }
  std::string subscribe() override {
    std::string body("\0\1", 2);
    put_text(body, "bench");
    body.push_back('\0');
    return packet(static_cast<char>(0x82), body);
  }
  void publish(std::string& out, std::string_view value) override {
    std::string body;
    put_text(body, "bench");
    body += value;
    out += packet(0x30, body);
  }
  std::optional<Heard> hear(std::string_view input) override {
    std::size_t size = 0;
    std::size_t at = 1;
    for (int shift = 0;; shift += 7, ++at) {
      if (at >= input.size()) return std::nullopt;
      const auto byte = static_cast<unsigned char>(input[at]);
      size |= static_cast<std::size_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) break;
    }
    const std::size_t head = at + 1;
    if (input.size() < head + size) return std::nullopt;
    const int kind = static_cast<unsigned char>(input[0]) >> 4;
    if (kind == 2 || kind == 9) return Heard{Heard::Kind::kReady, head + size};
    if (kind != 3) return Heard{Heard::Kind::kOther, head + size};
    const std::string_view body = input.substr(head, size);
    const std::size_t topic = static_cast<std::size_t>(static_cast<unsigned char>(body[0])) << 8 |
                              static_cast<unsigned char>(body[1]);
    return Heard{Heard::Kind::kDelivery, head + size, body.substr(2 + topic)};
  }

 private:
  static void put_text(std::string& out, std::string_view text) {
    out.push_back(static_cast<char>(text.size() >> 8));
    out.push_back(static_cast<char>(text.size()));
    out += text;
  }
  static std::string packet(char kind, const std::string& body) {
    std::string out(1, kind);
    std::size_t left = body.size();
    do {
      out.push_back(static_cast<char>((left & 0x7F) | (left > 0x7F ? 0x80 : 0)));
      left >>= 7;
    } while (left > 0);
    return out + body;
  }

  const std::string name_;
};

}  // namespace

std::unique_ptr<Dialect> make_dialect(Peer peer, std::size_t connection) {
  switch (peer) {
    case Peer::kRedisStream:
      return std::make_unique<RedisStream>();
    case Peer::kNatsCore:
      return std::make_unique<Nats>(false, connection);
    case Peer::kJetStream:
      return std::make_unique<Nats>(true, connection);
    case Peer::kMqtt:
      return std::make_unique<Mqtt>(connection);
  }
  return nullptr;
}

}  // namespace bimip::bench
