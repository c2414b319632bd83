#include "tools/bimip/log_write_commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/bimip/log_console.h"
#include "tools/bimip/record_flags.h"
#include "tools/log/backup/backup_commands.h"
#include "tools/log/diff/diff_command.h"
#include "tools/log/extract/extract_command.h"
#include "tools/log/extract/import_command.h"
#include "tools/log/reindex/reindex_command.h"
#include "tools/log/rewrite/compact_command.h"
#include "tools/log/rewrite/erase_command.h"
#include "tools/log/salvage/salvage_command.h"

namespace bimip::tools {
namespace {

using namespace log_tools;  // NOLINT: the commands are theirs

void add_dry_run(CLI::App& command, Effect& effect) {
  command.add_flag_callback(
      "--dry-run", [&effect] { effect = Effect::kDryRun; },
      "Say what would be done, write nothing");
}

void add_salvage(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<SalvageArguments>();
  CLI::App* command = add_command(
      log,
      {.name = "salvage",
       .what = "Bring what still checks into a clean store; say what is lost",
       .example = "bimip log salvage /var/lib/bimip --to /var/lib/bimip.rescued",
       .exit_codes = "\nExit codes: 0 nothing is lost, 1 something is lost or in doubt, "
                     "2 could not run."},
      arguments->path, arguments->format);
  command->add_option("--to", arguments->to, "An empty folder, or one that is not there yet")
      ->type_name("DIR");
  command->add_option("--report", arguments->report, "Write the report as JSON here too")
      ->type_name("FILE");
  add_dry_run(*command, arguments->effect);
  add_jobs(*command, arguments->jobs, "Files read, and partitions written, at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_salvage(*arguments, console); });
  });
}

void add_reindex(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<ReindexArguments>();
  CLI::App* command = add_command(
      log,
      {.name = "reindex",
       .what = "Make what is derived from the log again: indexes, directories, producers",
       .example = "bimip log reindex /var/lib/bimip --replace",
       .exit_codes = "\nExit codes: 0 every derived file is right now, 1 some are not, "
                     "2 could not run."},
      arguments->path, arguments->format);
  CLI::Option* to =
      command->add_option("--to", arguments->to, "Write all of them into this empty folder")
          ->type_name("DIR");
  command
      ->add_flag_callback(
          "--replace", [arguments] { arguments->replace = InPlace::kYes; },
          "Replace those that are missing or wrong, each by one rename")
      ->excludes(to);
  add_dry_run(*command, arguments->effect);
  add_jobs(*command, arguments->jobs, "Segments read at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_reindex(*arguments, console); });
  });
}

void add_diff(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<DiffArguments>();
  CLI::App* command =
      add_command(log,
                  {.name = "diff",
                   .what = "Whether two stores, topics or partitions hold the same records",
                   .example = "bimip log diff /var/lib/bimip /mnt/restored",
                   .exit_codes = "\nExit codes: 0 equal, 1 different, 2 could not run."},
                  arguments->first, arguments->format);
  command->add_option("OTHER", arguments->second, "The one to compare it with")->required();
  add_live(*command, arguments->holding);
  add_jobs(*command, arguments->jobs, "Partitions compared at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_diff(*arguments, console); });
  });
}

void add_backup(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<BackupArguments>();
  CLI::App* command =
      add_command(log,
                  {.name = "backup",
                   .what = "A consistent copy of a store; only what is new is copied",
                   .example = "bimip log backup /var/lib/bimip --live --to /mnt/backup",
                   .exit_codes = "\nExit codes: 0 done, 1 done and damage was found, 2 could not "
                                 "run."},
                  arguments->path, arguments->format);
  command->add_option("--to", arguments->to, "The backup's folder: an earlier backup, or empty")
      ->type_name("DIR")
      ->required();
  command->get_option("PATH")->description("A data directory");
  add_live(*command, arguments->holding);
  add_dry_run(*command, arguments->effect);
  add_jobs(*command, arguments->jobs, "Partitions copied at once");
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_backup(*arguments, console); });
  });
}

void add_restore(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<RestoreArguments>();
  auto until = std::make_shared<std::string>();
  CLI::App* command = add_command(
      log,
      {.name = "restore",
       .what = "A store out of a backup, as it was at a time",
       .example = "bimip log restore /mnt/backup --to /var/lib/bimip\n"
                  "  bimip log restore /mnt/backup --until 2026-11-26T03:00 --to /tmp/was",
       .exit_codes = "\nExit codes: 0 done, 1 done and what was backed up is damaged, "
                     "2 could not run."},
      arguments->path, arguments->format);
  command->get_option("PATH")->description("The backup's folder");
  CLI::Option* to =
      command->add_option("--to", arguments->to, "An empty folder, or one that is not there yet")
          ->type_name("DIR");
  command->add_option("--point", arguments->point, "Which backup; the newest unless it is said")
      ->type_name("NAME");
  command->add_option("--until", *until, "No record from this time on (UTC)")->type_name("TIME");
  command
      ->add_flag_callback(
          "--list", [arguments] { arguments->list = Listing::kYes; }, "Only say what there is")
      ->excludes(to);
  add_dry_run(*command, arguments->effect);
  add_jobs(*command, arguments->jobs, "Partitions written at once");
  command->callback([arguments, until, &exit_code] {
    if (!until->empty()) arguments->until = read_time("--until", *until);
    exit_code =
        run_on_console([&](const Console& console) { return run_restore(*arguments, console); });
  });
}

