// Puts on another server the loads that `bimip bench` puts on bimipd. bench/peers/run.py calls it.
// Usage: peer_load redis|nats|jetstream|mqtt publish|fanout PORT [--connections N] [--depth N]
//                  [--subscribers N] [--size BYTES] [--seconds N]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <system_error>
#include <vector>

#include "bench/peers/dialect.h"
#include "bench/report.h"
#include "tools/load/histogram.h"

namespace bimip::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kWarmUp{500};
constexpr std::size_t kReadBytes = 256 * 1024;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "peer_load: %s\n", why.c_str());
  std::_Exit(2);
}

struct Options {
  Peer peer = Peer::kRedisStream;
  bool fanout = false;
  std::uint16_t port = 0;
  std::size_t connections = 50;
  std::size_t depth = 16;
  std::size_t subscribers = 0;
  std::size_t value_bytes = 128;
  std::chrono::seconds time{5};
};

struct Member {
  int socket = -1;
  std::unique_ptr<Dialect> dialect;
  std::string input;
  std::string output;
  bool ready = false;
  bool dirty = false;
  std::deque<Clock::time_point> sent_at;
};

class PeerLoad {
 public:
  explicit PeerLoad(const Options& options)
      : options_(options),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        value_(std::max(options.value_bytes, sizeof(std::int64_t)), 'v'),
        buffer_(kReadBytes) {}

  void run() {
    members_.resize(options_.connections + options_.subscribers);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      connect(i);
      say(i, members_[i].dialect->greet());
    }
    await_ready(0);
    for (std::size_t i = options_.connections; i < members_.size(); ++i) {
      members_[i].ready = false;
      say(i, members_[i].dialect->subscribe());
    }
    await_ready(options_.connections);
    for (std::size_t i = 0; i < options_.connections; ++i) begin(i);
    drive(Clock::now() + kWarmUp);
    measuring_ = true;
    const auto began = Clock::now();
    drive(began + options_.time);
    seconds_ = std::chrono::duration<double>(Clock::now() - began).count();
  }

  void report() const {
    const Report report(true);
    const auto add = [&](const char* name, double value, const char* unit) {
      report.add({.name = name, .value = value, .unit = unit});
    };
    add("publishes", static_cast<double>(answered_) / seconds_, "messages/s");
    add("deliveries", static_cast<double>(delivered_) / seconds_, "messages/s");
    const auto microseconds = [&](double part) {
      return std::chrono::duration<double, std::micro>(times_.percentile(part)).count();
    };
    add("p50", microseconds(0.50), "us");
    add("p99", microseconds(0.99), "us");
  }

 private:
  // Without answers (fan-out) the depth is of messages on their way to the first subscriber.
  void begin(std::size_t i) {
    for (std::size_t n = 0; n < options_.depth; ++n) publish(i);
  }

  void connect(std::size_t i) {
    Member& member = members_[i];
    member.dialect = make_dialect(options_.peer, i);
    member.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(member.socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      give_up(std::string("connect: ") + std::generic_category().message(errno));
    const int on = 1;
    ::setsockopt(member.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, member.socket, &event);
  }

  void say(std::size_t i, const std::string& words) {
    members_[i].output += words;
    mark(i);
  }
  void mark(std::size_t i) {
    if (!members_[i].dirty) dirty_.push_back(i);
    members_[i].dirty = true;
  }

  void publish(std::size_t i) {
    Member& member = members_[i];
    const Clock::time_point now = Clock::now();
    const std::int64_t time = now.time_since_epoch().count();
    std::memcpy(value_.data(), &time, sizeof time);
    if (!options_.fanout) member.sent_at.push_back(now);
    member.dialect->publish(member.output, value_);
    mark(i);
  }

  void await_ready(std::size_t from) {
    const auto until = Clock::now() + std::chrono::seconds(30);
    for (std::size_t i = from; i < members_.size();) {
      if (members_[i].ready) {
        ++i;
      } else if (Clock::now() > until) {
        give_up("a connection was not taken");
      } else {
        step();
      }
    }
  }

  void drive(Clock::time_point until) {
    while (Clock::now() < until) step();
  }

  void step() {
    for (const std::size_t i : dirty_) flush(members_[i]);
    dirty_.clear();
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
    for (int n = 0; n < count; ++n)
      receive(static_cast<std::size_t>(events[static_cast<std::size_t>(n)].data.u64));
  }

  // Sockets block while they are full: what is said at once is little.
  void flush(Member& member) {
    member.dirty = false;
    for (std::size_t sent = 0; sent < member.output.size();) {
      const ssize_t wrote = ::send(member.socket, member.output.data() + sent,
                                   member.output.size() - sent, MSG_NOSIGNAL);
      if (wrote < 0) give_up(std::string("send: ") + std::generic_category().message(errno));
      sent += static_cast<std::size_t>(wrote);
    }
    member.output.clear();
  }

  void receive(std::size_t i) {
    Member& member = members_[i];
    const ssize_t got = ::recv(member.socket, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) give_up("the server closed a connection");
    member.input.append(buffer_.data(), static_cast<std::size_t>(got));
    std::size_t taken = 0;
    while (const auto heard = member.dialect->hear(std::string_view(member.input).substr(taken))) {
      taken += heard->bytes;
      on(i, *heard);
      if (taken == member.input.size()) break;
    }
    member.input.erase(0, taken);
    if (const std::string reply = member.dialect->reply(); !reply.empty()) say(i, reply);
  }

  void on(std::size_t i, const Heard& heard) {
    Member& member = members_[i];
    switch (heard.kind) {
      case Heard::Kind::kReady:
        member.ready = true;
        return;
      case Heard::Kind::kTrouble:
        give_up("the server says: " + std::string(heard.value));
      case Heard::Kind::kOther:
        return;
      case Heard::Kind::kAnswer:
        if (measuring_) {
          ++answered_;
          times_.add(Clock::now() - member.sent_at.front());
        }
        member.sent_at.pop_front();
        publish(i);
        return;
      case Heard::Kind::kDelivery:
        on_delivery(i, heard.value);
        return;
    }
  }

  void on_delivery(std::size_t i, std::string_view value) {
    std::int64_t time = 0;
    std::memcpy(&time, value.data(), sizeof time);
    if (measuring_) {
      ++delivered_;
      times_.add(std::chrono::nanoseconds(Clock::now().time_since_epoch().count() - time));
    }
    // The last subscriber stands for all: a server that serves them in turn has served the others.
    if (i + 1 != members_.size()) return;
    if (measuring_) ++answered_;
    publish(answering_);
    answering_ = (answering_ + 1) % options_.connections;
  }

  const Options& options_;
  const int epoll_;
  std::string value_;
  std::vector<char> buffer_;
  std::vector<Member> members_;
  std::vector<std::size_t> dirty_;
  bool measuring_ = false;
  std::size_t answering_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t delivered_ = 0;
  double seconds_ = 0;
  load::Histogram times_;
};

