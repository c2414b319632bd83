// Erasure of a key, step by step. Why in this order: docs/design/erasure.md.
#include <algorithm>
#include <utility>

#include "engine/partition/upkeep.h"

namespace bimip::engine {
namespace {

std::string text_of(const ErasureReport& report) {
  std::string text = "something of the key is left in " + std::to_string(report.traces) +
                     (report.traces == 1 ? " place" : " places");
  for (const ErasureTrace& trace : report.left) {
    text += "; " + trace.file.string() + " at " + std::to_string(trace.position.value()) + ": " +
            trace.what;
  }
  return text;
}

}  // namespace

void Upkeep::erase(EraseRequest& request) {
  if (stopped_) return request.on_erased(fail(ErrorCode::kClosed, "the partition is closing"));
  erasures_.push_back(&request);
  look_again_ = true;
  retry_at_ = {};
}

// Not begun before it is this partition's turn: until then appends to the key are taken.
bool Upkeep::choose_erasure() {
  if (erasure_) {
    continue_erasure();
    return true;
  }
  if (erasures_.empty()) return false;
  look_again_ = true;
  if (!enter()) return true;
  erasure_.emplace();
  erasure_->request = erasures_.front();
  erasures_.pop_front();
  const Bytes key = erasure_->request->key;
  erasure_->key.assign(key.begin(), key.end());
  erasure_->hash = entity_hash(parts_.keeper.identity(Epoch(0)).store, key);
  parts_.erasure.begin_refusing(erasure_->key);
  continue_erasure();
  return true;
}

void Upkeep::continue_erasure() {
  look_again_ = true;
  switch (erasure_->phase) {
    case ErasurePass::Phase::kSealing: {
      const Result<bool> sealed = parts_.erasure.all_sealed();
      if (!sealed) return end_erasure(std::unexpected(sealed.error()));
      if (!*sealed) return;
      erasure_->segments.clear();
      erasure_->next = 0;
      for (const ManifestSegment& segment : parts_.keeper.manifest().segments) {
        if (segment.state == SegmentState::kSealed) erasure_->segments.push_back(segment);
      }
      erasure_->phase = ErasurePass::Phase::kLooking;
      return look_on();
    }
    case ErasurePass::Phase::kLooking:
      return look_on();
    case ErasurePass::Phase::kRewriting:
      return erase_next();
    case ErasurePass::Phase::kProving:
      return prove_on();
    case ErasurePass::Phase::kFound:
      return erase_what_was_found();
  }
}

void Upkeep::look_on() {
  if (erasure_->next == erasure_->segments.size()) {
    erasure_->segments = std::exchange(erasure_->holding, {});
    erasure_->next = 0;
    erasure_->phase = ErasurePass::Phase::kRewriting;
    return erase_next();
  }
  stepping_ = true;
  const SealedSegment::Place place = parts_.keeper.place_of(erasure_->segments[erasure_->next]);
  parts_.background.post([this, place, hash = erasure_->hash] {
    auto holds = std::make_shared<Result<bool>>(may_hold(parts_.device, parts_.pool, place, hash));
    parts_.post([this, holds] { looked(*holds); });
  });
}

void Upkeep::looked(const Result<bool>& holds) {
  stepping_ = false;
  if (stopped_ || !erasure_) return finish();
  if (!holds) return failed(holds.error());
  if (*holds) erasure_->holding.push_back(erasure_->segments[erasure_->next]);
  ++erasure_->next;
  look_on();
}

void Upkeep::erase_next() {
  if (erasure_->next == erasure_->segments.size()) return forget_erased();
  const ManifestSegment& segment = erasure_->segments[erasure_->next++];
  if (pass_) pass_->failed = true;  // a group that it was to go over is not there any more
  ++erasure_->result.segments_rewritten;
  begin({.sources = {segment},
         .filter = std::make_unique<ErasureFilter>(erasure_->key, erasure_->erased),
         .cleaned_at = segment.cleaned_at,
         .damaged = SegmentRewrite::Damaged::kLeftOut});
}

// The writer first: what it remembers goes into the files that are written from now on.
void Upkeep::forget_erased() {
  forgetting_ = true;
  auto offsets = std::make_shared<std::vector<Offset>>(erasure_->erased->idempotent());
  parts_.erasure.forget_idempotency(*offsets);
  auto removed = std::make_shared<std::uint64_t>(0);
  parts_.run_keeper(
      [&keeper = parts_.keeper, offsets, removed, hash = erasure_->hash]() -> Status {
        if (Status done = keeper.forget_idempotency(*offsets); !done) return done;
        if (Status done = keeper.forget_entity(hash); !done) return done;
        Result<std::uint64_t> side_files = keeper.remove_side_files();
        if (!side_files) return std::unexpected(std::move(side_files.error()));
        *removed = *side_files;
        return {};
      },
      [this, removed](Status status) {
        forgetting_ = false;
        if (stopped_ || !erasure_) return finish();
        if (!status) return failed(status.error());
        erasure_->result.side_files_removed += *removed;
        parts_.erasure.forget_entity(erasure_->hash);
        begin_proof();
      });
}

void Upkeep::begin_proof() {
  erasure_->proof = std::make_shared<ErasureProof>(
      parts_.device, parts_.pool,
      ErasureProof::Plan{.folder = parts_.keeper.folder(),
                         .partition = parts_.keeper.identity(Epoch(0)),
                         .segments = parts_.keeper.manifest().segments,
                         .key = erasure_->key,
                         .erased = erasure_->erased});
  erasure_->phase = ErasurePass::Phase::kProving;
  prove_on();
}

void Upkeep::prove_on() {
  waiting_ = !parts_.budget.take(limits::kRewriteStepBytes);
  if (waiting_) return;
  stepping_ = true;
  parts_.background.post([this, proof = erasure_->proof] {
    auto done = std::make_shared<Result<bool>>(proof->step());
    parts_.post([this, done] { proven(*done); });
  });
}

void Upkeep::proven(const Result<bool>& done) {
  stepping_ = false;
  if (stopped_ || !erasure_) return finish();
  if (!done) return failed(done.error());
  if (!*done) return prove_on();
  const ErasureReport& report = erasure_->proof->report();
  if (report.traces > 0) {
    erasure_->phase = ErasurePass::Phase::kFound;
    return finish();
  }
  Erased erased = erasure_->result;
  erased.records = erasure_->erased->records();
  erased.record_bytes = erasure_->erased->bytes();
  erased.files_proven = report.files;
  erased.bytes_proven = report.bytes;
  erased.mentions = report.mentions;
  end_erasure(erased);
  finish();
}

// Of segments whose directories knew nothing, some may have rotted since, a directory was wrong, or
// they have records that no directory knows (those that are held until their time): they are
// written anew; the active one once it is sealed.
void Upkeep::erase_what_was_found() {
  const ErasureReport& report = erasure_->proof->report();
  const auto is_found = [&](const ManifestSegment& segment) {
    return std::ranges::find(report.left, std::optional(segment.epoch), &ErasureTrace::segment) !=
           report.left.end();
  };
  const bool can_go = std::ranges::all_of(
      report.left, [](const ErasureTrace& trace) { return trace.segment.has_value(); });
  if (++erasure_->proofs == limits::kEraseProofsMax || !can_go)
    return failed({ErrorCode::kDamaged, text_of(report)});
  erasure_->segments.clear();
  erasure_->next = 0;
  erasure_->phase = ErasurePass::Phase::kRewriting;
  for (const ManifestSegment& segment : parts_.keeper.manifest().segments) {
    if (!is_found(segment)) continue;
    if (segment.state == SegmentState::kSealed) {
      erasure_->segments.push_back(segment);
    } else {
      parts_.erasure.must_seal();
      erasure_->phase = ErasurePass::Phase::kSealing;
    }
  }
  continue_erasure();
}

void Upkeep::end_erasure(Result<Erased> result) {
  parts_.erasure.end_refusing();
  EraseRequest* const request = erasure_->request;
  erasure_.reset();
  if (!task_ && !stepping_ && !pass_) leave();
  look_again_ = true;
  request->on_erased(std::move(result));
}

}  // namespace bimip::engine
