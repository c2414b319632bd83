#include "frontend/services/inbox/inbox_service.h"

#include <utility>

#include "frontend/services/own_topic.h"
#include "frontend/stanza/category.h"
#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

// Tells who has an inbox open of the messages whose time has come: nobody else stores them.
class InboxService::Releases final : public engine::Watcher {
 public:
  Releases(engine::Log& log, const InboxHub& hub) : log_(log), hub_(hub) {}
  Releases(const Releases&) = delete;
  Releases& operator=(const Releases&) = delete;

  engine::Status watch(const engine::TopicInfo& topic) {
    for (std::uint32_t i = 0; i < topic.config.partitions; ++i) {
      const engine::PartitionId partition(i);
      if (engine::Status watched = log_.watch(topic.id, partition, *this); !watched) return watched;
      watched_.emplace_back(topic.id, partition);
    }
    return {};
  }
  // Before the log is closed.
  void unwatch() {
    for (const auto& [topic, partition] : watched_) log_.unwatch(topic, partition, *this);
    watched_.clear();
  }
  void on_advanced(engine::TopicId, engine::PartitionId, engine::Offset) override {}
  void on_released(engine::TopicId topic, engine::PartitionId, engine::Bytes key) override {
    hub_.tell({.category = topic, .eid = std::string(engine::as_text(key))});
  }

 private:
  engine::Log& log_;
  const InboxHub& hub_;
  std::vector<std::pair<engine::TopicId, engine::PartitionId>> watched_{};
};

InboxService::InboxService(engine::Log& log) : releases_(std::make_unique<Releases>(log, hub_)) {}
InboxService::~InboxService() = default;

std::string InboxService::permission_of(std::string_view category) {
  return "inbox." + std::string(category);
}

namespace {

engine::Result<engine::TopicInfo> inboxes_topic(engine::Log& log, const std::string& name,
                                                const InboxKept& kept) {
  auto topic = find_or_create(log, name,
                              {.entity_records_max = kept.messages_max,
                               .entity_age = kept.age,
                               .hold_max = limits::kInboxHoldMax});
  if (!topic) return topic;
  const engine::TopicConfig& config = topic->config;
  if (config.entity_records_max == kept.messages_max && config.entity_age == kept.age) return topic;
  return log.alter_topic(name, {.entity_records_max = kept.messages_max, .entity_age = kept.age});
}

}  // namespace

engine::Result<std::unique_ptr<InboxService>> InboxService::open(
    engine::Log& log, const std::vector<std::string>& categories, const InboxKept& kept) {
  std::unique_ptr<InboxService> service(new InboxService(log));
  std::vector<std::string> all(kCategoriesOfAll.begin(), kCategoriesOfAll.end());
  for (const std::string& category : categories) {
    if (!is_category_name(category)) {
      return engine::fail(
          ErrorCode::kInvalidArgument,
          "'" + category + "' is no category: 1 to 32 lower-case letters, digits and hyphens");
    }
    if (is_category_of_all(category))
      return engine::fail(ErrorCode::kInvalidArgument,
                          "'" + category + "' is a category that every server has");
    all.push_back(category);
  }
  for (const std::string& category : all) {
    const std::string name = "$inbox." + category;
    auto topic = inboxes_topic(log, name, kept);
    if (!topic) return engine::fail_at(name, std::move(topic.error()));
    service->categories_[category] = *topic;
  }
  auto marks = Marks::open(log);
  if (!marks) return engine::fail_at(Marks::kTopic, std::move(marks.error()));
  service->marks_ = std::move(*marks);
  service->devices_ = std::make_unique<Devices>(log, service->marks_->topic());
  service->receipts_ = std::make_unique<Receipts>(
      log, service->categories_.at(std::string(kReceipt)), service->hub_, service->blocks_);
  for (const auto& [category, topic] : service->categories_) {
    if (engine::Status watched = service->releases_->watch(topic); !watched) {
      service->releases_->unwatch();
      return engine::fail_at(topic.name, std::move(watched.error()));
    }
  }
  return service;
}

const engine::TopicInfo* InboxService::find(std::string_view category) const {
  const auto found = categories_.find(category);
  return found == categories_.end() ? nullptr : &found->second;
}

// A receipt that was told moves a mark.
void InboxService::settle() {
  releases_->unwatch();
  devices_->settle();
  receipts_->settle();
  marks_->settle();
}

}  // namespace bimip::frontend
