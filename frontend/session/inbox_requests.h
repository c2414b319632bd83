// What a session's inboxes ask of the log and of the node, and what they are told.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frontend/services/inbox/inbox_service.h"
#include "frontend/session/inboxes.h"
#include "frontend/session/notices.h"
#include "frontend/session/session.h"
#include "frontend/session/tape.h"
#include "frontend/session/tape_words.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

// Marks, an inbox's last number, and what is there behind a mark, on their way, one after the
// other: a mark that was looked at first cannot be ahead of an end that was looked at later, unless
// the inbox was restored to an earlier state. Then it is set back to that end. What follows is done
// on the session's thread.
class Inboxes::Looking final : public engine::EntityRequest, public SessionRequest {
 public:
  struct What {
    std::uint64_t id = 0;     // of the peer's request
    std::uint64_t inbox = 0;  // that is being opened; 0: none
    Place place{};
    std::vector<std::shared_ptr<Mark>> marks{};  // the last of them is that of what was read
    engine::IncrementId reads_to{};              // it is about to be moved there
  };
  using Then = std::function<void(Looking&)>;
  Looking(std::shared_ptr<Session> session, What what, Then then)
      : SessionRequest(std::move(session)), what_(std::move(what)), then_(std::move(then)) {
    EntityRequest::topic = what_.place.key.category;
    EntityRequest::partition = what_.place.partition;
    EntityRequest::key = engine::as_bytes(what_.place.key.eid);
  }
  // The last answer may take this away.
  void begin() {
    if (is_replay(session()->host())) return;
    const std::vector<std::shared_ptr<Mark>> marks = what_.marks;
    left_ = marks.size();
    for (const std::shared_ptr<Mark>& mark : marks) {
      mark->when_known([this](const engine::Status& known) { mark_came(known); });
    }
  }
  void on_entity(engine::Result<engine::EntityState> result) override {
    if (!result && result.error().code != engine::ErrorCode::kNotFound)
      return end(std::move(result.error()));
    if (result) last_ = result->last_increment;
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      if (seen_[i] > last_) what_.marks[i]->set_back({.from = seen_[i], .to = last_});
    }
    passed_ = std::max(read()->prefix(), what_.reads_to);
    pass_expired();
  }
  void save(TapeWriter& to) const override {
    put(to, last_);
    put(to, passed_);
    put(to, error());
  }
  void restore(TapeReader& from) override {
    last_ = get<engine::IncrementId>(from);
    passed_ = get<engine::IncrementId>(from);
    error_ = get<std::optional<engine::Error>>(from);
  }
  void deliver(Moment) override { session()->inboxes().on_looked(*this); }
  void go_on() { then_(*this); }

  [[nodiscard]] const What& what() const { return what_; }
  [[nodiscard]] std::uint64_t id() const { return what_.id; }
  [[nodiscard]] std::uint64_t inbox() const { return what_.inbox; }
  [[nodiscard]] engine::IncrementId last() const { return last_; }
  // Null in a replay.
  [[nodiscard]] const std::shared_ptr<Mark>& read() const { return what_.marks.back(); }
  // Where the read mark is, or is to be moved, and what has expired right behind it.
  [[nodiscard]] engine::IncrementId passed() const { return passed_; }
  [[nodiscard]] const std::optional<engine::Error>& error() const { return error_; }

 private:
  // Looks for the first message behind `passed_` that is there.
  class FirstUnread final : public engine::EntityReadRequest {
   public:
    explicit FirstUnread(Looking& looking) : looking_(looking) {
      bytes_max = 1;
      records_max = limits::kInboxRecordsPerRead;
    }
    void on_entity_read(engine::Result<engine::EntityBatch> result) override {
      looking_.looked_behind(std::move(result));
    }

   private:
    Looking& looking_;
  };

  // On any thread.
  void mark_came(const engine::Status& known) {
    if (!known) {
      const engine::MutexLock lock(mutex_);
      error_ = known.error();
    }
    if (--left_ > 0) return;
    if (error_) return end(*error_);
    for (const std::shared_ptr<Mark>& mark : what_.marks) seen_.push_back(mark->up_to());
    session()->host().log_elsewhere().find_entity(*this);
  }
  void pass_expired() {
    if (passed_ >= last_) return end({});
    first_unread_.topic = what_.place.key.category;
    first_unread_.partition = what_.place.partition;
    first_unread_.key = EntityRequest::key;
    first_unread_.from = passed_ + 1;
    session()->host().log_elsewhere().read_entity(first_unread_);
  }
  void looked_behind(engine::Result<engine::EntityBatch> result) {
    if (!result) return end(std::move(result.error()));
    if (!result->records().empty()) {
      passed_ = result->records().front().entity->increment - 1;
      return end({});
    }
    passed_ = std::max(passed_ + 1, result->next()) - 1;
    pass_expired();
  }
  void end(std::optional<engine::Error> error) {
    error_ = std::move(error);
    session()->host().came_back(*this);
  }

  const What what_;
  const Then then_;
  std::atomic<std::size_t> left_{0};
  std::vector<engine::IncrementId> seen_{};  // of the marks, before the inbox's end
  engine::IncrementId last_{};
  engine::IncrementId passed_{};
  FirstUnread first_unread_{*this};
  engine::Mutex mutex_;
  std::optional<engine::Error> error_{};
};

