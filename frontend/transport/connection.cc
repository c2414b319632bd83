#include "frontend/transport/connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "frontend/session/session.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {
namespace {

using ErrorCode = boost::system::error_code;
using Socket = Connection::Socket;

// To who does not speak TLS where it is spoken: in a form that curl and people can read.
constexpr std::string_view kNotTls =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "This port speaks TLS.\n";

// A closed connection whose peer may be in the middle of sending: to close its socket would reset
// it, and the peer lose what it was just told. So what it sends is dropped for a while, until it
// has closed as well. Keeps itself.
class Lingering final : public std::enable_shared_from_this<Lingering> {
 public:
  explicit Lingering(Socket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {}

  void begin() {
    timer_.expires_after(limits::kLingerWithin);
    timer_.async_wait([self = shared_from_this()](ErrorCode) { self->end(); });
    drop();
  }

 private:
  void drop() {
    std::array<char, 4096> bytes{};
    ErrorCode error;
    while (!error && dropped_ < limits::kLingerBytesMax)
      dropped_ += socket_.read_some(boost::asio::buffer(bytes), error);
    if (error != boost::asio::error::would_block) return end();
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](ErrorCode failed) {
      if (failed) return self->end();
      self->drop();
    });
  }
  void end() {
    timer_.cancel();
    ErrorCode ignored;
    socket_.close(ignored);
  }

  Socket socket_;
  boost::asio::steady_timer timer_;
  std::size_t dropped_ = 0;
};

}  // namespace

Connection::Connection(PeerOwner& owner, Socket socket, std::unique_ptr<Carrier> carrier,
                       AddressLimits::Ticket ticket)
    : owner_(owner), socket_(std::move(socket)), ticket_(std::move(ticket)) {
  carry(std::move(carrier));
}

void Connection::carry(std::unique_ptr<Carrier> carrier) {
  carrier_ = std::move(carrier);
  carrier_->set_peer(*this);
  if (Session* session = carrier_->session()) session->set_peer(this);
  if (draining_) carrier_->on_drain();
}

void Connection::on_drain() {
  draining_ = true;
  carrier_->on_drain();
}

void Connection::encrypt(const TlsContext& tls) {
  tls_ = tls.accept(socket_.native_handle(), carrier_->application_protocol());
}

void Connection::start() {
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  pump();
}

void Connection::pump() {
  if (closed_) return;
  send_some();
  if (closed_) return;
  const bool unheard = tls_ && !tls_->is_established();
  if (carrier_->is_over() && (unheard || (!sending_ && !carrier_->has_output()))) return close();
  if (carrier_->takes_input()) await_input();
}

void Connection::await_input() {
  if (reading_ || closed_) return;
  reading_ = true;
  auto go_on = [self = shared_from_this()](ErrorCode error) {
    self->reading_ = false;
    if (self->closed_) return;
    if (error) return self->close();
    self->on_readable();
  };
  // The socket may have nothing more while the stream has.
  if (tls_ && tls_->has_pending())
    return boost::asio::post(socket_.get_executor(), [go_on] { go_on({}); });
  const bool wants_room = tls_ && tls_->read_wants_room();
  socket_.async_wait(wants_room ? Socket::wait_write : Socket::wait_read,
                     boost::asio::bind_allocator(HandlerAllocator<void>(wait_), std::move(go_on)));
}

void Connection::on_readable() {
  // The session may have filled up since; what is there stays in the socket.
  if (!carrier_->takes_input()) return pump();
  const std::span<char> buffer = owner_.read_buffer();
  ErrorCode error;
  const std::size_t got = read_some(buffer, error);
  if (error == boost::asio::error::would_block || error == boost::asio::error::interrupted)
    return await_input();
  if (error) return close();
  carrier_->on_bytes(buffer.first(got), owner_.now());
  if (std::unique_ptr<Carrier> successor = carrier_->take_successor()) carry(std::move(successor));
  pump();
}

std::size_t Connection::read_some(std::span<char> into, ErrorCode& error) {
  if (tls_) return tls_->read_some(into, error);
  return socket_.read_some(boost::asio::buffer(into.data(), into.size()), error);
}

