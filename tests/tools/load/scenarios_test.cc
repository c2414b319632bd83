#include "tools/load/scenarios.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "frontend/node/node.h"
#include "tests/support/temp_directory.h"

namespace bimip::load {
namespace {

using namespace std::chrono_literals;

// A server with a load on it for a moment: that what is told was done, not how fast.
class Scenarios : public ::testing::Test {
 protected:
  void SetUp() override {
    frontend::Settings settings;
    settings.data_dir = (directory_.path() / "data").string();
    settings.tcp = "127.0.0.1:0";
    settings.dev = true;
    settings.free_space_floor = 0;
    auto opened = frontend::Node::open(settings);
    ASSERT_TRUE(opened) << opened.error().message;
    node_ = std::move(*opened);
    const auto listening = node_->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    load_.server = {.host = "127.0.0.1", .port = listening->tcp.port};
    load_.connections = 3;
    load_.depth = 4;
    load_.warm_up = 1ms;
    load_.time = 200ms;
  }

  static double value_of(const Figures& figures, const std::string& name) {
    const auto found = std::ranges::find(*figures, name, &bench::Figure::name);
    if (found == figures->end()) {
      ADD_FAILURE() << "no figure " << name;
      return 0;
    }
    return found->value;
  }

  const testing::TempDirectory directory_;
  std::unique_ptr<frontend::Node> node_;
  Load load_;
};

TEST_F(Scenarios, ReadAsManyMessagesAsWerePublished) {
  const Figures published = run_publish(load_);
  ASSERT_TRUE(published) << published.error().message;
  EXPECT_GT(value_of(published, "publish_128B_3x4.rate"), 0);
  EXPECT_LE(value_of(published, "publish_128B_3x4.p50"),
            value_of(published, "publish_128B_3x4.max"));
  load_.subscribers = 2;
  const Figures read = run_subscribe(load_);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_NEAR(value_of(read, "subscribe_x2.throughput"),
              value_of(read, "subscribe_x2.rate") * 128 / 1e6, 0.01);
}

TEST_F(Scenarios, DeliverEachPublishToEverySubscriber) {
  load_.subscribers = 5;
  const Figures figures = run_fanout(load_);
  ASSERT_TRUE(figures) << figures.error().message;
  const double published = value_of(figures, "fanout_128B_3x4_to_5.publishes");
  EXPECT_GT(published, 0);
  EXPECT_GT(value_of(figures, "fanout_128B_3x4_to_5.deliveries"), published);
  EXPECT_GT(value_of(figures, "fanout_128B_3x4_to_5.p50"), 0);
}

TEST_F(Scenarios, DeliverMessagesToInboxesAndReadOneFromItsBeginning) {
  const Figures figures = run_direct(load_);
  ASSERT_TRUE(figures) << figures.error().message;
  EXPECT_GT(value_of(figures, "direct_128B_3x4.rate"), 0);
  EXPECT_GT(value_of(figures, "direct_128B_3x4.p50"), 0);
  EXPECT_GT(value_of(figures, "direct_sync.messages"), 0);
}

TEST_F(Scenarios, TimeAPingAPublishAndItsDelivery) {
  const Figures figures = run_latency(load_);
  ASSERT_TRUE(figures) << figures.error().message;
  EXPECT_GT(value_of(figures, "latency_ping.p50"), 0);
  EXPECT_GT(value_of(figures, "latency_publish_128B.p50"), 0);
  EXPECT_GT(value_of(figures, "latency_delivery_128B.p50"), 0);
}

TEST_F(Scenarios, TellWhatIdleSessionsCostTheProcess) {
  load_.server_process = static_cast<int>(::getpid());
  const Figures figures = run_idle(load_);
  ASSERT_TRUE(figures) << figures.error().message;
  EXPECT_GE(value_of(figures, "idle.processor"), 0);
}

TEST_F(Scenarios, RefuseAProcessThatIsNotThere) {
  load_.server_process = 1 << 30;
  const Figures figures = run_idle(load_);
  ASSERT_FALSE(figures);
  EXPECT_EQ(figures.error().code, engine::ErrorCode::kNotFound);
}

TEST_F(Scenarios, SayWhyTheyEndedWhenNobodyListens) {
  node_.reset();
  const Figures figures = run_publish(load_);
  ASSERT_FALSE(figures);
  EXPECT_EQ(figures.error().code, engine::ErrorCode::kIo);
}

}  // namespace
}  // namespace bimip::load