// Some messages on their way from the log.
class Inboxes::Fetch final : public engine::EntityReadRequest, public SessionRequest {
 public:
  Fetch(std::shared_ptr<Session> session, std::uint64_t inbox, std::string eid, bool is_for_news)
      : SessionRequest(std::move(session)),
        inbox_(inbox),
        is_for_news_(is_for_news),
        eid_(std::move(eid)) {
    key = engine::as_bytes(eid_);
  }
  void on_entity_read(engine::Result<engine::EntityBatch> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override {
    result_ = get<engine::Result<engine::EntityBatch>>(told);
  }
  void deliver(Moment) override { session()->inboxes().on_fetched(session(), *this); }
  [[nodiscard]] std::uint64_t inbox() const { return inbox_; }
  // Something may have changed.
  [[nodiscard]] bool is_for_news() const { return is_for_news_; }
  [[nodiscard]] const engine::Result<engine::EntityBatch>& result() const { return result_; }

 private:
  const std::uint64_t inbox_;
  const bool is_for_news_;
  const std::string eid_;
  engine::Result<engine::EntityBatch> result_{};
};

// Where an inbox ends, of which nothing more may be delivered yet.
class Inboxes::EndLook final : public engine::EntityRequest, public SessionRequest {
 public:
  EndLook(std::shared_ptr<Session> session, std::uint64_t inbox, std::string eid)
      : SessionRequest(std::move(session)), inbox_(inbox), eid_(std::move(eid)) {
    key = engine::as_bytes(eid_);
  }
  void on_entity(engine::Result<engine::EntityState> result) override {
    if (result) last_ = result->last_increment;
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, last_); }
  void restore(TapeReader& told) override { last_ = get<std::optional<engine::IncrementId>>(told); }
  void deliver(Moment) override { session()->inboxes().on_end_known(session(), *this); }
  [[nodiscard]] std::uint64_t inbox() const { return inbox_; }
  [[nodiscard]] const std::optional<engine::IncrementId>& last() const { return last_; }

 private:
  const std::uint64_t inbox_;
  const std::string eid_;
  std::optional<engine::IncrementId> last_{};
};

