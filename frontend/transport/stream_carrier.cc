#include "frontend/transport/stream_carrier.h"

namespace bimip::frontend {
namespace {

// For somebody who connected with another protocol, and reads what comes back.
constexpr std::string_view kWrongProtocol =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "This port speaks Bimip: a connection begins with the bytes BIMIP 0 0 1.\n";

}  // namespace

void StreamCarrier::on_bytes(std::span<char> bytes, Moment now) {
  const auto fed = frames_.feed(std::as_bytes(bytes), [&](Bytes frame) {
    session_->on_frame(frame, now);
    frames_.set_frame_bytes_max(session_->frame_bytes_max());
    return !session_->is_over();
  });
  if (fed) return;
  if (fed.error() == FrameProblem::kNotOurPreface) {
    refused_ = true;
  } else {
    session_->on_bad_stream(fed.error());
  }
}

bool StreamCarrier::has_output() const { return refused_ ? !told_ : session_->has_output(); }

std::string StreamCarrier::take_output() {
  if (!refused_) return session_->take_output();
  told_ = true;
  return std::string(kWrongProtocol);
}

void StreamCarrier::on_sent(std::size_t bytes) {
  if (!refused_) session_->on_sent(bytes);
}

}  // namespace bimip::frontend