std::size_t Connection::write_some(std::span<const char> bytes, ErrorCode& error) {
  if (tls_) return tls_->write_some(bytes, error);
  return socket_.write_some(boost::asio::buffer(bytes.data(), bytes.size()), error);
}

// As much as the socket takes at once, so that most answers go out without waiting for anything.
void Connection::send_some() {
  while (!writing_) {
    // There is nobody to talk to before the handshake is done: reading does it.
    if (tls_ && !tls_->is_established()) return;
    if (!sending_) {
      if (!carrier_->has_output()) return;
      sending_ = std::make_unique<Sending>(
          Sending{.bytes = carrier_->take_output(), .last_progress = owner_.now().monotonic});
    }
    ErrorCode error;
    const std::size_t wrote =
        write_some(std::span<const char>(sending_->bytes).subspan(sending_->sent), error);
    if (error == boost::asio::error::would_block || error == boost::asio::error::interrupted)
      return await_room();
    if (error) return close();
    sending_->sent += wrote;
    if (sending_->sent == sending_->bytes.size()) {
      sending_.reset();
    } else {
      sending_->last_progress = owner_.now().monotonic;
    }
    carrier_->on_sent(wrote);
  }
}

void Connection::await_room() {
  writing_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](ErrorCode error) {
    self->writing_ = false;
    if (self->closed_) return;
    if (error) return self->close();
    self->pump();
  });
}

void Connection::on_tick(Moment now) {
  if (closed_) {
    if (carrier_->is_left()) leave();
    return;
  }
  if (sending_ && has_stalled(now)) {
    owner_.metrics().hit(Limit::kWriteStall);
    if (Session* session = carrier_->session()) session->on_stalled();
    return close();
  }
  carrier_->on_tick(now);
  pump();
}

// A full socket is writable again only once a third of its buffer is free: to a slow peer that is
// minutes. What the peer has acknowledged since the last look is the sign of life.
bool Connection::has_stalled(Moment now) {
  int queued = 0;
  ::ioctl(socket_.native_handle(), SIOCOUTQ, &queued);
  if (queued != sending_->queued) {
    sending_->queued = queued;
    sending_->last_progress = now.monotonic;
  }
  return now.monotonic - sending_->last_progress >= owner_.write_stall();
}

PeerFacts Connection::facts() const {
  ErrorCode error;
  const boost::asio::ip::tcp::endpoint peer = socket_.remote_endpoint(error);
  if (error) return {.transport = carrier_->name()};
  const std::string address = peer.address().to_string();
  const std::string port = std::to_string(peer.port());
  return {.transport = carrier_->name(),
          .address = peer.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port};
}

void Connection::close() {
  if (closed_) return leave();
  closed_ = true;
  carrier_->on_closed();
  close_socket();
  if (Session* session = carrier_->session()) session->set_peer(nullptr);
  if (carrier_->is_left()) leave();
}

void Connection::leave() {
  if (std::exchange(left_, true)) return;
  owner_.on_closed(*this, carrier_->session());
}

void Connection::close_socket() {
  ErrorCode ignored;
  if (tls_ && !tls_->is_established()) owner_.metrics().tls_failures.add();
  if (tls_) tls_->shut_down();
  if (tls_ && tls_->is_foreign())
    socket_.write_some(boost::asio::buffer(kNotTls.data(), kNotTls.size()), ignored);
  // Unread bytes at close() would make the kernel reset the connection, and the peer lose what it
  // was just sent.
  socket_.shutdown(Socket::shutdown_send, ignored);
  const std::span<char> buffer = owner_.read_buffer();
  ErrorCode error;
  std::size_t dropped = 0;
  while (dropped < limits::kDropBytesMax && !error)
    dropped += socket_.read_some(boost::asio::buffer(buffer.data(), buffer.size()), error);
  if (!error || error == boost::asio::error::would_block) {
    std::make_shared<Lingering>(std::move(socket_))->begin();
  } else {
    socket_.close(ignored);
  }
}

}  // namespace bimip::frontend
