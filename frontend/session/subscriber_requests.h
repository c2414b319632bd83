// What a subscriber asks of the log.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frontend/session/session.h"
#include "frontend/session/tape_words.h"

namespace bimip::frontend {

// Some records on their way from the log.
class Fetch final : public engine::ReadRequest, public SessionRequest {
 public:
  enum class Why : std::uint8_t { kNext, kAgain, kBury };
  struct Wanted {
    std::uint64_t subscription = 0;
    std::uint64_t life = 0;  // of the cursor
    Why why = Why::kNext;
    OffsetRange range{};  // kAgain, kBury
  };
  Fetch(std::shared_ptr<Session> session, Wanted wanted)
      : SessionRequest(std::move(session)), wanted_(wanted) {}
  void on_read(engine::Result<engine::RecordBatch> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override {
    result_ = get<engine::Result<engine::RecordBatch>>(told);
  }
  void deliver(Moment now) override {
    session()->subscriber().at(now);
    session()->subscriber().on_fetched(session(), *this);
  }
  [[nodiscard]] const Wanted& wanted() const { return wanted_; }
  [[nodiscard]] engine::Result<engine::RecordBatch>& result() { return result_; }

 private:
  const Wanted wanted_;
  engine::Result<engine::RecordBatch> result_{};
};

// A time on its way to becoming an offset.
class TimeSearch final : public engine::TimeRequest, public SessionRequest {
 public:
  TimeSearch(std::shared_ptr<Session> session, std::uint64_t subscription, std::uint64_t life)
      : SessionRequest(std::move(session)), subscription_(subscription), life_(life) {}
  void on_found(engine::Result<Offset> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override { result_ = get<engine::Result<Offset>>(told); }
  void deliver(Moment now) override {
    session()->subscriber().at(now);
    session()->subscriber().on_placed(session(), *this);
  }
  [[nodiscard]] std::uint64_t subscription() const { return subscription_; }
  [[nodiscard]] std::uint64_t life() const { return life_; }
  [[nodiscard]] engine::Result<Offset>& result() { return result_; }

 private:
  const std::uint64_t subscription_;
  const std::uint64_t life_;
  engine::Result<Offset> result_{};
};

// A record on its way to a topic of dead letters.
class Burial final : public engine::AppendRequest, public SessionRequest {
 public:
  struct Letter {
    std::uint64_t subscription = 0;
    engine::PartitionId partition{};  // that it was read from
    std::uint64_t life = 0;
    Offset offset{};
  };
  Burial(std::shared_ptr<Session> session, Letter letter)
      : SessionRequest(std::move(session)), letter_(letter) {}
  // Copies what it needs of the record.
  void fill(const engine::Record& record, std::string once, std::vector<std::byte> headers);
  void on_appended(engine::Result<engine::Appended> result) override {
    result_ = std::move(result);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, result_); }
  void restore(TapeReader& told) override { result_ = get<engine::Result<engine::Appended>>(told); }
  void deliver(Moment now) override {
    session()->subscriber().at(now);
    session()->subscriber().on_buried(session(), *this);
  }
  [[nodiscard]] const Letter& letter() const { return letter_; }
  [[nodiscard]] const engine::Result<engine::Appended>& result() const { return result_; }

 private:
  const Letter letter_;
  std::string key_;
  std::string value_;
  std::string once_;
  std::vector<std::byte> headers_;
  engine::RecordFields fields_{};
  engine::Result<engine::Appended> result_{};
};

// A group's cursor on its way to the log, of which the peer is to be told.
class Acknowledged final : public SessionRequest {
 public:
  struct What {
    std::uint64_t id = 0;
    std::uint64_t subscription = 0;
    engine::PartitionId partition{};
    Offset end{};  // the cursor
  };
  Acknowledged(std::shared_ptr<Session> session, What what)
      : SessionRequest(std::move(session)), what_(what) {}
  // On any thread.
  void end(engine::Status status) {
    status_ = std::move(status);
    session()->host().came_back(*this);
  }
  void save(TapeWriter& to) const override { put(to, status_); }
  void restore(TapeReader& told) override { status_ = get<engine::Status>(told); }
  void deliver(Moment) override {
    session()->subscriber().on_acknowledged(*this);
    session()->on_answered();
  }
  [[nodiscard]] const What& what() const { return what_; }
  [[nodiscard]] const engine::Status& status() const { return status_; }

 private:
  const What what_;
  engine::Status status_{};
};

}  // namespace bimip::frontend
