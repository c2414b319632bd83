#include "engine/partition/entity_reader.h"

#include <algorithm>
#include <ranges>

namespace bimip::engine {
namespace {

// The records of one block at a time, by offset.
class BlockLens {
 public:
  explicit BlockLens(const PartitionReader& reader) : reader_(reader) {}

  // kDamaged when the record cannot be read; nothing when there is none at that offset.
  Result<std::optional<Record>> at(Offset offset) {
    if (!block_ || offset < block_->header.base_offset || offset >= block_->header.end_offset()) {
      if (Status loaded = load(offset); !loaded) return std::unexpected(std::move(loaded.error()));
    }
    const auto here = std::ranges::lower_bound(records_, offset, {}, &Record::offset);
    if (here == records_.end() || here->offset != offset) return std::nullopt;
    return *here;
  }
  [[nodiscard]] const BlockRef& block() const { return block_; }

 private:
  Status load(Offset offset) {
    block_.reset();
    Result<RecordBatch> batch = reader_.read_disk(offset, 1);
    if (!batch) return std::unexpected(std::move(batch.error()));
    if (batch->blocks().empty())
      return fail(ErrorCode::kDamaged, "no record there", {.first = offset, .end = offset + 1});
    records_.clear();
    RecordCursor records = batch->blocks().front()->records();
    while (!records.done()) {
      Result<Record> record = records.next();
      if (!record) return std::unexpected(std::move(record.error()));
      records_.push_back(*record);
    }
    block_ = batch->blocks().front();
    return {};
  }

  const PartitionReader& reader_;
  BlockRef block_{};
  std::vector<Record> records_{};
};

// A stretch of one segment whose entities are known, and the segment.
struct Known {
  std::shared_ptr<const EntityDirectories> keeps{};
  EntityDirectoryView view{};
};

// The directory that knows about `offset`; nothing when none does yet. kIo, kDamaged.
Result<std::optional<Known>> directory_at(const PartitionReader& reader, Offset offset) {
  Result<std::shared_ptr<const Segment>> segment = reader.segment_at(offset);
  if (!segment) return std::unexpected(std::move(segment.error()));
  Result<std::shared_ptr<const EntityDirectories>> directories = (*segment)->entities();
  if (!directories) return std::unexpected(std::move(directories.error()));
  for (const EntityDirectoryView& view : (*directories)->views()) {
    if (offset >= view.offsets().first && offset < view.offsets().end)
      return Known{.keeps = *directories, .view = view};
  }
  return std::nullopt;
}

std::unexpected<Error> unreadable_directory() {
  return fail(ErrorCode::kIo, "a directory of entities cannot be read");
}

// Goes from an entity's newest record back to older ones.
class Walk {
 public:
  struct Wanted {
    IncrementId first{};
    IncrementId last{};
    std::size_t records = 0;
    EntityOrder order{};
  };
  Walk(const PartitionReader& reader, const EntityHash& hash, Bytes key, const Wanted& wanted)
      : reader_(reader), hash_(hash), key_(key), wanted_(wanted), lens_(reader) {}

  // By falling increments; of more than were wanted, those that come first in the wanted order.
  Result<std::deque<EntityRecord>> run(const EntityRecord& newest) {
    std::optional<Offset> at = newest.offset;
    const Offset start = reader_.bounds().start;
    while (at && *at >= start && !done_) {
      Result<std::optional<Offset>> older = step(*at);
      if (!older) return std::unexpected(std::move(older.error()));
      at = *older;
    }
    return std::move(found_);
  }

