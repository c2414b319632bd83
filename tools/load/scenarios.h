// Loads that a server is measured under.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/report.h"
#include "tools/client/endpoint.h"

namespace bimip::load {

struct Load {
  client::Endpoint server;
  std::string topic = "bench";
  std::uint32_t partitions = 1;
  std::size_t connections = 50;  // that publish, or that are idle
  std::size_t depth = 16;        // publishes unanswered, each
  std::size_t value_bytes = 128;
  std::size_t subscribers = 1;
  std::size_t contacts = 100;  // that each watches
  std::chrono::milliseconds warm_up{500};
  std::chrono::milliseconds time{5000};
  std::optional<int>
      server_process{};  // on this machine: its memory and processor time are told too
};

using Figures = engine::Result<std::vector<bench::Figure>>;

// Publishes as fast as answers come: messages answered in a second, time from publish to answer.
[[nodiscard]] Figures run_publish(const Load& load);
// Publishers and subscribers of one topic, the next message published when the last subscriber has
// an earlier one: deliveries in a second, time from publish to delivery.
[[nodiscard]] Figures run_fanout(const Load& load);
// Reads what is in the topic from its beginning to its end: messages and bytes in a second.
[[nodiscard]] Figures run_subscribe(const Load& load);
// One message at a time: the times of a ping, a publish, a delivery.
[[nodiscard]] Figures run_latency(const Load& load);
// Entities that send to others, each its recipient's inbox: messages delivered in a second, time
// from sending to delivery. Then a new device of the first reads its inbox from the beginning.
[[nodiscard]] Figures run_direct(const Load& load);
// Sessions that do nothing: what each takes of the server's memory, and all of its time.
[[nodiscard]] Figures run_idle(const Load& load);

// Entities that watch each other: all lose their connections and are back, all change at once. What
// they are told, and until when.
[[nodiscard]] Figures run_awareness(const Load& load);

}  // namespace bimip::load