Options parse(int argc, char** argv) {
  Options options;
  const auto usage = [] {
    give_up(
        "usage: peer_load redis|nats|jetstream|mqtt publish|fanout PORT [--connections N] "
        "[--depth N] [--subscribers N] [--size BYTES] [--seconds N]");
  };
  if (argc < 4) usage();
  const std::string peer = argv[1];
  if (peer == "redis") {
    options.peer = Peer::kRedisStream;
  } else if (peer == "nats") {
    options.peer = Peer::kNatsCore;
  } else if (peer == "jetstream") {
    options.peer = Peer::kJetStream;
  } else if (peer == "mqtt") {
    options.peer = Peer::kMqtt;
  } else {
    usage();
  }
  options.fanout = std::string(argv[2]) == "fanout";
  options.port = static_cast<std::uint16_t>(std::atoi(argv[3]));
  for (int i = 4; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const auto value = static_cast<std::size_t>(std::atoll(argv[i + 1]));
    if (flag == "--connections") {
      options.connections = value;
    } else if (flag == "--depth") {
      options.depth = value;
    } else if (flag == "--subscribers") {
      options.subscribers = value;
    } else if (flag == "--size") {
      options.value_bytes = value;
    } else if (flag == "--seconds") {
      options.time = std::chrono::seconds(value);
    } else {
      usage();
    }
  }
  return options;
}

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  const bimip::bench::Options options = bimip::bench::parse(argc, argv);
  bimip::bench::PeerLoad load(options);
  load.run();
  load.report();
}
