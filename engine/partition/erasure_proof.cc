#include "engine/partition/erasure_proof.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/format/file_names.h"

namespace bimip::engine {
namespace {

constexpr std::size_t kHashBytes = 11;

// As the tables of entities have it: docs/design/format-entities.md.
std::vector<std::byte> stored_form(const EntityHash& hash) {
  std::vector<std::byte> bytes(kHashBytes);
  store(bytes.data(), hash.high);
  store(bytes.data() + 8, static_cast<std::uint16_t>(hash.low));
  store(bytes.data() + 10, static_cast<std::uint8_t>(hash.low >> 16U));
  return bytes;
}

}  // namespace

std::optional<std::size_t> find_bytes(Bytes in, Bytes wanted) {
  if (in.size() < wanted.size() || wanted.empty()) return std::nullopt;
  const void* found = memmem(in.data(), in.size(), wanted.data(), wanted.size());
  if (found == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const std::byte*>(found) - in.data());
}

ErasureProof::ErasureProof(Device& device, BufferPool& pool, Plan plan)
    : device_(device),
      pool_(pool),
      plan_(std::move(plan)),
      hash_(entity_hash(plan_.partition.store, plan_.key)),
      hash_bytes_(stored_form(hash_)) {}

Result<bool> ErasureProof::step() {
  if (!listed_) {
    Result<std::vector<std::string>> names = device_.list(plan_.folder);
    if (!names) return std::unexpected(std::move(names.error()));
    names_ = std::move(*names);
    listed_ = true;
  }
  Status done;
  if (reader_) {
    done = walk_some();
  } else if (file_) {
    done = search_some();
  } else if (next_ < names_.size()) {
    done = open_next();
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return !file_ && next_ == names_.size();
}

// One that went meanwhile (a checkpoint's, a rolled segment's) is passed over: what comes in its
// place was made when nothing of the key was there any more.
Status ErasureProof::open_next() {
  name_ = names_[next_++];
  Result<std::shared_ptr<File>> file = device_.open(plan_.folder / name_, OpenMode::kRead);
  if (!file && file.error().code == ErrorCode::kNotFound) return {};
  if (!file) return std::unexpected(std::move(file.error()));
  Result<std::uint64_t> size = (*file)->size();
  if (!size) return std::unexpected(std::move(size.error()));
  file_ = std::move(*file);
  size_ = *size;
  at_ = FilePosition(0);
  ++report_.files;
  const auto listed = std::ranges::find_if(plan_.segments, [this](const ManifestSegment& segment) {
    return file_names::segment(segment.epoch) == name_;
  });
  segment_ = listed == plan_.segments.end() ? nullptr : &*listed;
  if (segment_ == nullptr) {
    look_at_unlisted();
    return {};
  }
  const bool is_sealed = segment_->state == SegmentState::kSealed;
  if (is_sealed && size_ != segment_->file_bytes)
    trace(FilePosition(0), "a segment that has not the length its manifest says");
  SegmentIdentity identity = plan_.partition;
  identity.epoch = segment_->epoch;
  const std::uint64_t end =
      is_sealed ? size_ - std::min<std::uint64_t>(size_, limits::kSectorBytes) : size_;
  if (Status done = search_sector(FilePosition(0)); !done) return done;
  if (is_sealed) {
    if (Status done = search_sector(FilePosition(end)); !done) return done;
  }
  reader_.emplace(BlockReader::Place{.file = file_,
                                     .segment = identity,
                                     .from = FilePosition(limits::kSectorBytes),
                                     .end = FilePosition(end)},
                  pool_);
  return {};
}

// A segment that the manifest does not list may hold anything. One that is being made has a higher
// epoch than those that were there.
void ErasureProof::look_at_unlisted() {
  const std::optional<file_names::PartitionFile> file = file_names::parse(name_);
  if (!file || file->kind != file_names::FileKind::kSegment) return;
  const bool is_new = std::ranges::all_of(
      plan_.segments, [&](const ManifestSegment& segment) { return segment.epoch < file->epoch; });
  if (!is_new) trace(FilePosition(0), "a segment that the manifest does not list");
}

Status ErasureProof::walk_some() {
  const std::uint64_t before = reader_->bytes_read();
  while (reader_->bytes_read() - before < limits::kRewriteStepBytes) {
    if (reader_->at_end()) return end_walk();
    Result<BlockRef> block = reader_->next();
    if (block) {
      look_at(**block);
      continue;
    }
    if (block.error().code == ErrorCode::kIo) return std::unexpected(std::move(block.error()));
    // From here on blocks are on their way, in any order.
    const bool grows = segment_->state != SegmentState::kSealed;
    if (grows && plan_.writing == Writing::kYes) return end_walk();
    const FilePosition from = reader_->position();
    Result<std::optional<BlockHeader>> good = reader_->resync();
    if (!good) return std::unexpected(std::move(good.error()));
    if (grows && !*good && reader_->nonzero_end() <= from) return end_walk();
    trace(from, "bytes that are no block: nobody can say whose they are");
    if (!*good) return end_walk();
  }
  return {};
}

Status ErasureProof::end_walk() {
  report_.bytes += size_;
  reader_.reset();
  file_.reset();
  return {};
}

void ErasureProof::look_at(const Block& block) {
  RecordCursor records = block.records();
  while (!records.done()) {
    const Result<Record> record = records.next();
    if (!record) return trace(block.header.position, "a block with bytes that are no record");
    ++report_.records;
    if (std::ranges::equal(record->key, plan_.key)) {
      trace(block.header.position,
            "a record of the key, at offset " + std::to_string(record->offset.value()));
    } else if (mentions(*record)) {
      ++report_.mentions;
    }
  }
}

bool ErasureProof::mentions(const Record& record) const {
  if (plan_.key.size() < limits::kEraseKeyBytesMin) return false;
  return find_bytes(record.key, plan_.key) || find_bytes(record.value, plan_.key) ||
         find_bytes(record.headers, plan_.key) || find_bytes(record.idempotency_key, plan_.key);
}

// Of a segment: its header or its footer.
Status ErasureProof::search_sector(FilePosition at) {
  std::array<std::byte, limits::kSectorBytes> sector{};
  Result<std::size_t> got = file_->read_at(at, sector);
  if (!got) return std::unexpected(std::move(got.error()));
  search(Bytes(sector).first(*got), at);
  return {};
}

// Each step goes on some bytes before where the last one ended, so that nothing lies across.
Status ErasureProof::search_some() {
  const std::uint64_t overlap = std::max(plan_.key.size(), ErasedRecords::kSampleBytes);
  std::vector<std::byte> bytes(
      std::min<std::uint64_t>(limits::kRewriteStepBytes + overlap, size_ - at_.value()));
  Result<std::size_t> got = file_->read_at(at_, bytes);
  if (!got) return std::unexpected(std::move(got.error()));
  search(Bytes(bytes).first(*got), at_);
  const bool at_end = *got < bytes.size() || at_.value() + *got >= size_;
  at_ += at_end ? *got : *got - overlap;
  if (!at_end) return {};
  report_.bytes += at_.value();
  file_.reset();
  return {};
}

void ErasureProof::search(Bytes bytes, FilePosition at) {
  if (const auto found = find_bytes(bytes, hash_bytes_)) trace(at + *found, "the key's hash");
  if (plan_.key.size() >= limits::kEraseKeyBytesMin) {
    if (const auto found = find_bytes(bytes, plan_.key)) trace(at + *found, "the key");
  }
  if (!plan_.erased || !plan_.erased->has_samples()) return;
  for (std::size_t i = 0; i + ErasedRecords::kSampleBytes <= bytes.size(); ++i) {
    if (!plan_.erased->has_sample(bytes.data() + i)) continue;
    return trace(at + i, "a piece of an erased value");
  }
}

void ErasureProof::trace(FilePosition position, std::string what) {
  ++report_.traces;
  const std::optional<Epoch> segment =
      segment_ != nullptr ? std::optional(segment_->epoch) : std::nullopt;
  const bool is_first_of_segment =
      segment &&
      std::ranges::find(report_.left, segment, &ErasureTrace::segment) == report_.left.end();
  if (report_.left.size() >= limits::kErasePlacesNamed && !is_first_of_segment) return;
  report_.left.push_back({.file = plan_.folder / name_,
                          .position = position,
                          .what = std::move(what),
                          .segment = segment});
}

}  // namespace bimip::engine
