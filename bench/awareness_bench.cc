// What awareness costs a node: everybody comes at once, loses the connection at once and is back,
// and changes all the time. The service and its log as in the server, without sockets; stanzas are
// made, and thrown away. Usage: awareness_bench --dir DIR [--entities N] [--contacts N] [--json]
#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/flags.h"
#include "bench/report.h"
#include "bimip/v1/stanza.pb.h"
#include "engine/store/store.h"
#include "frontend/services/awareness/awareness_service.h"
#include "frontend/services/awareness/records.h"
#include "frontend/services/own_append.h"
#include "frontend/session/awareness_stanzas.h"

namespace {

using namespace bimip;            // NOLINT: a program
using namespace bimip::frontend;  // NOLINT
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Shape {
  std::string folder;
  std::uint32_t entities = 10'000;
  std::uint32_t contacts = 100;
  bool json = false;
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "awareness_bench: %s\n", why.c_str());
  std::exit(2);
}

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double memory_bytes() { return static_cast<double>(mallinfo2().uordblks); }

std::string name_of(std::uint32_t number) { return "user" + std::to_string(number) + "@bench"; }

// What viewers were sent, over all of them.
struct Sent {
  std::atomic<std::uint64_t> stanzas{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::int64_t> last{0};
};

// A viewer that takes everything at once.
class Viewer final : public AwarenessListener, public std::enable_shared_from_this<Viewer> {
 public:
  Viewer(AwarenessService& service, Sent& sent) : service_(service), sent_(sent) {}
  void on_told(Told told) override {
    v1::Stanza stanza;
    for (const Seen& seen : told.seen)
      describe(seen, *stanza.mutable_awareness_changed()->add_views());
    stanza.mutable_awareness_changed()->set_complete(told.is_complete);
    sent_.stanzas += 1;
    sent_.bytes += stanza.SerializeAsString().size() + sizeof(std::uint32_t);
    sent_.last = Clock::now().time_since_epoch().count();
    service_.post([seat = told.seat](TapedAwareness& core, Moment now) { core.ready(seat, now); });
  }

 private:
  AwarenessService& service_;
  Sent& sent_;
};

class Bench {
 public:
  explicit Bench(const Shape& shape) : shape_(shape), report_(shape.json) {
    std::filesystem::create_directories(shape_.folder);
    auto store = engine::Store::open({.directory = shape_.folder});
    if (!store) give_up(store.error().message);
    store_ = std::move(*store);
  }
  ~Bench() {
    service_->settle();
    store_->close();
  }

  void run() {
    write_relations();
    open();
    everybody_comes();
    everybody_is_back();
    everybody_changes();
  }

 private:
  // Everybody's contacts are those next to him, both ways.
  void write_relations() {
    {
      auto made = service();
    }
    const auto topic = store_->find_topic(AwarenessService::kRulesTopic);
    InFlight in_flight;
    for (std::uint32_t i = 0; i < shape_.entities; ++i) {
      std::vector<KeyedRecord> records;
      for (std::uint32_t k = 1; k <= shape_.contacts; ++k) {
        const std::uint32_t step = k % 2 == 0 ? k / 2 : shape_.entities - (k + 1) / 2;
        const RuleRecord rule{.eid = name_of(i),
                              .other = name_of((i + step) % shape_.entities),
                              .relation = {.consent = Consent::kGranted}};
        records.push_back({.key = rule_key(rule), .value = encode(rule)});
      }
      OwnAppend::begin({*store_, topic->id, in_flight}, std::move(records),
                       [](const engine::Result<engine::Appended>& stored) {
                         if (!stored) give_up(stored.error().message);
                       });
      if (i % 100 == 0) in_flight.wait();
    }
    in_flight.wait();
  }

  std::unique_ptr<AwarenessService> service() {
    auto made = AwarenessService::open(*store_, engine::system_clock(),
                                       {.rules = {.lease = 60s,
                                                  .grace = 10s,
                                                  .recover_within = 60s,
                                                  .coalesce = 1s,
                                                  .counts_above = 1000,
                                                  .entities_max = 10'000'000,
                                                  .relations_max = 100'000'000},
                                        .history = 24h});
    if (!made) give_up(made.error().message);
    return std::move(*made);
  }

  void open() {
    const double before = memory_bytes();
    const auto began = Clock::now();
    service_ = service();
    const double took = std::chrono::duration<double>(Clock::now() - began).count();
    const double relations = double(shape_.entities) * shape_.contacts;
    report_.add({.name = "awareness_load.rate", .value = relations / took, .unit = "relations/s"});
    report_.add({.name = "awareness_memory_per_contact",
                 .value = (memory_bytes() - before) / relations,
                 .unit = "bytes"});
  }

