// Creating and altering topics, and asking about them.
#pragma once

#include <cstdint>
#include <memory>

namespace bimip::v1 {
class AlterTopic;
class CreateTopic;
class DescribeTopic;
class ListTopics;
class ReopenTopic;
}  // namespace bimip::v1

namespace bimip::frontend {

class Session;

// Each is answered with a TopicDescription, a TopicList or an Error. Creating and altering block on
// the disk, so their answers come later than those of what was asked after them.
void create_topic(const std::shared_ptr<Session>& session, std::uint64_t id,
                  const v1::CreateTopic& create);
void alter_topic(const std::shared_ptr<Session>& session, std::uint64_t id,
                 const v1::AlterTopic& alter);
void reopen_topic(const std::shared_ptr<Session>& session, std::uint64_t id,
                  const v1::ReopenTopic& reopen);
void describe_topic(Session& session, std::uint64_t id, const v1::DescribeTopic& describe);
void list_topics(Session& session, std::uint64_t id, const v1::ListTopics& list);

}  // namespace bimip::frontend