void add_extract(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<ExtractArguments>();
  auto flags = std::make_shared<RecordFlags>();
  CLI::App* command = add_command(
      log,
      {.name = "extract",
       .what = "Records of a topic into a file that import reads",
       .example = "bimip log extract /var/lib/bimip/topics/orders --key alice --out alice.jsonl",
       .exit_codes = "\nExit codes: 0 done, 1 done and damage hid some records, 2 could not run."},
      arguments->path, arguments->format);
  command->get_option("PATH")->description("A topic, a partition or a segment file");
  command->add_option("--out", arguments->out, "A file that is not there yet")->type_name("FILE");
  add_record_flags(*command, *flags);
  add_live(*command, arguments->holding);
  add_dry_run(*command, arguments->effect);
  command->callback([arguments, flags, &exit_code] {
    arguments->filter = filter_of(*flags);
    arguments->count_max = flags->count_max;
    exit_code =
        run_on_console([&](const Console& console) { return run_extract(*arguments, console); });
  });
}

void add_import(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App* command =
      add_command(log,
                  {.name = "import",
                   .what = "Append the records of a file that extract wrote; each file once",
                   .example = "bimip log import alice.jsonl --into /var/lib/bimip",
                   .exit_codes = "\nExit codes: 0 done, 2 could not run."},
                  arguments->path, arguments->format);
  command->get_option("PATH")->description("A file that extract wrote");
  command->add_option("--into", arguments->into, "A data directory that no server holds")
      ->type_name("DIR")
      ->required();
  command->add_option("--topic", arguments->topic, "Into this topic, not the one they were of");
  add_dry_run(*command, arguments->effect);
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_import(*arguments, console); });
  });
}

template <typename Arguments>
void add_target(CLI::App& command, std::shared_ptr<Arguments> arguments) {
  CLI::Option* to =
      command.add_option("--to", arguments->to, "An empty folder, or one that is not there yet")
          ->type_name("DIR");
  command
      .add_flag_callback(
          "--replace", [arguments] { arguments->replace = InPlace::kYes; },
          "Take the store's place, by one exchange of names, once all is verified")
      ->excludes(to);
  add_dry_run(command, arguments->effect);
  add_jobs(command, arguments->jobs, "Segments verified at once");
}

void add_compact(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<CompactArguments>();
  CLI::App* command = add_command(
      log,
      {.name = "compact",
       .what = "A store without what its topics let go of: superseded records, sparse files",
       .example = "bimip log compact /var/lib/bimip --dry-run\n"
                  "  bimip log compact /var/lib/bimip --topic prices --replace",
       .exit_codes = "\nExit codes: 0 done, 1 damage was found: the store is as it was, or a "
                     "segment is, 2 could not run."},
      arguments->path, arguments->format);
  command->get_option("PATH")->description(
      "A data directory that no server holds, or a topic in it: then only that");
  command->add_option("--topic", arguments->topic, "Only this topic");
  add_target(*command, arguments);
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_compact(*arguments, console); });
  });
}

void add_erase(CLI::App& log, int& exit_code) {
  auto arguments = std::make_shared<EraseArguments>();
  CLI::App* command = add_command(
      log,
      {.name = "erase",
       .what = "A store without a key: its records go, and every byte is read to prove it",
       .example =
           "bimip log erase /var/lib/bimip --topic customers --key user-4711 --dry-run\n"
           "  bimip log erase /var/lib/bimip --topic customers --key user-4711 --replace --json",
       .exit_codes = "\nExit codes: 0 nothing of the key is left in the topic, 1 something is, or "
                     "damage was found: the store is as it was, 2 could not run."},
      arguments->path, arguments->format);
  command->get_option("PATH")->description(
      "A data directory that no server holds, or the topic in it");
  command->add_option("--topic", arguments->topic, "Of which topic, unless PATH is one");
  command->add_option("--key", arguments->key, "Which key")->required();
  add_target(*command, arguments);
  command->callback([arguments, &exit_code] {
    exit_code =
        run_on_console([&](const Console& console) { return run_erase(*arguments, console); });
  });
}

}  // namespace

void add_log_write_commands(CLI::App& log, int& exit_code) {
  add_salvage(log, exit_code);
  add_reindex(log, exit_code);
  add_diff(log, exit_code);
  add_backup(log, exit_code);
  add_restore(log, exit_code);
  add_extract(log, exit_code);
  add_import(log, exit_code);
  add_compact(log, exit_code);
  add_erase(log, exit_code);
}

}  // namespace bimip::tools
