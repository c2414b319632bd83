// A message, and then its copy, on their way to the log. For sources only: it includes the stanzas.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "frontend/session/inbox_search.h"
#include "frontend/session/mailer.h"
#include "frontend/session/session.h"
#include "frontend/session/tape_words.h"

namespace bimip::frontend {

// What is stored in somebody's inbox.
struct Letter {
  engine::TopicInfo topic{};
  std::string eid{};  // whose inbox
  std::string once{};
  v1::InboxMessage message{};
  std::optional<engine::Timestamp> expires_at{};
  std::optional<engine::Timestamp> not_before{};
};

// The copy goes when the message is there: nobody has a copy of what was never sent. Owns itself.
class Mailer::Sending final : public SessionRequest {
 public:
  struct What {
    std::uint64_t id = 0;  // of the peer's request
    bool again = false;    // it may be there already
    std::chrono::nanoseconds asked_at{};
    Letter message{};
    std::optional<Letter> copy{};
  };
  Sending(std::shared_ptr<Session> session, What what);
  ~Sending() override;
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  void begin();
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override { result_ = get<engine::Result<engine::Offset>>(told); }
  void deliver(Moment now) override { session()->mailer().on_stored(*this, now); }

  [[nodiscard]] std::uint64_t id() const { return what_.id; }
  [[nodiscard]] std::chrono::nanoseconds asked_at() const { return what_.asked_at; }
  [[nodiscard]] bool is_again() const { return what_.again; }
  [[nodiscard]] const std::string& message_id() const { return what_.message.message.message_id(); }
  [[nodiscard]] engine::PartitionId partition() const;
  [[nodiscard]] const engine::Result<engine::Offset>& result() const { return result_; }

 private:
  class Append;
  class Compare;

  // What was stored of a first try, in this order.
  void look_for_message();
  void look_for_copy();
  [[nodiscard]] bool is_message(const engine::Record& record, const v1::InboxMessage& message);
  [[nodiscard]] bool is_copy(const v1::InboxMessage& message);
  // What was not.
  void append_message(engine::Log& log);
  void message_stored(engine::Result<engine::Appended> result);
  void compare(engine::Offset offset);
  void append_copy();
  void copy_stored(engine::Result<engine::Appended> result);
  void end(engine::Result<engine::Offset> result);

  What what_;
  engine::Result<engine::Offset> result_{};
  bool has_message_ = false;  // the first try's was found
  std::optional<InboxSearch> message_search_{};
  std::optional<InboxSearch> copy_search_{};
  std::unique_ptr<Append> message_append_{};
  std::unique_ptr<Append> copy_append_{};
  std::unique_ptr<Compare> compare_{};
};

}  // namespace bimip::frontend