 private:
  // Takes what is at `offset`, and with a directory all before it in there; answers where the next
  // older record is.
  Result<std::optional<Offset>> step(Offset offset) {
    Result<std::optional<Known>> known = directory_at(reader_, offset);
    if (!known && known.error().code != ErrorCode::kDamaged)
      return std::unexpected(std::move(known.error()));
    if (known && *known) {
      const std::optional<EntityEntry> entry = (*known)->view.find(hash_);
      const bool is_here = entry && entry->record(0).offset <= offset;
      if (is_here) take(*entry, offset);
      const std::optional<Offset> older = is_here ? entry->previous() : std::nullopt;
      if (!(*known)->keeps->is_readable()) return unreadable_directory();
      if (is_here) return older;
      return below((*known)->view.offsets().first);
    }
    const Result<std::optional<Record>> record = lens_.at(offset);
    if (!record && record.error().code != ErrorCode::kDamaged)
      return std::unexpected(record.error());
    const bool is_ours =
        record && *record && (*record)->entity && std::ranges::equal((*record)->key, key_);
    if (!is_ours) return below(offset);
    take({.increment = (*record)->entity->increment, .offset = offset});
    return (*record)->entity->previous;
  }

  // The newest record of the entity that a directory knows below `offset`: where its chain is
  // broken by damage, or leads to a record that compaction took.
  Result<std::optional<Offset>> below(Offset offset) {
    const Offset start = reader_.bounds().start;
    while (offset > start) {
      Result<std::optional<Known>> known = directory_at(reader_, offset - 1);
      if (!known && known.error().code != ErrorCode::kDamaged)
        return std::unexpected(std::move(known.error()));
      if (!known) {  // a segment that cannot be opened
        offset = known.error().range.first;
        continue;
      }
      if (!*known) {
        const Offset first = std::min(offset - 1, indexed_end(offset));
        Result<std::optional<Offset>> found = search({.first = first, .end = offset});
        if (!found || *found) return found;
        offset = first;
        continue;
      }
      std::optional<Offset> newest;
      if (const std::optional<EntityEntry> entry = (*known)->view.find(hash_))
        newest = entry->newest().offset;
      if (!(*known)->keeps->is_readable()) return unreadable_directory();
      if (newest) return newest;
      offset = (*known)->view.offsets().first;
    }
    return std::nullopt;
  }

  // The newest record of the entity in a stretch that no directory knows yet.
  Result<std::optional<Offset>> search(OffsetRange stretch) {
    std::optional<Offset> newest;
    for (Offset from = stretch.first; from < stretch.end;) {
      Result<RecordBatch> batch = reader_.read_disk(from, limits::kCommitPayloadBytes);
      if (!batch && batch.error().code != ErrorCode::kDamaged)
        return std::unexpected(std::move(batch.error()));
      const OffsetRange read = batch ? batch->range() : batch.error().range;
      if (read.end <= from) break;
      if (batch) {
        const Status visited = batch->for_each([&](const Record& record) {
          if (record.offset < stretch.end && record.entity && std::ranges::equal(record.key, key_))
            newest = record.offset;
        });
        if (!visited) return std::unexpected(visited.error());
      }
      from = read.end;
    }
    return newest;
  }

  // The end of the directories of the segment that holds the offset before this one.
  Offset indexed_end(Offset offset) const {
    const Result<std::shared_ptr<const Segment>> segment = reader_.segment_at(offset - 1);
    if (!segment) return offset - 1;
    const auto directories = (*segment)->entities();
    const Offset end = directories ? (*directories)->end() : Offset(0);
    return std::max(end, (*segment)->base_offset());
  }

  void take(const EntityEntry& entry, Offset newest) {
    std::size_t low = entry.find(wanted_.first);
    std::size_t high = std::min(entry.size(), entry.find(wanted_.last + 1));
    while (high > low && entry.record(high - 1).offset > newest) --high;
    if (low > 0 || (entry.size() > 0 && entry.record(0).increment <= wanted_.first)) done_ = true;
    if (wanted_.order == EntityOrder::kOldestFirst && high - low > wanted_.records)
      high = low + wanted_.records;
    for (std::size_t slot = high; slot > low; --slot) keep(entry.record(slot - 1));
  }
  void take(const EntityRecord& record) {
    if (record.increment <= wanted_.first) done_ = true;
    if (record.increment >= wanted_.first && record.increment <= wanted_.last) keep(record);
  }
  void keep(const EntityRecord& record) {
    if (wanted_.order == EntityOrder::kOldestFirst) {
      found_.push_back(record);
      if (found_.size() > wanted_.records) found_.pop_front();
    } else {
      if (found_.size() < wanted_.records) found_.push_back(record);
      if (found_.size() == wanted_.records) done_ = true;
    }
  }

