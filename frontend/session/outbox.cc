#include "frontend/session/outbox.h"

#include <utility>

#include "bimip/v1/stanza.pb.h"
#include "frontend/session/state_hash.h"

namespace bimip::frontend {

void Outbox::send(const google::protobuf::MessageLite& stanza) {
  if (!ended_) append_frame(bytes_, stanza, framing_);
}

void Outbox::send_error(std::uint64_t id, Code code, std::string_view message) {
  host_.metrics().refused(code);
  v1::Stanza stanza;
  stanza.set_id(id);
  v1::Error& error = *stanza.mutable_error();
  error.set_code(static_cast<v1::Code>(code));
  error.set_message(std::string(message.substr(0, limits::kErrorTextBytes)));
  error.set_retry(facts_of(code).retry == Retry::kYes);
  send(stanza);
}

void append_goodbye(std::string& into, Framing framing, const GoodbyeWords& words) {
  v1::Stanza stanza;
  v1::Goodbye& goodbye = *stanza.mutable_goodbye();
  goodbye.set_code(static_cast<v1::Code>(words.code));
  goodbye.set_message(std::string(words.message));
  goodbye.set_retry(facts_of(words.code).retry == Retry::kYes);
  if (goodbye.retry())
    goodbye.set_retry_after_ms(static_cast<std::uint32_t>(words.retry_after.count()));
  append_frame(into, stanza, framing);
}

void Outbox::mix_into(StateHash& hash) const { hash.add(bytes_).add(taken_).add(ended_); }

std::string Outbox::take() {
  taken_ += bytes_.size();
  return std::exchange(bytes_, {});
}

}  // namespace bimip::frontend
