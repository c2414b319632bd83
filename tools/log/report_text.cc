#include "tools/log/report_text.h"

#include <nlohmann/json.hpp>

#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

std::string hash_text(const Hash128& hash) { return id_text(hash.high, hash.low); }

}  // namespace

void put_bytes(Json& json, const std::string& name, Bytes bytes) {
  if (is_utf8(bytes)) {
    json[name] = std::string(as_text(bytes));
  } else {
    json[name + "_base64"] = base64(bytes);
  }
}

Json range_json(const OffsetRange& range) {
  return {{"first", range.first.value()}, {"end", range.end.value()}};
}

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string finding_text(const Finding& finding) {
  std::string out = std::string(name_of(finding.verdict)) + ": " + finding.file.string();
  if (finding.from) out += ", from byte " + std::to_string(finding.from->value());
  if (finding.from && finding.end) out += " to " + std::to_string(finding.end->value());
  if (finding.offsets.first != finding.offsets.end)
    out += ", offsets " + range_text(finding.offsets);
  out += "\n  " + finding.what;
  if (!finding.next.empty()) out += "\n  next: " + finding.next;
  return out + "\n";
}

Json finding_json(const Finding& finding) {
  Json json{{"verdict", name_of(finding.verdict)}, {"file", finding.file.string()}};
  if (!finding.topic.empty()) json["topic"] = finding.topic;
  if (finding.partition) json["partition"] = finding.partition->value();
  if (finding.from) json["from"] = finding.from->value();
  if (finding.end) json["end"] = finding.end->value();
  if (finding.offsets.first != finding.offsets.end) json["offsets"] = range_json(finding.offsets);
  json["what"] = finding.what;
  json["next"] = finding.next;
  return json;
}

std::string record_text(const PartitionPlace& partition, const Record& record,
                        const std::optional<StoredStanza>& stanza) {
  std::string out = partition.topic + "/" + std::to_string(partition.identity.partition.value()) +
                    " " + std::to_string(record.offset.value()) + " " + time_text(record.timestamp);
  if (record.kind == RecordKind::kTombstone) out += " tombstone";
  if (!record.key.empty()) out += " key=" + escaped(record.key);
  if (record.producer) {
    out += " producer=" + id_text(record.producer->id.high, record.producer->id.low) + ":" +
           std::to_string(record.producer->number.value());
  }
  if (!record.idempotency_key.empty()) out += " idempotency-key=" + escaped(record.idempotency_key);
  if (record.entity) out += " increment=" + std::to_string(record.entity->increment.value());
  if (record.expires_at) out += " expires=" + time_text(*record.expires_at);
  if (record.not_before) out += " not-before=" + time_text(*record.not_before);
  if (const std::optional<Offset> held = held_at(record))
    out += " held-at=" + std::to_string(held->value());
  if (const Result<std::vector<Header>> headers = decode_headers(record.headers)) {
    for (const Header& header : *headers)
      out += " {" + escaped(as_bytes(header.name)) + "=" + escaped(header.value) + "}";
  }
  if (stanza) return out + " | " + stanza->name + " " + stanza->json + "\n";
  return out + " | " + escaped(record.value) + "\n";
}

Json record_json(const PartitionPlace& partition, const Record& record,
                 const std::optional<StoredStanza>& stanza) {
  Json json{{"topic", partition.topic},
            {"partition", partition.identity.partition.value()},
            {"offset", record.offset.value()},
            {"time", time_text(record.timestamp)},
            {"kind", record.kind == RecordKind::kTombstone ? "tombstone" : "value"}};
  if (!record.key.empty()) put_bytes(json, "key", record.key);
  if (record.producer) {
    json["producer"] = id_text(record.producer->id.high, record.producer->id.low);
    json["number"] = record.producer->number.value();
  }
  if (!record.idempotency_key.empty()) put_bytes(json, "idempotency_key", record.idempotency_key);
  if (record.entity) {
    json["increment"] = record.entity->increment.value();
    if (record.entity->previous) json["previous_offset"] = record.entity->previous->value();
  }
  if (record.expires_at) json["expires"] = time_text(*record.expires_at);
  if (record.not_before) json["not_before"] = time_text(*record.not_before);
  if (const std::optional<Offset> held = held_at(record)) json["held_at"] = held->value();
  const Result<std::vector<Header>> headers = decode_headers(record.headers);
  if (headers && !headers->empty()) {
    Json list = Json::array();
    for (const Header& header : *headers) {
      Json one;
      put_bytes(one, "name", as_bytes(header.name));
      put_bytes(one, "value", header.value);
      list.push_back(std::move(one));
    }
    json["headers"] = std::move(list);
  }
  put_bytes(json, "value", record.value);
  if (stanza) {
    json["stanza"] = stanza->name;
    json["decoded"] = Json::parse(stanza->json);
  }
  return json;
}

std::string piece_text(const Piece& piece) {
  std::string out = "  " + std::to_string(piece.from.value()) + "  " +
                    std::string(name_of(piece.kind)) + "  " + bytes_text(piece.end - piece.from);
  if (piece.header) {
    out += "  first block " + std::to_string(piece.header->first_block.value()) +
           "  first offset " + std::to_string(piece.header->base_offset.value()) + "  created " +
           time_text(piece.header->created_at);
  }
  if (piece.block) {
    const BlockHeader& block = *piece.block;
    out += "  #" + std::to_string(block.number.value());
    if (block.record_count == 0) {
      out += "  no record";
    } else {
      out += "  offsets " + range_text({block.base_offset, block.end_offset()}) + "  records " +
             std::to_string(block.record_count) + "  payload " + bytes_text(block.payload_bytes) +
             "  " + time_text(block.first_timestamp);
    }
    out += "  durable " + std::to_string(block.durable_offset.value());
  }
  if (piece.footer) {
    out += "  offsets " + range_text({piece.footer->base_offset, piece.footer->end_offset}) +
           "  records " + std::to_string(piece.footer->record_count);
  }
  if (piece.expected)
    out += "  #" + std::to_string(piece.expected->value()) + " should begin here:";
  if (!piece.why.empty()) out += "  " + piece.why;
  return out + "\n";
}

Json piece_json(const SegmentPlace& segment, const Piece& piece) {
  Json json{{"file", segment.path.string()},
            {"piece", name_of(piece.kind)},
            {"from", piece.from.value()},
            {"end", piece.end.value()}};
  if (piece.header) {
    json["first_block"] = piece.header->first_block.value();
    json["base_offset"] = piece.header->base_offset.value();
    json["previous"] = hash_text(piece.header->previous);
    json["created"] = time_text(piece.header->created_at);
  }
  if (piece.block) {
    const BlockHeader& block = *piece.block;
    json["block"] = block.number.value();
    json["offsets"] = range_json({block.base_offset, block.end_offset()});
    json["records"] = block.record_count;
    json["payload_bytes"] = block.payload_bytes;
    json["durable_offset"] = block.durable_offset.value();
    if (block.record_count > 0) {
      json["first_time"] = time_text(block.first_timestamp);
      json["last_time"] = time_text(block.last_timestamp);
    }
    json["checksum"] = hash_text(block.checksum);
    json["previous"] = hash_text(block.previous);
  }
  if (piece.footer) {
    json["offsets"] = range_json({piece.footer->base_offset, piece.footer->end_offset});
    json["records"] = piece.footer->record_count;
    json["payload_bytes"] = piece.footer->record_bytes;
  }
  if (piece.expected) json["expected_block"] = piece.expected->value();
  if (!piece.why.empty()) json["what"] = piece.why;
  return json;
}

}  // namespace bimip::log_tools
