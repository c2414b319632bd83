#include "frontend/session/publisher.h"

#include <array>
#include <vector>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/message_times.h"
#include "frontend/session/session.h"
#include "frontend/stanza/framing.h"

namespace bimip::frontend {

using engine::as_bytes;
using engine::ErrorCode;

namespace {

std::size_t message_bytes(const v1::Publish& publish) {
  std::size_t bytes =
      publish.key().size() + publish.idempotency_key().size() + publish.value().size();
  for (const v1::Header& header : publish.headers())
    bytes += header.name().size() + header.value().size();
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
  void deliver(Moment now) override {
    session()->publisher().on_published(*this, now);
    session()->on_answered();
  }

 private:
  friend class Publisher;
  [[nodiscard]] std::uint64_t number() const { return fields_.producer->number.value(); }

  SessionHost& host_;
  const std::uint64_t id_;
  const std::chrono::nanoseconds began_;
  std::string bytes_;  // key, idempotency key, value
  std::vector<std::byte> headers_;
  engine::RecordFields fields_;
  std::shared_ptr<ProducerFence> fence_;  // numbered ones have one
  ProducerFence::Epoch sent_in_ = 0;
  bool withdrawn_ = false;
  engine::Result<engine::Appended> result_{};
};

void Publisher::publish(const std::shared_ptr<Session>& session, std::uint64_t id,
                        const v1::Publish& publish, Moment now) {
  if (!session->bearer().check(Action::kPublish, publish.topic(), id)) return;
  const engine::Result<engine::TopicInfo> topic = find_topic(publish.topic());
  if (!topic) return outbox_.send_error(id, topic.error());
  const engine::Result<engine::PartitionId> partition =
      choose_partition(publish, topic->config.partitions);
  if (!partition) return outbox_.send_error(id, partition.error());

  auto publication = std::make_unique<Publication>(host_, session, id, now);
  publication->topic = topic->id;
  publication->partition = *partition;
  if (const engine::Status filled = fill(*publication, publish, now); !filled)
    return outbox_.send_error(id, filled.error());
  if (publication->fields_.producer) {
    std::shared_ptr<ProducerFence>& fence = own().fences[{topic->id, *partition}];
    if (!fence) fence = std::make_shared<ProducerFence>();
    publication->fence_ = fence;
    publication->sent_in_ = fence->epoch();
  }
  ++in_flight_;
  bytes_in_flight_ += publication->bytes_.size();
  if (is_full()) host_.metrics().hit(Limit::kPublishesInFlight);
  host_.log().append(*publication.release());
}

engine::Result<engine::TopicInfo> Publisher::find_topic(const std::string& name) {
  std::optional<engine::TopicInfo>& last = own().last_topic;
  if (last && last->name == name) return *last;
  engine::Result<engine::TopicInfo> found = host_.log().find_topic(name);
  if (found) last = *found;
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
  const std::optional<engine::ProducerId>& producer = own().producer;
  if (!producer) return engine::PartitionId(own().next_partition++ % partitions);
  std::array<std::byte, 2 * sizeof(std::uint64_t)> id{};
  engine::store(id.data(), producer->high);
  engine::store(id.data() + sizeof(std::uint64_t), producer->low);
  return engine::partition_of_key(id, partitions);
}

engine::Status Publisher::fill(Publication& publication, const v1::Publish& publish,
                               Moment now) const {
  engine::RecordFields& fields = publication.fields_;
  if (const std::size_t bytes = message_bytes(publish); bytes > limits::kMessageBytesMax) {
    return engine::fail(ErrorCode::kTooLarge,
                        "the message has " + std::to_string(bytes) + " bytes; at most " +
                            std::to_string(limits::kMessageBytesMax) + " are taken");
  }
  if (publish.producer_number() != 0) {
    if (!own_ || !own_->producer) {
      return engine::fail(ErrorCode::kInvalidArgument,
                          "a producer_number, but the session's Identity has no producer_id");
    }
    fields.producer = engine::ProducerMark{
        .id = *own_->producer, .number = engine::ProducerNumber(publish.producer_number())};
  }
  if (publish.headers_size() > 0) {
    std::vector<engine::Header> headers;
    headers.reserve(static_cast<std::size_t>(publish.headers_size()));
    for (const v1::Header& header : publish.headers())
      headers.push_back({.name = header.name(), .value = as_bytes(header.value())});
    auto encoded = engine::encode_headers(headers);
    if (!encoded) return std::unexpected(std::move(encoded.error()));
    publication.headers_ = std::move(*encoded);
    fields.headers = publication.headers_;
  }
  publication.settled_below = engine::ProducerNumber(publish.producer_settled_below());
  std::string& bytes = publication.bytes_;
  bytes.reserve(publish.key().size() + publish.idempotency_key().size() + publish.value().size());
  bytes.append(publish.key()).append(publish.idempotency_key()).append(publish.value());
  const engine::Bytes all = as_bytes(bytes);
  fields.key = all.first(publish.key().size());
  fields.idempotency_key = all.subspan(publish.key().size(), publish.idempotency_key().size());
  fields.value = all.last(publish.value().size());
  if (engine::Status good = set_times(publish, now.wall, fields); !good) return good;
  if (publish.tombstone()) fields.kind = engine::RecordKind::kTombstone;
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
  publication.records = {&fields, 1};
  return {};
}

void Publisher::on_published(Publication& publication, Moment now) {
  --in_flight_;
  bytes_in_flight_ -= publication.bytes_.size();
  if (!publication.result_) return outbox_.send_error(publication.id_, publication.result_.error());
  SessionMetrics& metrics = host_.metrics();
  metrics.published_records.add();
  metrics.published_bytes.add(publication.bytes_.size());
  metrics.publish_ack.observe(
      static_cast<std::uint64_t>((now.monotonic - publication.began_).count()));
  v1::Stanza stanza;
  stanza.set_id(publication.id_);
  v1::Published& published = *stanza.mutable_published();
  published.set_partition(publication.partition.value());
  published.set_offset(publication.result_->at(0).value());
  outbox_.send(stanza);
}

}  // namespace bimip::frontend