  void come(std::uint32_t i, SeatOf* seat) {
    auto viewer = std::make_shared<Viewer>(*service_, sent_);
    viewer->heard(engine::system_clock().monotonic());
    *seat = {.eid = name_of(i), .device = "phone", .seat = service_->take_seat(viewer)};
    service_->post([of = *seat](TapedAwareness& core, Moment now) {
      (void)core.announce(of, {.state = UserState::kOnline}, now);
      (void)core.watch(of.seat, of.eid, true, {}, now);
    });
  }

  // Until nothing was sent for longer than anything is held back. From its begin to the last
  // stanza.
  void measure(const std::string& name, std::uint64_t each_to_each, const auto& act) {
    const std::uint64_t stanzas = sent_.stanzas;
    const std::uint64_t bytes = sent_.bytes;
    const double processor = processor_seconds();
    const auto began = Clock::now();
    act();
    for (std::uint64_t seen = 0;;) {
      std::this_thread::sleep_for(2500ms);
      if (sent_.stanzas == seen) break;
      seen = sent_.stanzas;
    }
    const Clock::time_point last{Clock::duration(sent_.last)};
    report_.add({.name = name + ".stanzas",
                 .value = double(sent_.stanzas - stanzas),
                 .unit = "stanzas",
                 .baseline = double(each_to_each)});
    report_.add({.name = name + ".bytes", .value = double(sent_.bytes - bytes), .unit = "bytes"});
    report_.add(
        {.name = name + ".processor", .value = processor_seconds() - processor, .unit = "seconds"});
    report_.add({.name = name + ".time",
                 .value = std::chrono::duration<double>(last - began).count(),
                 .unit = "seconds"});
  }

  void everybody_comes() {
    const double before = memory_bytes();
    const std::uint64_t pairs = std::uint64_t{shape_.entities} * shape_.contacts;
    seats_.resize(shape_.entities);
    // Each is told of each contact that is there, and each contact of each who comes.
    measure("awareness_all_come", 2 * pairs, [&] {
      for (std::uint32_t i = 0; i < shape_.entities; ++i) come(i, &seats_[i]);
    });
    report_.add({.name = "awareness_memory_per_entity_present",
                 .value = (memory_bytes() - before) / shape_.entities,
                 .unit = "bytes"});
  }

  void everybody_is_back() {
    const std::uint64_t pairs = std::uint64_t{shape_.entities} * shape_.contacts;
    const std::uint64_t before = service_->numbers().transitions;
    // And each contact of each who leaves.
    measure("awareness_all_reconnect", 3 * pairs, [&] {
      for (const SeatOf& seat : seats_) service_->leave_seat(seat, Leaving::kLost);
      for (std::uint32_t i = 0; i < shape_.entities; ++i) come(i, &seats_[i]);
    });
    report_.add({.name = "awareness_all_reconnect.transitions",
                 .value = double(service_->numbers().transitions - before),
                 .unit = "records"});
  }

  void everybody_changes() {
    constexpr int kRounds = 5;
    const std::uint64_t before = service_->numbers().transitions;
    const double processor = processor_seconds();
    const auto began = Clock::now();
    measure("awareness_all_change", std::uint64_t{shape_.entities} * shape_.contacts * kRounds,
            [&] {
              for (int round = 0; round < kRounds; ++round) {
                const auto state = round % 2 == 0 ? UserState::kBusy : UserState::kOnline;
                for (const SeatOf& seat : seats_) {
                  service_->post([seat, state](TapedAwareness& core, Moment now) {
                    (void)core.announce(seat, {.state = state}, now);
                  });
                }
                std::promise<void> done;
                service_->post([&done](TapedAwareness&, Moment) { done.set_value(); });
                done.get_future().wait();
                std::this_thread::sleep_until(began + (round + 1) * 1100ms);
              }
            });
    const auto transitions = double(service_->numbers().transitions - before);
    report_.add({.name = "awareness_transitions_per_processor_second",
                 .value = transitions / (processor_seconds() - processor),
                 .unit = "1/s"});
  }

  const Shape shape_;
  const bench::Report report_;
  std::unique_ptr<engine::Store> store_;
  std::unique_ptr<AwarenessService> service_;
  std::vector<SeatOf> seats_;
  Sent sent_;
};

}  // namespace

int main(int argc, char** argv) {
  Shape shape;
  CLI::App flags("Awareness of many entities that watch each other, without sockets",
                 "awareness_bench");
  flags.add_option("--dir", shape.folder, "A folder on the disk in question")->required();
  flags.add_option("--entities", shape.entities, "How many");
  flags.add_option("--contacts", shape.contacts, "How many others each watches");
  flags.add_flag("--json", shape.json, "A JSON object a figure");
  if (const auto ended = bench::parse(flags, argc, argv)) return *ended;
  if (shape.contacts + 1 >= shape.entities) give_up("more contacts than entities");
  Bench(shape).run();
  return 0;
}