  const PartitionReader& reader_;
  const EntityHash hash_;
  const Bytes key_;
  const Wanted wanted_;
  BlockLens lens_;
  std::deque<EntityRecord> found_{};
  bool done_ = false;
};

// Makes the answer: the records themselves, and what is missing between them.
class Gatherer {
 public:
  Gatherer(const PartitionReader& reader, const EntityReadRequest& request,
           std::vector<LostRecords> lost)
      : request_(request),
        lost_(std::move(lost)),
        start_(reader.bounds().start),
        now_(reader.now()),
        lens_(reader) {}

  // `expected`: the first increment in the order wanted.
  Status run(const std::deque<EntityRecord>& places, IncrementId expected) {
    expected_ = expected;
    std::size_t bytes = 0;
    const auto visit = [&](const EntityRecord& place) -> Result<bool> {
      Result<std::optional<Record>> record = lens_.at(place.offset);
      if (!record && record.error().code != ErrorCode::kDamaged)
        return std::unexpected(std::move(record.error()));
      const bool is_ours = record && *record && (*record)->entity &&
                           (*record)->entity->increment == place.increment &&
                           std::ranges::equal((*record)->key, request_.key);
      if (!is_ours) {
        damaged_.push_back({.first = place.offset, .end = place.offset + 1});
        return true;
      }
      pass(place);
      if (request_.expired == ExpiredRecords::kLeftOut && has_expired(**record, now_)) {
        pass_expired(place);
        return true;
      }
      if (out_.blocks.empty() || out_.blocks.back() != lens_.block())
        out_.blocks.push_back(lens_.block());
      bytes += encoded_record_bytes(**record);
      out_.records.push_back(**record);
      go_on_behind(place);
      return bytes < request_.bytes_max;
    };
    const auto visit_all = [&](auto&& range) -> Status {
      for (const EntityRecord& place : range) {
        Result<bool> more = visit(place);
        if (!more) return std::unexpected(std::move(more.error()));
        if (!*more) {
          stopped_ = true;
          return {};
        }
      }
      return {};
    };
    const Status done = forward() ? visit_all(std::views::reverse(places)) : visit_all(places);
    if (done && !stopped_ && !places.empty())
      pass_unread(forward() ? places.front() : places.back());
    return done;
  }

  // Nothing more of [first, last] is there.
  void finish(IncrementId first, IncrementId last, Offset newest) {
    if (stopped_) return;
    if (forward() && expected_ <= last) {
      gap(expected_, last, {.first = before_ ? *before_ + 1 : Offset(0), .end = newest + 1});
      expected_ = last + 1;
    } else if (!forward() && expected_ >= first && expected_ != IncrementId(0)) {
      gap(first, expected_, {.first = Offset(0), .end = before_.value_or(newest + 1)});
      expected_ = first - 1;
    }
  }

  EntityBatch batch(IncrementId last_increment) {
    out_.last_increment = last_increment;
    out_.next = expected_;
    return EntityBatch(std::move(out_));
  }

 private:
  [[nodiscard]] bool forward() const { return request_.order == EntityOrder::kOldestFirst; }

