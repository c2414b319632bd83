#include "frontend/services/inbox/inbox_service.h"

#include "frontend/stanza/category.h"

namespace bimip::frontend {

using engine::ErrorCode;

std::string InboxService::permission_of(std::string_view category) {
  return "inbox." + std::string(category);
}

engine::Result<std::unique_ptr<InboxService>> InboxService::open(
    engine::Log& log, const std::vector<std::string>& categories) {
  std::unique_ptr<InboxService> service(new InboxService());
  std::vector<std::string> all{std::string(kChat), std::string(kNotification),
                               std::string(kControl), std::string(kSent), std::string(kReceipt)};
  for (const std::string& category : categories) {
    if (!is_category_name(category)) {
      return engine::fail(
          ErrorCode::kInvalidArgument,
          "'" + category + "' is no category: 1 to 32 lower-case letters, digits and hyphens");
    }
    all.push_back(category);
  }
  for (const std::string& category : all) {
    const std::string name = "$inbox." + category;
    auto topic = log.find_topic(name);
    if (!topic) topic = log.create_topic(name, {});
    if (!topic) return engine::fail_at(name, std::move(topic.error()));
    service->categories_[category] = *topic;
  }
  auto marks = Marks::open(log);
  if (!marks) return engine::fail_at(Marks::kTopic, std::move(marks.error()));
  service->marks_ = std::move(*marks);
  service->receipts_ = std::make_unique<Receipts>(
      log, service->categories_.at(std::string(kReceipt)), service->hub_);
  return service;
}

const engine::TopicInfo* InboxService::find(std::string_view category) const {
  const auto found = categories_.find(category);
  return found == categories_.end() ? nullptr : &found->second;
}

// A receipt that was told moves a mark.
void InboxService::settle() {
  receipts_->settle();
  marks_->settle();
}

}  // namespace bimip::frontend
