#include "tools/client/publish.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "bimip/v1/stanza.pb.h"
#include "engine/base/random.h"
#include "tools/client/line_reader.h"
#include "tools/client/publish_window.h"

namespace bimip::client {
namespace {

// Enough to keep a socket busy; what is not yet sent can still be held back.
constexpr std::size_t kUnsentBytes = 512 * 1024;
constexpr std::size_t kSharedBytesMax = 32 * 1024;  // key and headers
// Messages of one Publish: as many as make its own cost small, few enough that it waits for
// nothing.
constexpr std::size_t kBatchMessagesMax = 100;
constexpr std::size_t kBatchBytesMax = 64 * 1024;
constexpr std::chrono::milliseconds kWait{200};

std::string random_producer() {
  const engine::Id128 id = engine::random_id();
  std::string bytes(sizeof id, '\0');
  std::memcpy(bytes.data(), &id, sizeof id);
  return bytes;
}

v1::Stanza stanza_of(const PublishJob& job) {
  v1::Stanza stanza;
  v1::Publish& publish = *stanza.mutable_publish();
  publish.set_topic(job.topic);
  publish.set_key(job.key);
  publish.set_tombstone(job.tombstone);
  for (const auto& [name, value] : job.headers) {
    v1::Header& header = *publish.add_headers();
    header.set_name(name);
    header.set_value(value);
  }
  if (job.partition) publish.set_partition(*job.partition);
  job.times.put(publish);
  if (job.durability == AskedDurability::kDurable) publish.set_durability(v1::DURABILITY_DURABLE);
  if (job.durability == AskedDurability::kWritten) publish.set_durability(v1::DURABILITY_WRITTEN);
  return stanza;
}

class Publishing {
 public:
  Publishing(const PublishJob& job, LineReader* lines)
      : job_(job),
        lines_(lines),
        link_({.server = job.server,
               .producer = {.id = random_producer()},
               .connect_for = job.connect_for,
               .reconnect_for = job.reconnect_for,
               .stop = job.stop}),
        stanza_(stanza_of(job)) {
    link_.on_trouble = job.on_trouble;
  }

  void add(std::string message) { last_ = window_.add(std::move(message)); }

  PublishOutcome run() {
    check_job();
    while (!outcome_.error && !(lines_ == nullptr && window_.is_settled())) step();
    if (!outcome_.error) outcome_.error = std::move(ending_);
    outcome_.stored = window_.stored();
    outcome_.sent_again = window_.sent_again();
    outcome_.reconnects = link_.reconnects();
    outcome_.unanswered = window_.unanswered();
    return std::move(outcome_);
  }

 private:
  // So that every message that can be stored fits its frame.
  void check_job() {
    shared_bytes_ = job_.key.size();
    for (const auto& [name, value] : job_.headers) shared_bytes_ += name.size() + value.size();
    if (shared_bytes_ > kSharedBytesMax)
      fail({engine::ErrorCode::kTooLarge, "the key and the headers together are too large"});
  }

  void step() {
    if (job_.stop.load()) return fail({engine::ErrorCode::kClosed, "interrupted"});
    if (!link_.is_up()) {
      if (Status up = link_.come_up(); !up) return fail(std::move(up.error()));
      window_.set_messages_max(link_.connection().server().publishes_in_flight_max);
    }
    take_lines();
    send();
    const bool wants_input = lines_ != nullptr && window_.has_room();
    auto went = link_.connection().exchange(wait(), wants_input ? lines_->descriptor() : -1,
                                            [this](const v1::Stanza& answer) { on(answer); });
    if (!went) {
      window_.on_disconnected();
      batches_.clear();
      if (ending_) return;  // what was on its way has its fate
      if (Status lost = link_.lost(std::move(went.error())); !lost) fail(std::move(lost.error()));
      return;
    }
    if (*went == Readable::kYes && wants_input) read_lines();
    job_.on_progress(window_.stored());
  }

  [[nodiscard]] std::chrono::milliseconds wait() const {
    const auto wakes = window_.wakes_at();
    if (!wakes) return kWait;
    return std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*wakes - Clock::now()),
                      std::chrono::milliseconds(0), kWait);
  }

  void take_lines() {
    while (lines_ != nullptr && window_.has_room()) {
      const std::optional<std::string_view> line = lines_->next();
      if (!line) return;
      const std::size_t most = link_.connection().server().message_bytes_max;
      if (line->size() + shared_bytes_ > most) {
        outcome_.failed = last_ + 1;
        return end_behind_window({engine::ErrorCode::kTooLarge,
                                  "a message of " + std::to_string(line->size() + shared_bytes_) +
                                      " bytes; at most " + std::to_string(most) + " are taken"});
      }
      add(std::string(*line));
    }
  }

