// What carrying a stanza costs, by how it is carried: a Publish of 128 bytes read, a Delivery of 16
// such records written; the frames of TCP are the baseline. And what counting it costs. Usage:
// carrier_bench [Google Benchmark's own options]
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/counters.h"
#include "engine/base/random.h"
#include "frontend/stanza/framing.h"
#include "frontend/transport/websocket/json_text.h"
#include "frontend/transport/websocket/message_reader.h"

namespace bimip::bench {
namespace {

using namespace bimip::frontend;

constexpr std::size_t kValueBytes = 128;
constexpr int kStanzas = 256;  // in one read
constexpr int kRecords = 16;

v1::Stanza publish() {
  v1::Stanza stanza;
  stanza.set_id(4711);
  stanza.mutable_publish()->set_topic("orders");
  stanza.mutable_publish()->set_key("table-7");
  stanza.mutable_publish()->set_value(std::string(kValueBytes, 'v'));
  return stanza;
}

v1::Stanza delivery() {
  v1::Stanza stanza;
  stanza.mutable_delivery()->set_subscription_id(1);
  for (int i = 0; i < kRecords; ++i) {
    v1::DeliveredRecord& record = *stanza.mutable_delivery()->add_records();
    record.set_offset(1'000'000 + static_cast<std::uint64_t>(i));
    record.set_timestamp_us(1'770'000'000'000'000);
    record.set_key("table-7");
    record.set_value(std::string(kValueBytes, 'v'));
  }
  return stanza;
}

// As a client sends it.
std::string masked(WebSocketOpcode opcode, const std::string& payload) {
  constexpr std::array<std::uint8_t, kWebSocketMaskBytes> kMask{1, 2, 3, 4};
  std::string frame;
  append_websocket_header(frame, opcode, payload.size());
  frame[1] = static_cast<char>(static_cast<std::uint8_t>(frame[1]) | kWebSocketMasked);
  for (const std::uint8_t byte : kMask) frame.push_back(static_cast<char>(byte));
  std::string bytes = payload;
  apply_mask(bytes, kMask, 0);
  return frame + bytes;
}

void count_stanzas(benchmark::State& state, int stanzas) {
  state.SetItemsProcessed(state.iterations() * stanzas);
}

void parse(engine::Bytes bytes) {
  v1::Stanza stanza;
  benchmark::DoNotOptimize(stanza.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
}

void read_tcp(benchmark::State& state) {
  std::string input;
  for (int i = 0; i < kStanzas; ++i) append_frame(input, publish());
  FrameReader reader(FrameReader::Begin::kWithFrame);
  for (auto _ : state) {
    (void)reader.feed(engine::as_bytes(input), [](engine::Bytes frame) {
      parse(frame);
      return true;
    });
  }
  count_stanzas(state, kStanzas);
}

void read_websocket(benchmark::State& state, WebSocketOpcode opcode) {
  const std::string bytes = publish().SerializeAsString();
  const std::string payload =
      opcode == WebSocketOpcode::kText ? json_from_stanza(engine::as_bytes(bytes)) : bytes;
  std::string input;
  for (int i = 0; i < kStanzas; ++i) input += masked(opcode, payload);
  MessageReader reader(limits::kJsonBytesMax);
  std::string buffer;
  for (auto _ : state) {
    buffer = input;  // as read from the socket: the mask is taken off in place
    (void)reader.feed(buffer, [&](const MessageReader::Message& message) {
      if (opcode == WebSocketOpcode::kText) {
        parse(engine::as_bytes(*stanza_from_json(engine::as_text(message.payload))));
      } else {
        parse(message.payload);
      }
      return true;
    });
  }
  count_stanzas(state, kStanzas);
}

void write_framed(benchmark::State& state, Framing framing) {
  const v1::Stanza stanza = delivery();
  std::string out;
  for (auto _ : state) {
    out.clear();
    append_frame(out, stanza, framing);
    benchmark::DoNotOptimize(out.data());
  }
  count_stanzas(state, kRecords);
}

void write_json(benchmark::State& state) {
  const v1::Stanza stanza = delivery();
  for (auto _ : state) {
    const std::string bytes = stanza.SerializeAsString();
    benchmark::DoNotOptimize(json_from_stanza(engine::as_bytes(bytes)).data());
  }
  count_stanzas(state, kRecords);
}

void count(benchmark::State& state) {
  engine::Counter counter;
  for (auto _ : state) {
    counter.add();
    benchmark::DoNotOptimize(counter);
  }
}

// Values of all sizes, so that the branches are as hard to foresee as they are in life.
void observe(benchmark::State& state) {
  engine::TimeHistogram histogram(engine::kTimeBounds);
  engine::Random random(7);
  std::vector<std::uint64_t> values(4096);
  for (std::uint64_t& value : values)
    value = random.below(2 * engine::kTimeBounds[random.below(engine::kTimeBounds.size())]);
  std::size_t i = 0;
  for (auto _ : state) {
    histogram.observe(values[i++ % values.size()]);
    benchmark::DoNotOptimize(histogram);
  }
}

}  // namespace
}  // namespace bimip::bench

int main(int argc, char** argv) {
  using namespace bimip::bench;  // NOLINT
  benchmark::RegisterBenchmark("publish_read/tcp", read_tcp);
  benchmark::RegisterBenchmark("publish_read/websocket_binary", read_websocket,
                               WebSocketOpcode::kBinary);
  benchmark::RegisterBenchmark("publish_read/websocket_json", read_websocket,
                               WebSocketOpcode::kText);
  benchmark::RegisterBenchmark("record_written/tcp", write_framed, Framing::kLength);
  benchmark::RegisterBenchmark("record_written/websocket_binary", write_framed,
                               Framing::kWebSocket);
  benchmark::RegisterBenchmark("record_written/grpc", write_framed, Framing::kField);
  benchmark::RegisterBenchmark("record_written/websocket_json", write_json);
  benchmark::RegisterBenchmark("counted/counter", count);
  benchmark::RegisterBenchmark("counted/histogram", observe);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
