// A device of an entity, as a client of a session that tells a model all it asks for and is given.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/base/random.h"
#include "tests/frontend/session/inbox_model.h"
#include "tests/frontend/session/world.h"

namespace bimip::testing {

class InboxDevice {
 public:
  InboxDevice(InboxModel& model, std::string eid, std::string name)
      : model_(model), eid_(std::move(eid)), name_(std::move(name)) {}

  [[nodiscard]] const std::string& eid() const { return eid_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_connected() const { return client_ != nullptr; }
  // Another request would not be one too many.
  [[nodiscard]] bool has_room() const { return asked_.size() < kAskedMax; }
  [[nodiscard]] bool has_open(const std::string& category) const {
    return boxes_.contains(category);
  }

  // None of these waits.
  void connect(World& world);
  void disconnect();
  void send(const v1::Send& send);
  enum class From : std::uint8_t { kCursor, kLatest, kNumber };
  struct Opening {
    std::uint32_t credit = 0;
    From from = From::kCursor;
    std::uint64_t number = 0;  // of kNumber
  };
  void open(const std::string& category, const Opening& opening);
  // From the oldest on, and without a cursor. What it has shown is in looked_at().
  void look(const std::string& category);
  void close(const std::string& category);
  void acknowledge(const std::string& category, engine::Random& random);
  void acknowledge_all(const std::string& category);
  void mark_read(const std::string& category, std::uint64_t up_to);
  void send_receipt(const std::string& category, engine::Random& random);

  // Whether anything was said. `is_dying`: the server may refuse what it is asked.
  enum class Server : std::uint8_t { kSound, kDying };
  bool hear(Server server);

  struct Looked {
    v1::InboxState state{};
    std::map<std::uint64_t, std::string> shown{};
  };
  [[nodiscard]] const Looked& looked_at(const std::string& category) {
    return looks_.at(look_ids_.at(category));
  }
  // What it knows of an inbox that is open; nothing: it is not.
  struct Known {
    std::uint64_t last = 0;
    std::uint64_t read = 0;
    bool has_all = false;     // by what it was told
    bool has_credit = false;  // it may be given more
  };
  [[nodiscard]] std::optional<Known> known_of(const std::string& category) const;
  // The last of the inbox that it knows of.
  [[nodiscard]] std::uint64_t known_last(const std::string& category) const;

 private:
  static constexpr std::size_t kAskedMax = 12;
  struct Box {
    std::uint64_t id = 0;  // 0: not yet answered
    Opening opening{};
    std::uint64_t begin = 0;
    std::uint64_t next = 0;
    std::uint64_t last = 0;
    std::uint64_t told_last = 0;
    std::uint64_t told_read = 0;
    std::set<std::uint64_t> unacknowledged{};
  };
  [[nodiscard]] InboxOf inbox(const std::string& category) const { return {eid_, category}; }
  [[nodiscard]] SeatOf seat(const std::string& category) const { return {inbox(category), name_}; }
  void ask(v1::Stanza stanza, std::function<void(const v1::Stanza&)> then);
  void opened(const std::string& category, const v1::InboxOpened& opened);
  void delivered(const v1::InboxDelivery& delivery);
  void deliver(const std::string& category, Box& box, const v1::InboxDelivery& delivery);
  void acknowledge(const std::string& category, Box& box, std::uint64_t up_to);
  void state(const v1::InboxState& state);

  InboxModel& model_;
  const std::string eid_;
  const std::string name_;
  std::unique_ptr<Client> client_{};
  std::uint64_t last_id_ = 0;
  bool wants_answer_ = false;  // when it acknowledges
  std::map<std::uint64_t, std::function<void(const v1::Stanza&)>> asked_{};
  std::map<std::string, Box> boxes_{};  // by category
  std::map<std::uint64_t, Looked> looks_{};
  std::map<std::string, std::uint64_t> look_ids_{};
};

}  // namespace bimip::testing
