#include "frontend/replay/recording.h"

#include <array>
#include <istream>
#include <ostream>

#include "engine/base/hash.h"
#include "frontend/session/tape_codec.h"

namespace bimip::frontend {

std::uint64_t recording_checksum(std::string_view block, std::uint64_t number) {
  return engine::xxh3_64(engine::as_bytes(block), number);
}

RecordingWriter::RecordingWriter(std::ostream& out, const RecordingHead& head,
                                 std::uint64_t bytes_max)
    : out_(out), bytes_max_(bytes_max) {
  TapeMemory memory;
  TapeWriter to(block_, memory);
  to.number(kRecordingVersion);
  frontend::put(to, head.core);
  to.number(head.shard);
  frontend::put(to, head.began);
  frontend::put(to, head.checks_tokens);
  to.number(head.shards);
  frontend::put(to, head.build);
  (void)write_block();
}

bool RecordingWriter::add(TapeEvent event, std::string_view words) {
  if (!open_) return false;
  if (written_ + block_.size() + words.size() + kRecordingBlockHeaderBytes > bytes_max_) {
    put(TapeEvent::kFull, {});
    (void)write_block();
    open_ = false;
    return false;
  }
  put(event, words);
  return block_.size() < kRecordingBlockBytes || write_block();
}

void RecordingWriter::put(TapeEvent event, std::string_view words) {
  TapeMemory memory;
  TapeWriter to(block_, memory);
  to.number(static_cast<std::uint64_t>(event));
  to.bytes(words);
}

void RecordingWriter::end() {
  if (!open_) return;
  put(TapeEvent::kEnd, {});
  (void)write_block();
  open_ = false;
}

bool RecordingWriter::flush() { return open_ && (block_.empty() || write_block()); }

bool RecordingWriter::write_block() {
  std::array<std::byte, kRecordingBlockHeaderBytes> header;
  engine::store(header.data(), kRecordingMagic);
  engine::store(header.data() + 4, static_cast<std::uint32_t>(block_.size()));
  engine::store(header.data() + 8, recording_checksum(block_, blocks_));
  const std::string_view head = engine::as_text(header);
  out_.write(head.data(), static_cast<std::streamsize>(head.size()));
  out_.write(block_.data(), static_cast<std::streamsize>(block_.size()));
  out_.flush();
  ++blocks_;
  written_ += header.size() + block_.size();
  block_.clear();
  if (!out_) open_ = false;
  return open_;
}

engine::Result<RecordingReader> RecordingReader::open(std::istream& in) {
  RecordingReader reader(in);
  if (!reader.read_block())
    return engine::fail(engine::ErrorCode::kDamaged, "this is no recording of a bimipd");
  TapeMemory memory;
  TapeReader from(reader.block_, memory);
  if (const std::uint64_t version = from.number(); version != kRecordingVersion) {
    return engine::fail(engine::ErrorCode::kUnsupportedVersion,
                        "a recording of version " + std::to_string(version) +
                            "; this program reads version " + std::to_string(kRecordingVersion));
  }
  reader.head_.core = get<RecordedCore>(from);
  reader.head_.shard = from.number();
  reader.head_.began = get<engine::Timestamp>(from);
  reader.head_.checks_tokens = get<bool>(from);
  reader.head_.shards = from.number();
  reader.head_.build = get<std::string>(from);
  if (!from.ok() || reader.head_.core > RecordedCore::kOffers)
    return engine::fail(engine::ErrorCode::kDamaged, "its first block says too little");
  reader.at_ = reader.block_.size();
  return reader;
}

bool RecordingReader::read_block() {
  std::array<char, kRecordingBlockHeaderBytes> header{};
  in_->read(header.data(), header.size());
  if (in_->gcount() == 0) return false;
  torn_ = true;
  if (in_->gcount() != static_cast<std::streamsize>(header.size())) return false;
  const std::byte* at = engine::as_bytes({header.data(), header.size()}).data();
  const auto bytes = engine::load<std::uint32_t>(at + 4);
  if (engine::load<std::uint32_t>(at) != kRecordingMagic || bytes > kRecordingBlockBytesMax)
    return false;
  block_.resize(bytes);
  in_->read(block_.data(), static_cast<std::streamsize>(bytes));
  if (in_->gcount() != static_cast<std::streamsize>(bytes)) return false;
  if (engine::load<std::uint64_t>(at + 8) != recording_checksum(block_, blocks_)) return false;
  ++blocks_;
  at_ = 0;
  torn_ = false;
  return true;
}

std::optional<RecordedEvent> RecordingReader::look(std::size_t& end) {
  while (at_ == block_.size()) {
    if (torn_ || !read_block()) {
      block_.clear();
      at_ = 0;
      return std::nullopt;
    }
  }
  TapeMemory memory;
  const std::string_view rest = std::string_view(block_).substr(at_);
  TapeReader from(rest, memory);
  const auto event = get<TapeEvent>(from);
  const std::string_view words = from.bytes();
  // A whole block of something else: a kind that nobody knows.
  if (!from.ok()) {
    end = block_.size();
    return RecordedEvent{};
  }
  end = at_ + rest.size() - from.remaining();
  return RecordedEvent{.event = event, .words = words};
}

std::optional<RecordedEvent> RecordingReader::peek() {
  std::size_t end = 0;
  return look(end);
}

std::optional<RecordedEvent> RecordingReader::next() {
  std::size_t end = 0;
  const std::optional<RecordedEvent> event = look(end);
  if (event) at_ = end;
  return event;
}

}  // namespace bimip::frontend