  // What lies between the record before and the one at `place` is missing.
  void pass(const EntityRecord& place) {
    if (forward() && expected_ < place.increment) {
      gap(expected_, place.increment - 1,
          {.first = before_ ? *before_ + 1 : Offset(0), .end = place.offset});
    } else if (!forward() && expected_ > place.increment) {
      gap(place.increment + 1, expected_,
          {.first = place.offset + 1, .end = before_.value_or(place.offset + 1)});
    }
  }

  void pass_expired(const EntityRecord& place) {
    const OffsetRange here{.first = place.offset, .end = place.offset + 1};
    EntityGap* const last = out_.gaps.empty() ? nullptr : &out_.gaps.back();
    const bool goes_on =
        last != nullptr && last->kind == EntityGapKind::kExpired &&
        (forward() ? last->last + 1 == place.increment : place.increment + 1 == last->first);
    if (!goes_on) {
      out_.gaps.push_back({.kind = EntityGapKind::kExpired,
                           .first = place.increment,
                           .last = place.increment,
                           .offsets = here});
    } else if (forward()) {
      last->last = place.increment;
      last->offsets.end = here.end;
    } else {
      last->first = place.increment;
      last->offsets.first = here.first;
    }
    go_on_behind(place);
  }

  void go_on_behind(const EntityRecord& place) {
    expected_ = forward() ? place.increment + 1 : place.increment - 1;
    before_ = place.offset;
  }

  // `place` is the last one, and it or those before it could not be read: reading goes on behind
  // it.
  void pass_unread(const EntityRecord& place) {
    if (forward() && expected_ <= place.increment) {
      gap(expected_, place.increment,
          {.first = before_ ? *before_ + 1 : Offset(0), .end = place.offset + 1});
      expected_ = place.increment + 1;
    } else if (!forward() && expected_ >= place.increment) {
      gap(place.increment, expected_,
          {.first = place.offset, .end = before_.value_or(place.offset + 1)});
      expected_ = place.increment - 1;
    }
  }

  void gap(IncrementId first, IncrementId last, OffsetRange offsets) {
    const auto meets = [&](const OffsetRange& range) {
      return range.first < offsets.end && offsets.first < range.end;
    };
    EntityGapKind kind = EntityGapKind::kCompaction;
    const bool from_start = offsets.first == Offset(0);
    if (std::ranges::any_of(damaged_, meets) ||
        std::ranges::any_of(lost_, [&](const LostRecords& l) { return meets(l.offsets); })) {
      kind = EntityGapKind::kDamage;
    } else if (from_start && start_ > Offset(0)) {
      kind = EntityGapKind::kRetention;
    }
    out_.gaps.push_back({.kind = kind, .first = first, .last = last, .offsets = offsets});
  }

