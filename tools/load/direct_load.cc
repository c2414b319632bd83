// Messages from entity to entity.
#include <random>

#include "bimip/v1/stanza.pb.h"
#include "tools/load/measuring.h"
#include "tools/load/scenarios.h"

namespace bimip::load {
namespace {

using bench::Figure;
using namespace std::chrono_literals;

constexpr std::uint32_t kCredit = 1000;
constexpr auto kSyncWithin = 120s;

std::string sender(std::size_t pair) { return "bench-from-" + std::to_string(pair); }
std::string recipient(std::size_t pair) { return "bench-to-" + std::to_string(pair); }

// Gives back what was delivered, some at a time.
class Reader {
 public:
  explicit Reader(Swarm& swarm) : swarm_(swarm), open_(swarm.size()) {}

  void open(std::size_t connection, bool from_earliest) {
    v1::Stanza stanza;
    stanza.set_id(1);
    v1::OpenInbox& inbox = *stanza.mutable_open_inbox();
    inbox.set_credit(kCredit);
    if (from_earliest) {
      inbox.set_earliest(true);
    } else {
      inbox.set_latest(true);
    }
    swarm_.send(connection, stanza);
  }
  void on_delivery(std::size_t connection, const v1::InboxDelivery& delivery) {
    open_[connection] += static_cast<std::size_t>(delivery.items_size());
    if (open_[connection] < kCredit / 4) return;
    open_[connection] = 0;
    v1::Stanza stanza;
    stanza.mutable_acknowledge_inbox()->set_inbox_id(delivery.inbox_id());
    stanza.mutable_acknowledge_inbox()->set_up_to(
        delivery.items(delivery.items_size() - 1).increment());
    swarm_.send(connection, stanza);
  }

 private:
  Swarm& swarm_;
  std::vector<std::size_t> open_;  // delivered and not acknowledged
};

// Each sender keeps so many messages to its recipient unanswered.
class Senders {
 public:
  Senders(Swarm& swarm, const Load& load) : swarm_(swarm), load_(load) {
    v1::Send& send = *stanza_.mutable_send();
    send.set_no_copy(true);
    send.set_body(stamped_value(load));
    run_ = std::to_string(std::random_device()()) + "-";
  }
  void begin() {
    for (std::size_t pair = 0; pair < load_.connections; ++pair) {
      for (std::size_t i = 0; i < load_.depth; ++i) send(pair);
    }
  }
  void send(std::size_t pair) {
    v1::Send& send = *stanza_.mutable_send();
    stanza_.set_id(++last_);
    send.set_to(recipient(pair));
    send.set_message_id(run_ + std::to_string(last_));
    stamp(*send.mutable_body(), Clock::now());
    swarm_.send(pair, stanza_);
  }

 private:
  Swarm& swarm_;
  const Load& load_;
  std::string run_;  // so that another run's messages are others
  std::uint64_t last_ = 0;
  v1::Stanza stanza_;
};

// A new device of the first recipient, from the oldest message to the newest there is.
Figures read_backlog(const Load& load) {
  const auto who = [&](std::size_t) {
    client::Endpoint server = load.server;
    server.eid = recipient(0);
    server.device = "new-" + std::to_string(std::random_device()());
    return server;
  };
  auto swarm = Swarm::open(who, 1);
  if (!swarm) return std::unexpected(std::move(swarm.error()));
  Reader reader(**swarm);
  std::uint64_t last = UINT64_MAX;
  std::uint64_t seen = 0;
  double messages = 0;
  Status trouble;
  const Clock::time_point began = Clock::now();
  reader.open(0, true);
  const Status went = (*swarm)->run(
      began + kSyncWithin,
      [&](std::size_t connection, const v1::Stanza& stanza) {
        if (stanza.has_error()) trouble = refusal(stanza.error().message());
        if (stanza.has_inbox_opened()) last = stanza.inbox_opened().state().last_increment();
        if (!stanza.has_inbox_delivery()) return;
        const v1::InboxDelivery& delivery = stanza.inbox_delivery();
        messages += delivery.items_size();
        if (delivery.items_size() == 0) return;
        seen = delivery.items(delivery.items_size() - 1).increment();
        reader.on_delivery(connection, delivery);
      },
      [&] { return !trouble || seen >= last; });
  if (!went) return std::unexpected(went.error());
  if (!trouble) return std::unexpected(trouble.error());
  if (seen < last)
    return engine::fail(engine::ErrorCode::kBusy, "the inbox was not read within two minutes");
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  return std::vector<Figure>{
      {.name = "direct_sync.messages", .value = messages, .unit = "messages"},
      {.name = "direct_sync.rate", .value = messages / seconds, .unit = "messages/s"}};
}

}  // namespace

Figures run_direct(const Load& load) {
  const auto who = [&](std::size_t connection) {
    client::Endpoint server = load.server;
    const bool sends = connection < load.connections;
    server.eid = sends ? sender(connection) : recipient(connection - load.connections);
    server.device = "bench";
    return server;
  };
  auto swarm = Swarm::open(who, 2 * load.connections);
  if (!swarm) return std::unexpected(std::move(swarm.error()));
  Senders senders(**swarm, load);
  Reader reader(**swarm);
  for (std::size_t pair = 0; pair < load.connections; ++pair)
    reader.open(load.connections + pair, false);
  Status trouble;
  bool is_measuring = false;
  std::size_t opened = 0;
  std::uint64_t delivered = 0;
  Histogram deliveries;
  const Swarm::Visit visit = [&](std::size_t connection, const v1::Stanza& stanza) {
    if (stanza.has_error()) trouble = refusal(stanza.error().message());
    if (stanza.has_inbox_opened() && ++opened == load.connections) senders.begin();
    if (stanza.has_sent()) senders.send(connection);
    if (!stanza.has_inbox_delivery()) return;
    const Clock::time_point now = Clock::now();
    for (const v1::InboxItem& item : stanza.inbox_delivery().items()) {
      if (!is_measuring) continue;
      ++delivered;
      deliveries.add(since_stamp(item.message().body(), now));
    }
    if (stanza.inbox_delivery().items_size() > 0)
      reader.on_delivery(connection, stanza.inbox_delivery());
  };
  const Result<double> seconds = Phases(load).run(**swarm, visit, is_measuring, trouble);
  if (!seconds) return std::unexpected(seconds.error());
  swarm->reset();
  const std::string name = "direct_" + shape_of(load);
  std::vector<Figure> figures{{.name = name + ".rate",
                               .value = static_cast<double>(delivered) / *seconds,
                               .unit = "messages/s"}};
  add_percentiles(figures, name, deliveries);
  Figures sync = read_backlog(load);
  if (!sync) return sync;
  figures.insert(figures.end(), sync->begin(), sync->end());
  return figures;
}

}  // namespace bimip::load
