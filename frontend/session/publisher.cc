#include "frontend/session/publisher.h"

#include <array>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/message_times.h"
#include "frontend/session/session.h"
#include "frontend/session/state_hash.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/framing.h"

namespace bimip::frontend {

using engine::as_bytes;
using engine::ErrorCode;

namespace {

// Of Publish, or of one of its further records.
template <typename Message>
std::size_t message_bytes(const Message& message) {
  std::size_t bytes =
      message.key().size() + message.idempotency_key().size() + message.value().size();
  for (const v1::Header& header : message.headers())
    bytes += header.name().size() + header.value().size();
  return bytes;
}

std::size_t all_bytes(const v1::Publish& publish) {
  std::size_t bytes = message_bytes(publish);
  for (const v1::BatchRecord& record : publish.more()) bytes += message_bytes(record);
  return bytes;
}

}  // namespace

// One message on its way to the log and back.
class Publication final : public engine::AppendRequest, public SessionRequest {
 public:
  Publication(SessionHost& host, std::shared_ptr<Session> session, std::uint64_t id, Moment now)
      : SessionRequest(std::move(session)), host_(host), id_(id), began_(now.monotonic) {}

  void on_appended(engine::Result<engine::Appended> result) override {
    if (!result && fence_ && !withdrawn_ &&
        facts_of(code_of(result.error().code)).retry == Retry::kYes) {
      fence_->refuse(number());
    }
    result_ = std::move(result);
    host_.came_back(*this);
  }
  bool is_withdrawn() override {
    withdrawn_ = fence_ && !fence_->passes(number(), sent_in_);
    return withdrawn_;
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& from) override { result_ = get<engine::Result<engine::Appended>>(from); }
  void deliver(Moment now) override {
    session()->publisher().on_published(*this, now);
    session()->on_answered();
  }

 private:
  friend class Publisher;
  // Of its first record: those of the others follow it, and it is sent again as a whole.
  [[nodiscard]] std::uint64_t number() const { return fields_.producer->number.value(); }
  template <typename Message>
  [[nodiscard]] engine::Status add(const Message& message, engine::Timestamp now,
                                   engine::RecordFields& fields);

