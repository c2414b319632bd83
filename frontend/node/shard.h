// One thread and the sessions on it.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "engine/base/clock.h"
#include "engine/store/log.h"
#include "frontend/node/mailbox.h"
#include "frontend/replay/recording_folder.h"
#include "frontend/session/session.h"
#include "frontend/session/taped_log.h"
#include "frontend/transport/connection.h"
#include "frontend/transport/tls/tls_context.h"

namespace bimip::frontend {

// Peers stay on their shard for life. Everything of them runs on its thread; came_back(),
// connect(), post(), drain() and stop() are thread-safe. A panic of one session is a bug and ends
// the process; trouble of one socket ends that socket.
class Shard final : public SessionHost, public PeerOwner, private engine::Wakeup {
 public:
  struct Parts {
    engine::Log& log;
    const engine::Clock& clock;
    const SessionLimits& limits;
    Broker& broker;
    EntityCount& entities;
    InboxService& inboxes;
    SessionRegistry& registry;
    ReplyHub& replies;
    AwarenessService& awareness;
    OfferService& offers;
    ClosedSessions& closed;
    std::function<void(std::unique_ptr<SessionSurvey>)> survey;
    std::function<void(std::move_only_function<void()>)> run_blocking;
    std::function<void(std::move_only_function<void()>)> run_check;
    const TlsContext* tls = nullptr;              // null: connections are plain
    TokenService* tokens = nullptr;               // null: none are checked
    std::unique_ptr<ShardRecording> recording{};  // null: nothing is recorded
    std::function<void()> on_connection_closed;   // thread-safe
    // At each tick, on this shard's thread.
    std::function<void(Moment)> on_tick = [](Moment) {};
  };
  // What is spoken on a new connection.
  using CarrierMaker = std::function<std::unique_ptr<Carrier>(Shard& shard, Moment now)>;
  explicit Shard(Parts parts);
  ~Shard() override;

  void start();
  [[nodiscard]] boost::asio::io_context& context() { return context_; }
  // A socket of this shard's context(). `maker` outlives the shard.
  void connect(Connection::Socket socket, AddressLimits::Ticket ticket, const CarrierMaker& maker);
  struct DrainPlan {
    double peers_per_second;
    std::chrono::nanoseconds within;  // faster, if it would take longer than this
  };
  // Tells all peers that the server is going to stop and lets them go one by one, in an order of
  // chance; done when none is left.
  [[nodiscard]] std::future<void> drain(const DrainPlan& plan);
  // Closes the peers that are left; done when none is.
  [[nodiscard]] std::future<void> close_all();
  // On this shard's thread.
  void show_sessions(SessionSurvey& survey);
  // Ticks now: something changed that sessions look at then. Thread-safe.
  void tick_soon();
  // Takes the last answers and joins. The log gives none after that.
  void stop();

  // SessionHost
  [[nodiscard]] engine::Log& log() override { return taped_ ? *taped_ : parts_.log; }
  [[nodiscard]] engine::Log& log_elsewhere() override { return parts_.log; }
  [[nodiscard]] Tape* tape() override { return tape_; }
  [[nodiscard]] const SessionLimits& limits() const override { return parts_.limits; }
  [[nodiscard]] TokenService* tokens() override { return parts_.tokens; }
  [[nodiscard]] SessionMetrics& metrics() override { return metrics_; }  // PeerOwner's too
  [[nodiscard]] Broker& broker() override { return parts_.broker; }
  [[nodiscard]] EntityCount& entities() override { return parts_.entities; }
  [[nodiscard]] InboxService& inboxes() override { return parts_.inboxes; }
  [[nodiscard]] ReplyHub& replies() override { return parts_.replies; }
  [[nodiscard]] SessionRegistry* registry() override { return &parts_.registry; }
  [[nodiscard]] AwarenessService& awareness() override { return parts_.awareness; }
  [[nodiscard]] OfferService& offers() override { return parts_.offers; }
  [[nodiscard]] ClosedSessions& closed_sessions() override { return parts_.closed; }
  void survey(std::unique_ptr<SessionSurvey> survey) override { parts_.survey(std::move(survey)); }
  [[nodiscard]] DeliveryWriter& delivery_writer() override { return delivery_writer_; }
  void came_back(SessionRequest& request) override;
  void run_blocking(std::move_only_function<void()> work) override;
  void run_check(std::move_only_function<void()> work) override;
  [[nodiscard]] engine::Status watch(Session& session, engine::TopicId topic,
                                     engine::PartitionId partition) override;
  void unwatch(Session& session, engine::TopicId topic, engine::PartitionId partition) override;

  // PeerOwner
  [[nodiscard]] Moment now() const override;
  [[nodiscard]] std::chrono::nanoseconds write_stall() const override {
    return parts_.limits.write_stall;
  }
  [[nodiscard]] std::span<char> read_buffer() override { return read_buffer_; }
  void adopt(std::shared_ptr<Peer> peer) override;
  void on_closed(Peer& peer, Session* session) override;
  void post(std::move_only_function<void()> work) override;

 private:
  // Hashes and compares peers by where they are, whoever points to them.
  struct ByAddress {
    using is_transparent = void;
    static const Peer* at(const Peer* peer) { return peer; }
    static const Peer* at(const std::shared_ptr<Peer>& peer) { return peer.get(); }
    std::size_t operator()(const auto& peer) const noexcept {
      return std::hash<const Peer*>()(at(peer));
    }
    bool operator()(const auto& one, const auto& other) const { return at(one) == at(other); }
  };
  class PartitionWatch;
  using WatchKey = std::pair<engine::TopicId, engine::PartitionId>;

  void wake() override;
  void take_mail();
  void mark(Session& session);
  void pump_marked();
  void await_tick();
  void tick();
  [[nodiscard]] std::vector<std::shared_ptr<Peer>> all_peers() const;
  void say_farewell(const DrainPlan& plan);
  void let_go_due();
  void check_drained();

  void keep_recording();

  const Parts parts_;
  Recorder* const tape_;  // null: nothing is recorded
  std::optional<TapedLog> taped_{};
  bool told_recording_ends_ = false;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  Mailbox<SessionRequest> answers_;
  Mailbox<PartitionWatch> advances_;
  SessionMetrics metrics_;
  DeliveryWriter delivery_writer_;
  std::vector<char> read_buffer_;
  std::unordered_set<std::shared_ptr<Peer>, ByAddress, ByAddress> peers_;
  std::size_t outlasting_ = 0;    // of them, those that a drain does not wait for
  std::vector<Session*> marked_;  // something happened to them since they were last pumped
  std::map<WatchKey, PartitionWatch*> watches_;
  struct Leaving {
    std::chrono::nanoseconds at;
    std::shared_ptr<Peer> peer;
  };
  std::deque<Leaving> leaving_;  // in order of time
  boost::asio::steady_timer leaving_timer_;
  std::optional<std::promise<void>> drained_;  // set from drain() on
  bool drained_told_ = false;
  std::atomic<bool> ticks_soon_{false};
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace bimip::frontend
