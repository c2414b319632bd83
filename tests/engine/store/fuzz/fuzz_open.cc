// Whatever is done to the bytes and files of a store: it opens or says why not, what it reads is
// what was stored at that offset, it takes new records wherever it opened a partition, and opening
// it again changes nothing.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/device/sim_device.h"
#include "engine/store/store.h"
#include "tests/engine/format/fuzz/fuzz_input.h"
#include "tests/support/log_client.h"

namespace bimip::testing {
namespace {

const Path kFolder = "/data";
constexpr std::uint32_t kPartitions = 2;

// Stands still but for what it is told.
class StillClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return Timestamp(std::chrono::hours(500'000)); }
  [[nodiscard]] std::chrono::nanoseconds monotonic() const override {
    return std::chrono::seconds(1);
  }
};

struct OpenStore {
  std::unique_ptr<Store> store;
  std::unique_ptr<LogClient> log;
};

Result<OpenStore> open(SimDevice& device) {
  static const StillClock clock;
  Result<std::unique_ptr<Store>> store = Store::open({.directory = kFolder,
                                                      .free_space_floor = 0,
                                                      .device = &device,
                                                      .clock = &clock,
                                                      .threading = Threading::kManual});
  if (!store) return std::unexpected(std::move(store.error()));
  Store& opened = **store;
  return OpenStore{.store = std::move(*store),
                   .log = std::make_unique<LogClient>(opened, [&opened] { opened.step(); })};
}

std::string value_at(std::uint32_t partition, std::uint64_t offset) {
  return std::to_string(partition) + "/" + std::to_string(offset) + std::string(6000, 'v');
}

void append(OpenStore& open, TopicId topic, std::uint32_t partition, std::uint64_t number) {
  const std::string value = value_at(partition, number);
  RecordFields fields = value_record(value, "key");
  fields.producer = ProducerMark{.id = {.high = 1, .low = 1}, .number = ProducerNumber(number + 1)};
  BIMIP_ASSERT(open.log->append(topic, std::vector{fields}, PartitionId(partition)));
}

// Segments that are sealed, one that is active, one that is prepared; closed, or not.
std::unique_ptr<SimDevice> make_store(bool closed) {
  auto device = std::make_unique<SimDevice>(1);
  Result<OpenStore> opened = open(*device);
  BIMIP_ASSERT(opened);
  const TopicId topic = opened->store
                            ->create_topic("orders", {.partitions = kPartitions,
                                                      .segment_bytes = limits::kSegmentBytesMin})
                            ->id;
  for (std::uint64_t i = 0; i < 20; ++i) append(*opened, topic, 0, i);
  for (std::uint64_t i = 0; i < 3; ++i) append(*opened, topic, 1, i);
  for (int i = 0; i < 100; ++i) opened->store->step();
  if (!closed) return device->image(LossMode::kKeepAll, 1);
  opened->store->close();
  return device;
}

// Small numbers from the front of the input; zero once it is used up.
class Choices {
 public:
  explicit Choices(Bytes bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return bytes_.remaining() == 0; }
  std::uint64_t below(std::uint64_t end) {
    const auto low = bytes_.read<std::uint8_t>();
    const std::uint64_t wide = end > 256 ? low | std::uint64_t{bytes_.read<std::uint8_t>()} << 8U |
                                               std::uint64_t{bytes_.read<std::uint8_t>()} << 16U
                                         : low;
    return end == 0 ? 0 : wide % end;
  }

 private:
  ByteReader bytes_;
};

void mutate(SimDevice& device, Choices& choices) {
  const std::vector<std::string> files = device.files();
  const std::string& file = files[choices.below(files.size())];
  std::vector<std::byte> bytes = *device.contents(file);
  switch (choices.below(6)) {
    case 0:  // bits
      if (!bytes.empty())
        bytes[choices.below(bytes.size())] ^= static_cast<std::byte>(1U << choices.below(8));
      break;
    case 1:  // cut short
      bytes.resize(choices.below(bytes.size() + 1));
      break;
    case 2: {  // zeros
      const std::size_t from = choices.below(bytes.size() + 1);
      const std::size_t count = std::min<std::size_t>(choices.below(20'000), bytes.size() - from);
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), count, std::byte{0});
      break;
    }
    case 3:  // another file's bytes
      bytes = *device.contents(files[choices.below(files.size())]);
      break;
    case 4:  // something behind its end
      bytes.resize(bytes.size() + choices.below(10'000),
                   static_cast<std::byte>(choices.below(256)));
      break;
    default:
      BIMIP_ASSERT(device.remove(file));
      return;
  }
  BIMIP_ASSERT(device.set_contents(file, bytes));
}

using Appended = std::map<std::pair<std::uint32_t, std::uint64_t>, std::string>;

// What was appended since the damage counts; the rest is what make_store() stored.
void check_records(OpenStore& open, TopicId topic, std::uint32_t partition, const Appended& since) {
  const auto bounds = open.store->bounds(topic, PartitionId(partition));
  if (!bounds) return;  // the partition says why it cannot be opened
  const auto all = open.log->read_all(topic, PartitionId(partition), bounds->start);
  BIMIP_ASSERT(all);
  for (const StoredRecord& record : all->records) {
    const auto appended = since.find({partition, record.offset});
    BIMIP_ASSERT(record.value ==
                 (appended != since.end() ? appended->second : value_at(partition, record.offset)));
  }
}

void check(SimDevice& device) {
  Appended appended;
  std::map<std::uint32_t, Offset> ends;
  for (int round = 0; round < 2; ++round) {
    Result<OpenStore> opened = open(device);
    if (!opened) return;
    const Result<TopicInfo> topic = opened->store->find_topic("orders");
    if (!topic) return;
    for (std::uint32_t partition = 0; partition < kPartitions; ++partition) {
      check_records(*opened, topic->id, partition, appended);
      const auto bounds = opened->store->bounds(topic->id, PartitionId(partition));
      if (!bounds) continue;
      BIMIP_ASSERT(round == 0 || bounds->visible_end == ends[partition]);
      const std::string value = "since " + std::to_string(round);
      const auto stored = opened->log->append(topic->id, value, PartitionId(partition));
      BIMIP_ASSERT(stored && stored->first == bounds->visible_end);
      appended[{partition, stored->first.value()}] = value;
      ends[partition] = stored->first + 1;
      check_records(*opened, topic->id, partition, appended);
    }
    opened->store->close();
  }
}

}  // namespace
}  // namespace bimip::testing

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bimip::testing;  // NOLINT
  static const std::unique_ptr<SimDevice> closed = make_store(true);
  static const std::unique_ptr<SimDevice> killed = make_store(false);
  Choices choices(fuzz_input(data, size));
  const auto device = (choices.below(2) == 0 ? *closed : *killed).image(LossMode::kKeepAll, 1);
  for (int i = 0; i < 8 && !choices.done(); ++i) mutate(*device, choices);
  check(*device);
  return 0;
}
