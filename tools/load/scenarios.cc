#include "tools/load/scenarios.h"

#include "bimip/v1/stanza.pb.h"
#include "tools/load/measuring.h"
#include "tools/load/process_usage.h"

namespace bimip::load {
namespace {

using bench::Figure;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kAnswerWithin{30'000};
constexpr std::uint32_t kCredit = 100'000;

// A topic with another configuration serves as well.
Status make_topic(const Load& load) {
  auto connection = Connection::open(load.server, {}, kAnswerWithin);
  if (!connection) return std::unexpected(std::move(connection.error()));
  v1::Stanza request;
  request.mutable_create_topic()->set_topic(load.topic);
  request.mutable_create_topic()->mutable_config()->set_partitions(load.partitions);
  const Result<v1::Stanza> made = (*connection)->ask(std::move(request), kAnswerWithin);
  if (!made && made.error().code != engine::ErrorCode::kAlreadyExists)
    return std::unexpected(made.error());
  return {};
}

// Keeps `depth` publishes of each of the first `connections` of a swarm unanswered.
class Publishers {
 public:
  Publishers(Swarm& swarm, const Load& load)
      : swarm_(swarm), load_(load), sent_at_(load.connections * load.depth) {
    v1::Publish& publish = *stanza_.mutable_publish();
    publish.set_topic(load.topic);
    publish.set_value(stamped_value(load));
  }

  void begin() {
    for (std::size_t connection = 0; connection < load_.connections; ++connection) {
      for (std::size_t slot = 0; slot < load_.depth; ++slot) send(connection, slot + load_.depth);
    }
  }
  // True when it was an answer to one of them.
  bool on(std::size_t connection, const v1::Stanza& stanza) {
    if (!stanza.has_published()) return false;
    if (is_measuring) {
      ++answered;
      times.add(Clock::now() - sent_at_[slot_of(connection, stanza.id())]);
    }
    if (paced_by == Pace::kAnswers) send(connection, stanza.id() + load_.depth);
    return true;
  }
  // When something else paces them: one more, of each in turn.
  void one_more() {
    ++more_;
    send(more_ % load_.connections, load_.depth * (more_ / load_.connections + 2));
  }

  enum class Pace : std::uint8_t { kAnswers, kDeliveries };
  Pace paced_by = Pace::kAnswers;
  bool is_measuring = false;
  std::uint64_t answered = 0;
  Histogram times;

 private:
  // A slot's next publish has the id of its last one plus the depth.
  [[nodiscard]] std::size_t slot_of(std::size_t connection, std::uint64_t id) const {
    return connection * load_.depth + id % load_.depth;
  }
  void send(std::size_t connection, std::uint64_t id) {
    const Clock::time_point now = Clock::now();
    sent_at_[slot_of(connection, id)] = now;
    stanza_.set_id(id);
    stamp(*stanza_.mutable_publish()->mutable_value(), now);
    swarm_.send(connection, stanza_);
  }

  Swarm& swarm_;
  const Load& load_;
  std::vector<Clock::time_point> sent_at_;
  v1::Stanza stanza_;
  std::uint64_t more_ = 0;
};

// Reads a topic and gives credit back.
class Subscribers {
 public:
  explicit Subscribers(Swarm& swarm) : swarm_(swarm), unacknowledged_(swarm.size()) {}

  void subscribe(std::size_t connection, const Load& load, bool from_earliest) {
    v1::Stanza stanza;
    stanza.set_id(1);
    v1::Subscribe& subscribe = *stanza.mutable_subscribe();
    subscribe.set_topic(load.topic);
    subscribe.set_credit(kCredit);
    if (from_earliest) {
      subscribe.set_earliest(true);
    } else {
      subscribe.set_latest(true);
    }
    swarm_.send(connection, stanza);
  }

  void on_delivery(std::size_t connection, const v1::Delivery& delivery) {
    std::uint64_t& open = unacknowledged_[connection];
    open += static_cast<std::uint64_t>(delivery.records_size());
    if (open < kCredit / 4) return;
    open = 0;
    v1::Stanza stanza;
    v1::Acknowledge& acknowledge = *stanza.mutable_acknowledge();
    acknowledge.set_subscription_id(delivery.subscription_id());
    acknowledge.set_partition(delivery.partition());
    acknowledge.set_end_offset(delivery.records(delivery.records_size() - 1).offset() + 1);
    swarm_.send(connection, stanza);
  }

 private:
  Swarm& swarm_;
  std::vector<std::uint64_t> unacknowledged_;
};

}  // namespace

Figures run_publish(const Load& load) {
  if (Status made = make_topic(load); !made) return std::unexpected(std::move(made.error()));
  auto swarm = Swarm::open(load.server, load.connections);
  if (!swarm) return std::unexpected(std::move(swarm.error()));
  Publishers publishers(**swarm, load);
  Status trouble;
  publishers.begin();
  const Result<double> seconds = Phases(load).run(
      **swarm,
      [&](std::size_t connection, const v1::Stanza& stanza) {
        if (!publishers.on(connection, stanza) && stanza.has_error())
          trouble = refusal(stanza.error().message());
      },
      publishers.is_measuring, trouble);
  if (!seconds) return std::unexpected(seconds.error());
  const std::string name = "publish_" + shape_of(load);
  std::vector<Figure> figures{{.name = name + ".rate",
                               .value = static_cast<double>(publishers.answered) / *seconds,
                               .unit = "messages/s"}};
  add_percentiles(figures, name, publishers.times);
  return figures;
}

Figures run_fanout(const Load& load) {
  if (Status made = make_topic(load); !made) return std::unexpected(std::move(made.error()));
  auto swarm = Swarm::open(load.server, load.connections + load.subscribers);
  if (!swarm) return std::unexpected(std::move(swarm.error()));
  Publishers publishers(**swarm, load);
  publishers.paced_by = Publishers::Pace::kDeliveries;
  Subscribers subscribers(**swarm);
  Status trouble;
  std::size_t begun = 0;
  std::uint64_t delivered = 0;
  Histogram times;
  const Swarm::Visit visit = [&](std::size_t connection, const v1::Stanza& stanza) {
    if (stanza.has_delivery()) {
      const Clock::time_point now = Clock::now();
      const bool is_last = connection + 1 == load.connections + load.subscribers;
      for (int i = 0; is_last && i < stanza.delivery().records_size(); ++i) publishers.one_more();
      if (publishers.is_measuring) {
        delivered += static_cast<std::uint64_t>(stanza.delivery().records_size());
        for (const v1::DeliveredRecord& record : stanza.delivery().records())
          times.add(since_stamp(record.value(), now));
      }
      subscribers.on_delivery(connection, stanza.delivery());
    } else if (stanza.has_subscribed()) {
      ++begun;
    } else if (!publishers.on(connection, stanza) && stanza.has_error()) {
      trouble = refusal(stanza.error().message());
    }
  };
  for (std::size_t i = 0; i < load.subscribers; ++i)
    subscribers.subscribe(load.connections + i, load, false);
  Status ready = (*swarm)->run(Clock::now() + kAnswerWithin, visit,
                               [&] { return begun == load.subscribers || !trouble; });
  if (!ready) return std::unexpected(std::move(ready.error()));
  publishers.begin();
  const Result<double> seconds = Phases(load).run(**swarm, visit, publishers.is_measuring, trouble);
  if (!seconds) return std::unexpected(seconds.error());
  const std::string name = "fanout_" + shape_of(load) + "_to_" + std::to_string(load.subscribers);
  std::vector<Figure> figures{{.name = name + ".deliveries",
                               .value = static_cast<double>(delivered) / *seconds,
                               .unit = "messages/s"},
                              {.name = name + ".publishes",
                               .value = static_cast<double>(publishers.answered) / *seconds,
                               .unit = "messages/s"}};
  add_percentiles(figures, name, times);
  return figures;
}

Figures run_subscribe(const Load& load) {
  auto swarm = Swarm::open(load.server, load.subscribers);
  if (!swarm) return std::unexpected(std::move(swarm.error()));
  Subscribers subscribers(**swarm);
  Status trouble;
  std::uint64_t wanted = 0;
  std::uint64_t delivered = 0;
  std::uint64_t bytes = 0;
  std::size_t begun = 0;
  const Clock::time_point began = Clock::now();
  for (std::size_t i = 0; i < load.subscribers; ++i) subscribers.subscribe(i, load, true);
  Status went = (*swarm)->run(
      began + 10min,
      [&](std::size_t connection, const v1::Stanza& stanza) {
        if (stanza.has_subscribed()) {
          ++begun;
          for (const v1::PartitionStart& start : stanza.subscribed().partitions())
            wanted += start.end_offset() - start.start_offset();
        } else if (stanza.has_delivery()) {
          delivered += static_cast<std::uint64_t>(stanza.delivery().records_size());
          for (const v1::DeliveredRecord& record : stanza.delivery().records())
            bytes += record.value().size();
          subscribers.on_delivery(connection, stanza.delivery());
        } else if (stanza.has_error()) {
          trouble = refusal(stanza.error().message());
        }
      },
      [&] { return !trouble || (begun == load.subscribers && delivered >= wanted); });
  if (!trouble) return std::unexpected(trouble.error());
  if (!went) return std::unexpected(std::move(went.error()));
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const std::string name = "subscribe_x" + std::to_string(load.subscribers);
  return std::vector<Figure>{{.name = name + ".rate",
                              .value = static_cast<double>(delivered) / seconds,
                              .unit = "messages/s"},
                             {.name = name + ".throughput",
                              .value = static_cast<double>(bytes) / seconds / 1e6,
                              .unit = "MB/s"}};
}

Figures run_latency(const Load& load) {
  if (Status made = make_topic(load); !made) return std::unexpected(std::move(made.error()));
  auto swarm = Swarm::open(load.server, 2);
  if (!swarm) return std::unexpected(std::move(swarm.error()));
  Subscribers subscribers(**swarm);
  enum class Step : std::uint8_t { kPing, kPublish };
  Histogram pings;
  Histogram publishes;
  Histogram deliveries;
  Status trouble;
  Clock::time_point sent;
  v1::Stanza publish;
  publish.mutable_publish()->set_topic(load.topic);
  publish.mutable_publish()->set_value(stamped_value(load));
  bool is_measuring = false;
  int open = 0;  // of a publish: its answer and its delivery
  const auto next = [&](Step step) {
    sent = Clock::now();
    if (step == Step::kPing) {
      v1::Stanza ping;
      ping.set_id(2);
      ping.mutable_ping()->set_sent_at_us(0);
      return (*swarm)->send(0, ping);
    }
    open = 2;
    publish.set_id(3);
    stamp(*publish.mutable_publish()->mutable_value(), sent);
    (*swarm)->send(0, publish);
  };
  const Swarm::Visit visit = [&](std::size_t connection, const v1::Stanza& stanza) {
    const auto took = Clock::now() - sent;
    if (stanza.has_error()) trouble = refusal(stanza.error().message());
    if (stanza.has_delivery()) subscribers.on_delivery(connection, stanza.delivery());
    if (stanza.has_subscribed()) return next(Step::kPing);
    if (stanza.has_pong()) {
      if (is_measuring) pings.add(took);
      return next(Step::kPublish);
    }
    if (!stanza.has_published() && !stanza.has_delivery()) return;
    if (is_measuring) (stanza.has_delivery() ? deliveries : publishes).add(took);
    if (--open == 0) next(Step::kPing);
  };
  subscribers.subscribe(1, load, false);
  const Result<double> seconds = Phases(load).run(**swarm, visit, is_measuring, trouble);
  if (!seconds) return std::unexpected(seconds.error());
  std::vector<Figure> figures;
  add_percentiles(figures, "latency_ping", pings);
  add_percentiles(figures, "latency_publish_" + std::to_string(load.value_bytes) + "B", publishes);
  add_percentiles(figures, "latency_delivery_" + std::to_string(load.value_bytes) + "B",
                  deliveries);
  return figures;
}

Figures run_idle(const Load& load) {
  if (!load.server_process)
    return engine::fail(engine::ErrorCode::kInvalidArgument,
                        "idle sessions are seen in the server's process: --server-process PID");
  const Result<ProcessUsage> before = usage_of(*load.server_process);
  if (!before) return std::unexpected(before.error());
  auto swarm = Swarm::open(load.server, load.connections);
  if (!swarm) return std::unexpected(std::move(swarm.error()));
  const Swarm::Visit nothing = [](std::size_t, const v1::Stanza&) {};
  if (Status settled = (*swarm)->run(Clock::now() + load.warm_up, nothing); !settled)
    return std::unexpected(std::move(settled.error()));
  const Result<ProcessUsage> opened = usage_of(*load.server_process);
  const Clock::time_point began = Clock::now();
  if (Status went = (*swarm)->run(began + load.time, nothing); !went)
    return std::unexpected(std::move(went.error()));
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const Result<ProcessUsage> after = usage_of(*load.server_process);
  if (!opened || !after) return std::unexpected((!opened ? opened : after).error());
  const auto sessions = static_cast<double>(load.connections);
  const auto memory =
      static_cast<double>(after->memory_bytes) - static_cast<double>(before->memory_bytes);
  return std::vector<Figure>{
      {.name = "idle.memory", .value = memory / sessions, .unit = "bytes/session"},
      {.name = "idle.processor",
       .value = (after->processor - opened->processor).count() / seconds / sessions * 10'000,
       .unit = "cores/10000"}};
}

}  // namespace bimip::load
