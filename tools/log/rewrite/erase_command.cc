#include "tools/log/rewrite/erase_command.h"

#include <future>
#include <nlohmann/json.hpp>

#include "engine/device/posix_device.h"
#include "engine/store/store.h"
#include "tools/log/dump.h"
#include "tools/log/interrupt.h"
#include "tools/log/report_text.h"
#include "tools/log/rewrite/store_proof.h"
#include "tools/log/rewrite/written_store.h"
#include "tools/log/text.h"

namespace bimip::log_tools {
namespace {

class BlockingErase final : public EraseRequest {
 public:
  void on_erased(Result<Erased> result) override { answer_.set_value(std::move(result)); }
  Result<Erased> wait() { return answer_.get_future().get(); }

 private:
  std::promise<Result<Erased>> answer_;
};

// By the engine, in a store of our own, which does nothing else there.
Result<Erased> erase(const EraseArguments& arguments, const Path& folder) {
  const std::unique_ptr<Device> device = make_posix_device();  // its write queue takes no other
  Result<std::unique_ptr<Store>> store = Store::open({.directory = folder,
                                                      .free_space_floor = 0,
                                                      .rewrite_bytes_per_second = 0,
                                                      .scrub = {.bytes_per_second_max = 0},
                                                      .housekeeping = Housekeeping::kWhenAsked,
                                                      .device = device.get()});
  if (!store) return std::unexpected(std::move(store.error()));
  for (const StoreReport::Unusable& unusable : (*store)->report().unusable) {
    if (unusable.topic == arguments.topic) return std::unexpected(unusable.error);
  }
  const Result<TopicInfo> topic = (*store)->find_topic(arguments.topic);
  if (!topic) return std::unexpected(topic.error());
  BlockingErase request;
  request.topic = topic->id;
  request.key = as_bytes(arguments.key);
  (*store)->erase_entity(request);
  Result<Erased> erased = request.wait();
  (*store)->close();
  return erased;
}

Result<Erased> count(const EraseArguments& arguments, const Inventory& inventory) {
  Erased found;
  const Status read =
      dump_records(inventory, {.filter = {.key = arguments.key},
                               .on_record =
                                   [&](const PartitionPlace& place, const Record& record) {
                                     if (place.topic != arguments.topic) return GoOn::kYes;
                                     ++found.records;
                                     found.record_bytes += encoded_record_bytes(record);
                                     return GoOn::kYes;
                                   },
                               .on_finding = [](const Finding&) {}});
  if (!read) return std::unexpected(read.error());
  return found;
}

Json base_json(const EraseArguments& arguments, const Erased& erased) {
  Json json{{"schema", "bimip.log.erase/1"},
            {"path", arguments.path.string()},
            {"topic", arguments.topic}};
  put_bytes(json, "key", as_bytes(arguments.key));
  json["dry_run"] = arguments.effect == Effect::kDryRun;
  json["records"] = erased.records;
  json["record_bytes"] = erased.record_bytes;
  return json;
}

Json report_json(const EraseArguments& arguments, const Erased& erased, const StoreProof& proof) {
  Json json = base_json(arguments, erased);
  json["segments_rewritten"] = erased.segments_rewritten;
  json["side_files_removed"] = erased.side_files_removed;
  Json left = Json::array();
  for (const ErasureTrace& trace : proof.topic.left) {
    left.push_back({{"file", trace.file.string()},
                    {"position", trace.position.value()},
                    {"what", trace.what}});
  }
  Json elsewhere = Json::object();
  for (const auto& [where, places] : proof.elsewhere) elsewhere[where] = places;
  json["proof"] = {{"files", proof.files},
                   {"bytes", proof.bytes},
                   {"records", proof.records},
                   {"traces", proof.topic.traces},
                   {"left", std::move(left)},
                   {"mentions", proof.topic.mentions},
                   {"elsewhere", std::move(elsewhere)}};
  return json;
}

std::string report_text(const Erased& erased, const StoreProof& proof) {
  std::string out =
      count_text(erased.records, "record") + " erased (" + bytes_text(erased.record_bytes) + "), " +
      count_text(erased.segments_rewritten, "segment") + " written anew, " +
      count_text(erased.side_files_removed, "side file") + " removed\n" +
      "proof: " + count_text(proof.files, "file") + ", " + bytes_text(proof.bytes) + " and " +
      count_text(proof.records, "record") + " read; " +
      (proof.topic.traces == 0 ? "nothing of the key is left in the topic" : "something is left") +
      "\n";
  for (const ErasureTrace& trace : proof.topic.left) {
    out += trace.file.string() + " at " + std::to_string(trace.position.value()) + ": " +
           trace.what + "\n";
  }
  if (proof.topic.mentions > 0)
    out += count_text(proof.topic.mentions, "record") + " of other keys mention it; they stay\n";
  for (const auto& [where, places] : proof.elsewhere) {
    out += where + ": has something of it too, in " + count_text(places, "place") +
           "; that is another erasure\n";
  }
  return out;
}

Exit tell(const EraseArguments& arguments, const Erased& erased, const StoreProof& proof,
          const Console& console) {
  console.out(arguments.format == Format::kJson ? line(report_json(arguments, erased, proof))
                                                : report_text(erased, proof));
  return proof.topic.traces == 0 ? Exit::kClean : Exit::kDamage;
}

Exit foretell(const EraseArguments& arguments, const Inventory& inventory, const Console& console) {
  const Result<Erased> found = count(arguments, inventory);
  if (!found) return cannot_run(found.error(), console);
  console.out(arguments.format == Format::kJson
                  ? line(base_json(arguments, *found))
                  : count_text(found->records, "record") + " (" + bytes_text(found->record_bytes) +
                        ") would be erased; nothing was (--dry-run)\n");
  return Exit::kClean;
}

}  // namespace

Exit run_erase(const EraseArguments& asked, const Console& console) {
  if (const Status good = check_target(asked.to, asked.replace, asked.effect); !good)
    return cannot_run(good.error(), console);
  if (asked.key.empty())
    return cannot_run({ErrorCode::kInvalidArgument, "--key: a key has bytes"}, console);
  const Result<WholeStore> store = take_whole_store(asked.path, asked.topic);
  if (!store) return cannot_run(store.error(), console);
  if (store->topic.empty())
    return cannot_run({ErrorCode::kInvalidArgument,
                       "--topic: of which topic? (or let PATH be the topic's folder)"},
                      console);
  const Inventory& inventory = store->inventory;
  EraseArguments arguments = asked;
  arguments.topic = store->topic;
  const std::unique_ptr<Device> device = make_output_device();
  if (arguments.effect == Effect::kDryRun) {
    const Status fits = check_to(*device, inventory, arguments.to);
    return fits ? foretell(arguments, inventory, console) : cannot_run(fits.error(), console);
  }
  Result<WorkingCopy> copy = copy_to_work_on(*device, inventory, arguments.to, console);
  if (!copy) return cannot_run(copy.error(), console);
  const Result<Erased> erased = erase(arguments, copy->folder());
  if (!erased) return cannot_run(erased.error(), console);
  const Result<VerifyReport> verified = verify_written(copy->folder(), arguments.jobs);
  if (!verified) return cannot_run(verified.error(), console);
  if (!verified->is_clean()) return refuse_written(*verified, console);
  Result<StoreProof> proof = StoreProof{};
  {
    const Result<Inventory> written = take_inventory(copy->folder());
    if (!written) return cannot_run(written.error(), console);
    proof = prove_erased(*device, *written, arguments.topic, arguments.key);
  }
  if (!proof) return cannot_run(proof.error(), console);
  if (proof->topic.traces == 0) {
    if (Status put = copy->put_in_place(); !put) return cannot_run(put.error(), console);
  }
  return tell(arguments, *erased, *proof, console);
}

}  // namespace bimip::log_tools