// Authors were told, a mark has moved.
class Inboxes::Marked final : public SessionRequest {
 public:
  Marked(std::shared_ptr<Session> session, Looking::What what, engine::IncrementId last,
         std::shared_ptr<Mark> read)
      : SessionRequest(std::move(session)),
        what_(std::move(what)),
        last_(last),
        read_(std::move(read)) {}
  // On any thread. All who have the inbox open hear of it, this session after its answer: it is not
  // told twice.
  void end(engine::Status status) {
    const bool is_marked = status.has_value();
    const InboxKey key = what_.place.key;
    const InboxHub& hub = session()->host().inboxes().hub();
    status_ = std::move(status);
    session()->host().came_back(*this);
    if (is_marked) hub.tell(key);
  }
  void save(TapeWriter& to) const override { put(to, status_); }
  void restore(TapeReader& told) override { status_ = get<engine::Status>(told); }
  void deliver(Moment) override { session()->inboxes().on_marked(*this); }
  [[nodiscard]] const Looking::What& what() const { return what_; }
  [[nodiscard]] engine::IncrementId last() const { return last_; }
  // The entity's mark; null in a replay.
  [[nodiscard]] const std::shared_ptr<Mark>& read() const { return read_; }
  [[nodiscard]] const engine::Status& status() const { return status_; }

 private:
  const Looking::What what_;
  const engine::IncrementId last_;
  const std::shared_ptr<Mark> read_;
  engine::Status status_{};
};

// A device's cursor was moved, and is to be answered for.
class Inboxes::Acknowledged final : public SessionRequest {
 public:
  Acknowledged(std::shared_ptr<Session> session, std::uint64_t id, std::uint64_t inbox,
               engine::IncrementId up_to)
      : SessionRequest(std::move(session)), id_(id), inbox_(inbox), up_to_(up_to) {}
  // On any thread.
  void end(engine::Status status) {
    status_ = std::move(status);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, status_); }
  void restore(TapeReader& told) override { status_ = get<engine::Status>(told); }
  void deliver(Moment) override { session()->inboxes().on_acknowledged(*this); }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] std::uint64_t inbox() const { return inbox_; }
  [[nodiscard]] engine::IncrementId up_to() const { return up_to_; }
  [[nodiscard]] const engine::Status& status() const { return status_; }

 private:
  const std::uint64_t id_;
  const std::uint64_t inbox_;
  const engine::IncrementId up_to_;
  engine::Status status_{};
};

class Inboxes::News final : public SessionRequest {
 public:
  News(std::shared_ptr<Session> session, std::uint64_t inbox)
      : SessionRequest(std::move(session), Unasked{}), inbox_(inbox) {}
  void save(TapeWriter& to) const override {
    put(to, NoticeKind::kInboxNews);
    put(to, inbox_);
  }
  void restore(TapeReader& told) override { inbox_ = get<std::uint64_t>(told); }
  void deliver(Moment) override { session()->inboxes().on_news(session(), inbox_); }

 private:
  std::uint64_t inbox_;
};

// An open inbox's ear. Owned by the inbox, on the session's thread; on_news() comes on any.
class Inboxes::Seat final : public InboxListener {
 public:
  Seat(const std::shared_ptr<Session>& session, SessionHost& host, InboxKey key,
       std::uint64_t inbox)
      : session_(session), host_(host), key_(std::move(key)), inbox_(inbox) {
    tell(host_, [this] { host_.inboxes().hub().listen(key_, *this); }, key_.category, key_.eid);
  }
  ~Seat() override {
    tell(host_, [this] { host_.inboxes().hub().unlisten(key_, *this); }, key_.category, key_.eid);
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // At most one note is on its way.
  void on_news() override {
    if (is_told_.exchange(true)) return;
    if (std::shared_ptr<Session> session = session_.lock())
      host_.came_back(*std::make_unique<News>(std::move(session), inbox_).release());
  }
  void heard() { is_told_.store(false); }

 private:
  const std::weak_ptr<Session> session_;
  SessionHost& host_;
  const InboxKey key_;
  const std::uint64_t inbox_;
  std::atomic<bool> is_told_{false};
};

}  // namespace bimip::frontend