  void read_lines() {
    auto filled = lines_->fill();
    if (!filled) return end_behind_window(std::move(filled.error()));
    if (*filled == LineReader::Filled::kMore) return;
    take_lines();
    // What the window had no room for is taken in a later step.
    if (window_.has_room()) lines_ = nullptr;
  }

  void send() {
    while (link_.connection().unsent() < kUnsentBytes) {
      const PublishWindow::Entry* entry = window_.next_to_send(Clock::now());
      if (entry == nullptr) return;
      stanza_.set_id(entry->number);
      v1::Publish& publish = *stanza_.mutable_publish();
      publish.set_producer_number(entry->number);
      publish.set_producer_settled_below(window_.oldest_number());
      publish.set_value(entry->value);
      batches_[entry->number] = add_others(*entry, publish);
      link_.connection().send(stanza_);
    }
  }

  // Messages behind the first that can go with it; how many there are together.
  std::uint64_t add_others(const PublishWindow::Entry& first, v1::Publish& publish) {
    publish.clear_more();
    std::uint64_t messages = 1;
    std::size_t bytes = first.value.size() + shared_bytes_;
    const PublishWindow::Entry* last = &first;
    while (messages < kBatchMessagesMax && bytes < kBatchBytesMax && last->number > alone_until_) {
      last = window_.next_behind(*last, kBatchBytesMax - bytes);
      if (last == nullptr) break;
      v1::BatchRecord& record = *publish.add_more();
      record.set_key(job_.key);
      record.set_tombstone(job_.tombstone);
      *record.mutable_headers() = publish.headers();
      record.set_value(last->value);
      bytes += last->value.size() + shared_bytes_;
      ++messages;
    }
    return messages;
  }

  void on(const v1::Stanza& answer) {
    const auto batch = batches_.find(answer.id());
    const std::uint64_t messages = batch == batches_.end() ? 1 : batch->second;
    const std::uint64_t end = answer.id() + messages;
    if (batch != batches_.end()) batches_.erase(batch);
    if (answer.has_published()) {
      link_.succeeded();
      for (std::uint64_t number = answer.id(); number < end; ++number)
        on_stored(number, number - answer.id(), answer.published());
    } else if (answer.has_error() && (answer.error().retry() || messages > 1)) {
      if (!refused_ && answer.error().retry())
        job_.on_trouble(answer.error().message() + "; trying again");
      refused_ = answer.error().retry();
      // Which of them it is about is found when each is sent alone.
      if (!answer.error().retry()) alone_until_ = std::max(alone_until_, end - 1);
      const auto again_at = refused_ ? Clock::now() + link_.next_wait() : Clock::now();
      for (std::uint64_t number = answer.id(); number < end; ++number)
        window_.on_refused(number, again_at);
    } else if (answer.has_error()) {
      window_.on_dropped(answer.id());
      const v1::Error& error = answer.error();
      if (ending_ && outcome_.failed <= answer.id()) return;
      outcome_.failed = answer.id();
      end_behind_window({error_code_of(static_cast<std::uint32_t>(error.code())), error.message()});
      window_.stop_sending();
    }
    if (answer.has_published()) refused_ = false;
  }

  void on_stored(std::uint64_t number, std::uint64_t place, const v1::Published& published) {
    window_.on_stored(number);
    if (!job_.on_stored) return;
    const auto at = static_cast<int>(place);
    job_.on_stored(
        number, published.partition(),
        at < published.offsets_size() ? published.offsets(at) : published.offset() + place);
  }

  void fail(engine::Error error) { outcome_.error = std::move(error); }

  // No more lines are taken; those that were have their fate first.
  void end_behind_window(engine::Error error) {
    ending_ = std::move(error);
    lines_ = nullptr;
  }

  const PublishJob& job_;
  LineReader* lines_;  // none once all are taken
  Link link_;
  PublishWindow window_{{}};
  v1::Stanza stanza_;
  PublishOutcome outcome_;
  std::optional<engine::Error> ending_;  // the outcome's error once the window is settled
  std::size_t shared_bytes_ = 0;         // of every message
  std::uint64_t last_ = 0;               // number of the newest message
  std::map<std::uint64_t, std::uint64_t>
      batches_;                    // messages on their way, by their first's number
  std::uint64_t alone_until_ = 0;  // messages up to here are sent one by one
  bool refused_ = false;           // since the last message was stored
};

}  // namespace

PublishOutcome publish_lines(const PublishJob& job, LineReader& lines) {
  return Publishing(job, &lines).run();
}

PublishOutcome publish_one(const PublishJob& job, std::string message) {
  Publishing publishing(job, nullptr);
  publishing.add(std::move(message));
  return publishing.run();
}

}  // namespace bimip::client