  SessionHost& host_;
  const std::uint64_t id_;
  const std::chrono::nanoseconds began_;
  std::uint64_t correlation_ = 0;  // of a request, which its reply answers
  std::string bytes_;  // key, idempotency key, value of each; never grows beyond what is reserved
  std::vector<std::vector<std::byte>> headers_;  // of those that have some
  engine::RecordFields fields_;                  // of the first
  std::vector<engine::RecordFields> batch_;      // of all, if there are several
  std::shared_ptr<ProducerFence> fence_;         // numbered ones have one
  ProducerFence::Epoch sent_in_ = 0;
  bool withdrawn_ = false;
  engine::Result<engine::Appended> result_{};
};

bool Publisher::send(const std::shared_ptr<Session>& session, std::uint64_t id,
                     const v1::Publish& publish, std::uint64_t correlation, Moment now) {
  const auto refuse = [&](const engine::Error& error) {
    outbox_.send_error(id, error);
    return false;
  };
  if (!session->bearer().check(Action::kPublish, publish.topic(), id)) return false;
  const engine::Result<engine::TopicInfo> topic = find_topic(publish.topic());
  if (!topic) return refuse(topic.error());
  const engine::Result<engine::PartitionId> partition =
      choose_partition(publish, topic->config.partitions);
  if (!partition) return refuse(partition.error());
  const std::size_t bytes = all_bytes(publish);
  if (const engine::Status fine = check(publish, bytes, topic->config.partitions); !fine)
    return refuse(fine.error());

  auto publication = std::make_unique<Publication>(host_, session, id, now);
  publication->correlation_ = correlation;
  publication->topic = topic->id;
  publication->partition = *partition;
  publication->bytes_.reserve(bytes);
  if (const engine::Status filled = fill(*publication, publish, now); !filled)
    return refuse(filled.error());
  if (publication->fields_.producer) {
    std::shared_ptr<ProducerFence>& fence = fences_[{topic->id, *partition}];
    if (!fence) fence = std::make_shared<ProducerFence>();
    publication->fence_ = fence;
    publication->sent_in_ = fence->epoch();
  }
  in_flight_ += publication->records.size();
  bytes_in_flight_ += publication->bytes_.size();
  if (is_full()) host_.metrics().hit(Limit::kPublishesInFlight);
  host_.log().append(*publication.release());
  return true;
}

engine::Result<engine::TopicInfo> Publisher::find_topic(const std::string& name) {
  if (last_topic_ && last_topic_->name == name) return *last_topic_;
  engine::Result<engine::TopicInfo> found = host_.log().find_topic(name);
  if (found) last_topic_ = *found;
  return found;
}

// A message without key goes where its producer's others go, so that a second try meets the first
// one; without a producer, to the partitions in turn.
engine::Result<engine::PartitionId> Publisher::choose_partition(const v1::Publish& publish,
                                                                std::uint32_t partitions) {
  if (publish.has_partition()) {
    if (publish.partition() < partitions) return engine::PartitionId(publish.partition());
    return engine::fail(ErrorCode::kNotFound,
                        "topic '" + publish.topic() + "' has " + std::to_string(partitions) +
                            " partitions, no partition " + std::to_string(publish.partition()));
  }
  if (!publish.key().empty()) return engine::partition_of_key(as_bytes(publish.key()), partitions);
  if (!producer_) return engine::PartitionId(next_partition_++ % partitions);
  std::array<std::byte, 2 * sizeof(std::uint64_t)> id{};
  engine::store(id.data(), producer_->high);
  engine::store(id.data() + sizeof(std::uint64_t), producer_->low);
  return engine::partition_of_key(id, partitions);
}

engine::Status Publisher::check(const v1::Publish& publish, std::size_t bytes,
                                std::uint32_t partitions) const {
  if (bytes > limits::kMessageBytesMax) {
    return engine::fail(ErrorCode::kTooLarge,
                        "the message has " + std::to_string(bytes) + " bytes; at most " +
                            std::to_string(limits::kMessageBytesMax) + " are taken");
  }
  if (publish.producer_number() != 0 && !producer_) {
    return engine::fail(ErrorCode::kInvalidArgument,
                        "a producer_number, but the session's Identity has no producer_id");
  }
  if (publish.more_size() == 0) return {};
  if (publish.more_size() >= limits::kBatchRecordsMax)
    return engine::fail(ErrorCode::kTooLarge, "a Publish has at most 500 records");
  if (in_flight_ + static_cast<std::size_t>(publish.more_size()) >= in_flight_max())
    return engine::fail(ErrorCode::kBusy,
                        "more records than publishes_in_flight_max leaves room for");
  if (publish.has_partition()) return {};
  for (const v1::BatchRecord& record : publish.more()) {
    if (record.key().empty() == publish.key().empty() &&
        (record.key().empty() || engine::partition_of_key(as_bytes(record.key()), partitions) ==
                                     engine::partition_of_key(as_bytes(publish.key()), partitions)))
      continue;
    return engine::fail(ErrorCode::kInvalidArgument,
                        "the keys of a Publish's records name different partitions");
  }
  return {};
}

template <typename Message>
engine::Status Publication::add(const Message& message, engine::Timestamp now,
                                engine::RecordFields& fields) {
  if (engine::Status good = set_times(message, now, fields); !good) return good;
  if (message.headers_size() > 0) {
    std::vector<engine::Header> headers;
    headers.reserve(static_cast<std::size_t>(message.headers_size()));
    for (const v1::Header& header : message.headers())
      headers.push_back({.name = header.name(), .value = as_bytes(header.value())});
    auto encoded = engine::encode_headers(headers);
    if (!encoded) return std::unexpected(std::move(encoded.error()));
    fields.headers = headers_.emplace_back(std::move(*encoded));
  }
  const std::size_t begin = bytes_.size();
  bytes_.append(message.key()).append(message.idempotency_key()).append(message.value());
  const engine::Bytes all = as_bytes(bytes_).subspan(begin);
  fields.key = all.first(message.key().size());
  fields.idempotency_key = all.subspan(message.key().size(), message.idempotency_key().size());
  fields.value = all.last(message.value().size());
  if (message.tombstone()) fields.kind = engine::RecordKind::kTombstone;
  return {};
}

// The records view what the publication holds.
engine::Status Publisher::fill(Publication& publication, const v1::Publish& publish,
                               Moment now) const {
  if (engine::Status added = publication.add(publish, now.wall, publication.fields_); !added)
    return added;
  if (publish.producer_number() != 0) {
    publication.fields_.producer = engine::ProducerMark{
        .id = *producer_, .number = engine::ProducerNumber(publish.producer_number())};
  }
  publication.records = {&publication.fields_, 1};
  publication.settled_below = engine::ProducerNumber(publish.producer_settled_below());
  switch (publish.durability()) {
    case v1::DURABILITY_UNSPECIFIED:
      break;
    case v1::DURABILITY_DURABLE:
      publication.durability = engine::Durability::kDurable;
      break;
    case v1::DURABILITY_WRITTEN:
      publication.durability = engine::Durability::kWritten;
      break;
    default:
      return engine::fail(ErrorCode::kInvalidArgument, "no such durability");
  }
  if (publish.more_size() == 0) return {};
  std::vector<engine::RecordFields>& batch = publication.batch_;
  batch.reserve(static_cast<std::size_t>(publish.more_size()) + 1);
  batch.push_back(publication.fields_);
  for (const v1::BatchRecord& record : publish.more()) {
    engine::RecordFields& fields = batch.emplace_back();
    if (engine::Status added = publication.add(record, now.wall, fields); !added) return added;
    if (!publication.fields_.producer) continue;
    fields.producer = publication.fields_.producer;
    fields.producer->number += batch.size() - 1;
  }
  publication.records = batch;
  return {};
}

void Publisher::mix_into(StateHash& hash) const {
  hash.add(in_flight_).add(bytes_in_flight_);
  hash.add(producer_.has_value()).add(next_partition_).add(fences_.size());
  if (producer_) hash.add(producer_->high).add(producer_->low);
}

void Publisher::on_published(Publication& publication, Moment now) {
  const std::size_t records = publication.records.size();
  in_flight_ -= records;
  bytes_in_flight_ -= publication.bytes_.size();
  if (!publication.result_) {
    if (publication.correlation_ != 0)
      publication.session()->drop_request(publication.correlation_);
    return outbox_.send_error(publication.id_, publication.result_.error());
  }
  SessionMetrics& metrics = host_.metrics();
  metrics.published_records.add(records);
  metrics.published_bytes.add(publication.bytes_.size());
  metrics.publish_ack.observe(
      static_cast<std::uint64_t>((now.monotonic - publication.began_).count()));
  if (publication.correlation_ != 0) return;
  v1::Stanza stanza;
  stanza.set_id(publication.id_);
  v1::Published& published = *stanza.mutable_published();
  published.set_partition(publication.partition.value());
  const engine::Appended& appended = *publication.result_;
  published.set_offset(appended.at(0).value());
  if (records > 1) {
    for (const engine::Offset offset : appended.offsets) published.add_offsets(offset.value());
  }
  outbox_.send(stanza);
}

}  // namespace bimip::frontend
