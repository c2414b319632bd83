#include "frontend/services/inbox/devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontend/services/inbox/marks.h"
#include "frontend/stanza/limits.h"
#include "tests/support/simulated_store.h"

namespace bimip::frontend {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAreArray;

class DevicesTest : public ::testing::Test {
 protected:
  DevicesTest() { open(); }
  ~DevicesTest() override { drive(); }

  void open() {
    marks_ = std::move(*Marks::open(sim_.store()));
    devices_.emplace(sim_.store(), marks_->topic());
  }
  void restart() {
    drive();
    devices_.reset();
    marks_.reset();
    sim_.close();
    sim_.open();
    open();
  }
  void drive() {
    for (int i = 0; i < 50; ++i) sim_.step();
  }
  void note(const std::string& device, const std::string& eid = "bob") {
    devices_->note(eid, device);
    drive();
  }
  std::vector<std::string> of(const std::string& eid = "bob") {
    std::optional<std::vector<std::string>> known;
    devices_->of(eid, [&](engine::Result<std::vector<std::string>> names) {
      EXPECT_TRUE(names);
      if (names) known = std::move(*names);
    });
    drive();
    EXPECT_TRUE(known);
    return known.value_or(std::vector<std::string>{});
  }

  testing::SimulatedStore sim_;
  std::unique_ptr<Marks> marks_;
  std::optional<Devices> devices_;
};

TEST_F(DevicesTest, AreRememberedTheLatestFirst) {
  EXPECT_THAT(of(), IsEmpty());
  note("phone");
  note("");
  note("phone");
  note("tablet", "alice");
  EXPECT_THAT(of(), ElementsAre("", "phone"));
  restart();
  EXPECT_THAT(of(), ElementsAre("", "phone"));
  EXPECT_THAT(of("alice"), ElementsAre("tablet"));
}

TEST_F(DevicesTest, OneThatIsKnownCostsNoRecord) {
  note("phone");
  for (int i = 0; i < 5; ++i) note("phone");
  EXPECT_EQ(sim_.log().read_all(marks_->topic().id)->records.size(), 1U);
}

TEST_F(DevicesTest, ThoseThatComeAtTheSameTimeAreAllRemembered) {
  std::vector<std::string> names;
  for (int i = 0; i < 20; ++i) {
    names.push_back("device " + std::to_string(i));
    devices_->note("bob", names.back());
    devices_->note("alice", names.back());
    if (i % 7 == 6) sim_.step();
  }
  drive();
  EXPECT_THAT(of(), UnorderedElementsAreArray(names));
  EXPECT_THAT(of("alice"), UnorderedElementsAreArray(names));
  EXPECT_LE(sim_.log().read_all(marks_->topic().id)->records.size(), 16U) << "together";
}

TEST_F(DevicesTest, AreSoManyAndNoMore) {
  for (std::size_t i = 0; i <= limits::kDevicesRememberedMax; ++i)
    note(std::string(limits::kDeviceBytesMax - 3, 'd') + std::to_string(100 + i));
  const std::vector<std::string> names = of();
  ASSERT_EQ(names.size(), limits::kDevicesRememberedMax);
  EXPECT_TRUE(names.front().ends_with(std::to_string(100 + limits::kDevicesRememberedMax)));
  EXPECT_TRUE(names.back().ends_with("101")) << "the oldest has made room";
}

}  // namespace
}  // namespace bimip::frontend
