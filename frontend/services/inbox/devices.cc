#include "frontend/services/inbox/devices.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "frontend/stanza/limits.h"

namespace bimip::frontend {

using engine::ErrorCode;

namespace {

// As a mark's key (marks.cc) of a kind that no mark has, in no category.
std::string encode_key(const std::string& eid) {
  constexpr std::array<char, 1 + sizeof(std::uint32_t)> kPrefix{'n'};
  return std::string(kPrefix.begin(), kPrefix.end()) + eid;
}

// Each name behind its length.
std::string encode_names(const std::vector<std::string>& names) {
  static_assert(limits::kDeviceBytesMax <= 0xFF);
  std::string bytes;
  for (const std::string& name : names) {
    bytes.push_back(static_cast<char>(name.size()));
    bytes += name;
  }
  return bytes;
}

engine::Result<std::vector<std::string>> decode_names(engine::Bytes bytes) {
  std::vector<std::string> names;
  engine::ByteReader reader(bytes);
  while (reader.ok() && reader.remaining() > 0)
    names.emplace_back(engine::as_text(reader.read_bytes(reader.read<std::uint8_t>())));
  if (!reader.ok()) return engine::fail(ErrorCode::kDamaged, "the list of an entity's devices");
  return names;
}

}  // namespace

// Owns itself until it is answered.
class Devices::Look final : public engine::EntityReadRequest {
 public:
  Look(Devices& devices, std::string key_bytes, Known known)
      : devices_(devices), key_bytes_(std::move(key_bytes)), known_(std::move(known)) {
    topic = devices_.topic_;
    key = engine::as_bytes(key_bytes_);
    partition = engine::partition_of_key(key, devices_.partitions_);
    order = engine::EntityOrder::kNewestFirst;
    records_max = 1;
  }
  void on_entity_read(engine::Result<engine::EntityBatch> result) override {
    const std::unique_ptr<Look> self(this);
    if (!result && result.error().code != ErrorCode::kNotFound) {
      known_(std::unexpected(std::move(result.error())));
    } else if (!result || result->records().empty()) {
      known_(std::vector<std::string>{});
    } else {
      known_(decode_names(result->records().front().value));
    }
    devices_.in_flight_.ended();
  }

 private:
  Devices& devices_;
  const std::string key_bytes_;
  Known known_;
};

// Owns itself until it is answered.
class Devices::Append final : public engine::AppendRequest {
 public:
  Append(Devices& devices, std::string eid, const std::vector<std::string>& names)
      : devices_(devices),
        eid_(std::move(eid)),
        key_bytes_(encode_key(eid_)),
        value_(encode_names(names)) {
    fields_.key = engine::as_bytes(key_bytes_);
    fields_.value = engine::as_bytes(value_);
    records = {&fields_, 1};
    topic = devices_.topic_;
    partition = engine::partition_of_key(fields_.key, devices_.partitions_);
  }
  void on_appended(engine::Result<engine::Appended>) override {
    const std::unique_ptr<Append> self(this);
    devices_.written(eid_);
    devices_.in_flight_.ended();
  }

 private:
  Devices& devices_;
  const std::string eid_;
  const std::string key_bytes_;
  const std::string value_;
  engine::RecordFields fields_{};
};

void Devices::of(const std::string& eid, Known known) {
  in_flight_.begun();
  auto look = std::make_unique<Look>(*this, encode_key(eid), std::move(known));
  log_.read_entity(*look.release());
}

void Devices::note(const std::string& eid, const std::string& device) {
  {
    const engine::MutexLock lock(mutex_);
    const auto [at, is_first] = noting_.try_emplace(eid);
    if (std::ranges::find(at->second, device) == at->second.end()) at->second.push_back(device);
    if (!is_first) return;
  }
  write_notes(eid);
}

void Devices::write_notes(const std::string& eid) {
  of(eid, [this, eid](engine::Result<std::vector<std::string>> names) {
    const std::vector<std::string> notes = take_notes(eid);
    // What is damaged is begun anew; what cannot be read now is noted when it opens again.
    if (!names && names.error().code != ErrorCode::kDamaged) return written(eid);
    std::vector<std::string> known = names.value_or(std::vector<std::string>{});
    const std::size_t before = known.size();
    for (const std::string& device : notes) {
      if (std::ranges::find(known, device) == known.end()) known.insert(known.begin(), device);
    }
    if (known.size() == before) return written(eid);
    if (known.size() > limits::kDevicesRememberedMax) known.resize(limits::kDevicesRememberedMax);
    in_flight_.begun();
    auto append = std::make_unique<Append>(*this, eid, known);
    log_.append(*append.release());
  });
}

std::vector<std::string> Devices::take_notes(const std::string& eid) {
  const engine::MutexLock lock(mutex_);
  return std::exchange(noting_.at(eid), {});
}

void Devices::written(const std::string& eid) {
  {
    const engine::MutexLock lock(mutex_);
    const auto at = noting_.find(eid);
    if (at->second.empty()) {
      noting_.erase(at);
      return;
    }
  }
  write_notes(eid);
}

}  // namespace bimip::frontend
