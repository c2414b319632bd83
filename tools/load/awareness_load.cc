#include "bimip/v1/stanza.pb.h"
#include "tools/load/process_usage.h"
#include "tools/load/scenarios.h"
#include "tools/load/swarm.h"

namespace bimip::load {
namespace {

using bench::Figure;
using namespace std::chrono_literals;

// Nothing was pushed for this long: longer than a server holds anything back.
constexpr auto kQuiet = 3s;
constexpr auto kWithin = 120s;

std::string eid_of(std::size_t number) { return "bench-" + std::to_string(number); }

// Everybody watches those next to him, over one connection each.
class Crowd {
 public:
  explicit Crowd(const Load& load) : load_(load) {}

  Status come() {
    swarm_.reset();
    auto swarm = Swarm::open(
        [this](std::size_t number) {
          client::Endpoint server = load_.server;
          server.eid = eid_of(number);
          server.device = "phone";
          return server;
        },
        load_.connections);
    if (!swarm) return std::unexpected(std::move(swarm.error()));
    swarm_ = std::move(*swarm);
    for (std::size_t i = 0; i < load_.connections; ++i) {
      set(i, v1::USER_STATE_ONLINE);
      v1::Stanza watch;
      for (std::size_t k = 1; k <= load_.contacts; ++k)
        watch.mutable_watch_awareness()->add_eids(eid_of((i + k) % load_.connections));
      swarm_->send(i, watch);
    }
    return {};
  }
  void show_all() {
    for (std::size_t i = 0; i < load_.connections; ++i) {
      v1::Stanza stanza;
      stanza.mutable_set_awareness_privacy()->set_presence(v1::AUDIENCE_EVERYONE);
      swarm_->send(i, stanza);
    }
  }
  void change() {
    for (std::size_t i = 0; i < load_.connections; ++i) set(i, v1::USER_STATE_BUSY);
  }

  // Until all is quiet. `each_to_each`: stanzas, if each change were one for each who sees it.
  Figures measure(const std::string& name, double each_to_each,
                  const std::function<Status()>& act) {
    const auto usage = [this] {
      return load_.server_process ? usage_of(*load_.server_process) : ProcessUsage{};
    };
    const Result<ProcessUsage> before = usage();
    if (!before) return std::unexpected(before.error());
    const Clock::time_point began = Clock::now();
    if (Status done = act(); !done) return std::unexpected(std::move(done.error()));
    double stanzas = 0;
    double views = 0;
    Clock::time_point last = Clock::now();
    std::optional<engine::Error> refused;
    const Status went = swarm_->run(
        began + kWithin,
        [&](std::size_t, const v1::Stanza& stanza) {
          if (stanza.has_error())
            refused = engine::Error{engine::ErrorCode::kBusy, stanza.error().message()};
          if (!stanza.has_awareness_changed()) return;
          ++stanzas;
          views += stanza.awareness_changed().views_size();
          last = Clock::now();
        },
        [&] { return refused || Clock::now() - last > kQuiet; });
    if (!went) return std::unexpected(went.error());
    if (refused) return std::unexpected(*refused);
    const Result<ProcessUsage> after = usage();
    if (!after) return std::unexpected(after.error());
    std::vector<Figure> figures{
        {.name = name + ".stanzas", .value = stanzas, .unit = "stanzas", .baseline = each_to_each},
        {.name = name + ".entities", .value = views, .unit = "told"},
        {.name = name + ".time",
         .value = std::chrono::duration<double>(last - began).count(),
         .unit = "seconds"}};
    if (load_.server_process)
      figures.push_back({.name = name + ".processor",
                         .value = (after->processor - before->processor).count(),
                         .unit = "seconds"});
    return figures;
  }

 private:
  void set(std::size_t who, v1::UserState state) {
    v1::Stanza stanza;
    stanza.mutable_set_awareness()->set_state(state);
    swarm_->send(who, stanza);
  }

  const Load& load_;
  std::unique_ptr<Swarm> swarm_;
};

}  // namespace

Figures run_awareness(const Load& load) {
  if (load.contacts >= load.connections)
    return engine::fail(engine::ErrorCode::kInvalidArgument,
                        "--contacts: fewer than there are connections");
  Crowd crowd(load);
  const double pairs = static_cast<double>(load.connections) * static_cast<double>(load.contacts);
  const auto come = [&] { return crowd.come(); };
  const auto show_all = [&] {
    crowd.show_all();
    return Status{};
  };
  const auto change = [&] {
    crowd.change();
    return Status{};
  };
  if (const Figures came = crowd.measure({}, 0, come); !came) return came;
  if (const Figures shown = crowd.measure({}, 0, show_all); !shown) return shown;
  // Each who leaves, each who comes, and what each is told first.
  Figures figures = crowd.measure("awareness.reconnect", 3 * pairs, come);
  if (!figures) return figures;
  Figures changes = crowd.measure("awareness.change", pairs, change);
  if (!changes) return changes;
  figures->insert(figures->end(), changes->begin(), changes->end());
  return figures;
}

}  // namespace bimip::load
