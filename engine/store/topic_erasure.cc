#include "engine/store/topic_erasure.h"

#include <memory>
#include <utility>

namespace bimip::engine {
namespace {

// Owned by the partition that it was given to, until that answers.
class ErasureInTurn final : public EraseRequest {
 public:
  ErasureInTurn(WriterLoop& loop, std::vector<Partition*> partitions, EraseRequest& whole)
      : loop_(loop), partitions_(std::move(partitions)), whole_(whole) {
    topic = whole.topic;
    key = whole.key;
  }

  void ask() { loop_.erase(*partitions_[next_], *this); }

  void on_erased(Result<Erased> result) override {
    if (!result) {
      const PartitionId partition = partitions_[next_]->place().partition.partition;
      return answer(
          fail_at("partition " + std::to_string(partition.value()), std::move(result.error())));
    }
    add(*result);
    if (++next_ < partitions_.size()) return ask();
    answer(sum_);
  }

 private:
  void answer(Result<Erased> result) {
    const std::unique_ptr<ErasureInTurn> self(this);
    whole_.on_erased(std::move(result));
  }
  void add(const Erased& part) {
    sum_.records += part.records;
    sum_.record_bytes += part.record_bytes;
    sum_.segments_rewritten += part.segments_rewritten;
    sum_.side_files_removed += part.side_files_removed;
    sum_.files_proven += part.files_proven;
    sum_.bytes_proven += part.bytes_proven;
    sum_.mentions += part.mentions;
  }

  WriterLoop& loop_;
  const std::vector<Partition*> partitions_;
  EraseRequest& whole_;
  std::size_t next_ = 0;
  Erased sum_{};
};

}  // namespace

void erase_in_turn(WriterLoop& loop, std::vector<Partition*> partitions, EraseRequest& whole) {
  std::make_unique<ErasureInTurn>(loop, std::move(partitions), whole).release()->ask();
}

}  // namespace bimip::engine