  const EntityReadRequest& request_;
  const std::vector<LostRecords> lost_;
  const Offset start_;
  const Timestamp now_;
  BlockLens lens_;
  std::vector<OffsetRange> damaged_{};
  EntityBatch::Parts out_{};
  IncrementId expected_{};
  std::optional<Offset> before_{};
  bool stopped_ = false;
};

// Once more when the log's start moved meanwhile: what was to be read may have gone, and what was
// said of it is elsewhere.
template <typename Read>
auto while_start_stays(const PartitionReader& reader, Read&& read) {
  while (true) {
    const Offset start = reader.bounds().start;
    auto result = read();
    if (result || result.error().code != ErrorCode::kOutOfRange || reader.bounds().start == start)
      return result;
  }
}

}  // namespace

Result<EntityReader::Cold> EntityReader::find(const EntityHash& hash) const {
  return while_start_stays(reader_, [&] { return look_for(hash); });
}

Result<EntityBatch> EntityReader::read(const EntityReadRequest& request,
                                       const EntityRecord& newest) const {
  return while_start_stays(reader_, [&] { return read_from(request, newest); });
}

Result<EntityReader::Cold> EntityReader::look_for(const EntityHash& hash) const {
  Cold cold;
  // Before the base: the segments that go after this are counted there.
  const std::vector<OffsetRange> segments = reader_.segments();
  Result<std::shared_ptr<const BaseFile>> base = reader_.entity_base();
  if (!base && base.error().code != ErrorCode::kNotFound &&
      base.error().code != ErrorCode::kDamaged)
    return std::unexpected(std::move(base.error()));
  const Offset counted = base ? (*base)->view().header().end_offset : Offset(0);
  for (const OffsetRange& range : segments) {
    if (range.end <= counted) break;
    Result<std::shared_ptr<const Segment>> segment = reader_.segment_at(range.first);
    Result<std::shared_ptr<const EntityDirectories>> directories =
        segment ? (*segment)->entities()
                : Result<std::shared_ptr<const EntityDirectories>>(
                      std::unexpected(std::move(segment.error())));
    if (!directories) {
      if (directories.error().code != ErrorCode::kDamaged)
        return std::unexpected(std::move(directories.error()));
      cold.lost.push_back({.offsets = range});
      continue;
    }
    for (const EntityDirectoryView& view : std::views::reverse((*directories)->views())) {
      const std::optional<EntityEntry> entry = view.find(hash);
      if (entry) cold.newest = entry->newest();
      if (entry) break;
    }
    if (!(*directories)->is_readable()) return unreadable_directory();
    if (cold.newest) return cold;
  }
  if (!base) return cold;
  Result<std::optional<EntityNewest>> found = (*base)->view().find(hash);
  if (!(*base)->is_readable()) return unreadable_directory();
  if (!found) {
    cold.lost.push_back(
        {.offsets = {.first = Offset(0), .end = counted}, .first = hash, .last = hash});
  } else if (*found) {
    cold.newest = (*found)->newest;
  }
  return cold;
}

Result<EntityBatch> EntityReader::read_from(const EntityReadRequest& request,
                                            const EntityRecord& newest) const {
  const bool forward = request.order == EntityOrder::kOldestFirst;
  IncrementId first(1);
  IncrementId last = newest.increment;
  if (request.from && forward) first = std::max(first, *request.from);
  if (request.from && !forward) last = std::min(last, *request.from);
  if (first > last || last == IncrementId(0)) {
    return EntityBatch(
        {.last_increment = newest.increment, .next = forward ? first : IncrementId(0)});
  }
  const Walk::Wanted wanted{
      .first = first,
      .last = last,
      .records = std::clamp<std::size_t>(request.records_max, 1, limits::kEntityRecordsPerRead),
      .order = request.order};
  Result<std::deque<EntityRecord>> places =
      Walk(reader_, index_.hash(request.key), request.key, wanted).run(newest);
  if (!places) return std::unexpected(std::move(places.error()));
  Gatherer gatherer(reader_, request, index_.lost());
  const Status read = gatherer.run(*places, forward ? first : last);
  if (!read) return std::unexpected(read.error());
  if (places->size() < wanted.records) gatherer.finish(first, last, newest.offset);
  return gatherer.batch(newest.increment);
}

Result<EntityListRequest::Page> EntityReader::list(const EntityListRequest& request) const {
  const std::size_t max =
      std::clamp<std::size_t>(request.entities_max, 1, limits::kEntityRecordsPerRead);
  const EntityIndex::Page found = index_.list(request.from, max);
  EntityListRequest::Page page;
  page.next = found.next;
  BlockLens lens(reader_);
  for (const EntityNewest& entity : found.entities) {
    EntityInfo info{
        .hash = entity.hash,
        .key = {},
        .state = {.last_increment = entity.newest.increment, .newest = entity.newest.offset}};
    Result<std::optional<Record>> record = lens.at(entity.newest.offset);
    if (!record && record.error().code == ErrorCode::kIo)
      return std::unexpected(std::move(record.error()));
    if (record && *record) info.key.assign((*record)->key.begin(), (*record)->key.end());
    page.entities.push_back(std::move(info));
  }
  return page;
}

}  // namespace bimip::engine
