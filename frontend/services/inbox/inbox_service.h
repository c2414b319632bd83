// The node's inboxes: the topics they are views of, and what all sessions share of them.
// Design: docs/design/inbox.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/services/blocks.h"
#include "frontend/services/inbox/devices.h"
#include "frontend/services/inbox/inbox_hub.h"
#include "frontend/services/inbox/marks.h"
#include "frontend/services/inbox/receipts.h"

namespace bimip::frontend {

// What of each inbox is kept; the rest goes from the log when it gets round to it, and devices are
// told a gap there. Zero: all of it.
struct InboxKept {
  std::uint64_t messages_max = 0;  // the newest
  std::chrono::seconds age{};      // but for the newest one
};

// Thread-safe. Outlives its log's answers: the log is closed before it goes.
class InboxService {
 public:
  // To be sent to by everybody who may; others are those of the configuration.
  static constexpr std::string_view kChat = "chat";
  static constexpr std::string_view kNotification = "notification";
  static constexpr std::string_view kControl = "control";
  // Written by the server only.
  static constexpr std::string_view kSent = "sent";
  static constexpr std::string_view kReceipt = "receipt";

  // Makes the topics that are missing, and has all of them keep that much; blocks.
  // kInvalidArgument: a category's name.
  [[nodiscard]] static engine::Result<std::unique_ptr<InboxService>> open(
      engine::Log& log, const std::vector<std::string>& categories, const InboxKept& kept = {});

  ~InboxService();

  // Nothing: there is no such category.
  [[nodiscard]] const engine::TopicInfo* find(std::string_view category) const;
  [[nodiscard]] static bool is_servers_own(std::string_view category) {
    return category == kSent || category == kReceipt;
  }
  // What a permission to send there names: "inbox.chat".
  [[nodiscard]] static std::string permission_of(std::string_view category);

  [[nodiscard]] const InboxHub& hub() const { return hub_; }
  [[nodiscard]] InboxHub& hub() { return hub_; }
  [[nodiscard]] Blocks& blocks() { return blocks_; }
  [[nodiscard]] Marks& marks() { return *marks_; }
  [[nodiscard]] Receipts& receipts() { return *receipts_; }
  [[nodiscard]] Devices& devices() { return *devices_; }
  // Waits until the log has answered for everything: before it is closed.
  void settle();

 private:
  class Releases;
  explicit InboxService(engine::Log& log);
  std::map<std::string, engine::TopicInfo, std::less<>> categories_;
  InboxHub hub_;
  Blocks blocks_;
  std::unique_ptr<Marks> marks_;
  std::unique_ptr<Receipts> receipts_;
  std::unique_ptr<Devices> devices_;
  std::unique_ptr<Releases> releases_;
};

}  // namespace bimip::frontend
