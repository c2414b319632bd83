// The subscribing side of a session, without its socket: how far each partition was read, and what
// is owed to the server.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace bimip::client {

struct PartitionPosition {
  std::uint32_t partition = 0;
  std::uint64_t next_offset = 0;  // the first that was not taken yet
  std::uint64_t end_offset = 0;   // where the partition ended when it was first subscribed to
};

struct OwedAcknowledgement {
  std::uint64_t subscription_id = 0;
  std::uint32_t partition = 0;
  std::uint64_t end_offset = 0;
};

// The partitions of one subscriber, over any number of sessions. A partition is read from where it
// was first told to start; a later session resumes at its next offset, so that nothing is taken
// twice and nothing is left out. Thread-compatible.
class Cursors {
 public:
  enum class Verdict : std::uint8_t {
    kNew,        // to be handed on
    kRepeated,   // was taken before
    kUnordered,  // there is no such partition here, or records before it are missing
  };

  // A subscription's answer. The first one for a partition decides where it starts and ends.
  void on_subscribed(std::uint64_t subscription_id, const PartitionPosition& start);
  // Subscriptions end with their session; the positions stay.
  void on_disconnected();

  [[nodiscard]] Verdict take(std::uint32_t partition, std::uint64_t offset);
  // Whether there was anything in [first, end) still to come.
  bool skip(std::uint32_t partition, std::uint64_t first_offset, std::uint64_t end_offset);

  [[nodiscard]] bool is_started() const { return !partitions_.empty(); }
  // Everything that was there at the start was taken.
  [[nodiscard]] bool is_at_end() const { return is_started() && behind_ == 0; }
  [[nodiscard]] bool is_beyond_end(std::uint32_t partition, std::uint64_t offset) const;
  [[nodiscard]] std::vector<PartitionPosition> positions() const;

  // Records taken and not acknowledged, over all partitions.
  [[nodiscard]] std::uint64_t owed() const { return owed_; }
  // What acknowledges them all.
  [[nodiscard]] std::vector<OwedAcknowledgement> acknowledge();

 private:
  struct Cursor {
    std::uint64_t subscription_id = 0;
    std::uint64_t next_offset = 0;
    std::uint64_t end_offset = 0;
    std::uint64_t acknowledged = 0;
  };
  void move(Cursor& cursor, std::uint64_t next_offset);

  std::map<std::uint32_t, Cursor> partitions_{};
  std::size_t behind_ = 0;  // partitions that are not at their end
  std::uint64_t owed_ = 0;
};

}  // namespace bimip::client
