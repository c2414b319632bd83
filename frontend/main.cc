// bimipd: the server.
#include <google/protobuf/stubs/logging.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <expected>
#include <list>

#include "frontend/config/configuration.h"
#include "frontend/config/server_log.h"
#include "frontend/config/settings_text.h"
#include "frontend/identity/key_ring.h"
#include "frontend/node/node.h"
#include "frontend/node/report_text.h"
#include "frontend/transport/tls/tls_context.h"

namespace {

using namespace bimip::frontend;

// What a caller of this program can rely on.
enum Exit : int { kDone = 0, kRefused = 1, kCannotRun = 2 };

int complain(Exit code, const std::string& message) {
  std::fprintf(stderr, "bimipd: %s\n", message.c_str());
  return code;
}

struct CommandLine {
  std::string config;
  bool check_config = false;
  bool print_config = false;
  std::vector<NamedValue> flags;  // those given
};

// A flag for each setting, from their table.
class Flags {
 public:
  explicit Flags(CLI::App& app) {
    for (const Setting& setting : all_settings()) {
      Flag& flag =
          flags_.emplace_back(Flag{.name = flag_name(setting), .value = "", .option = nullptr});
      const std::string meaning(setting.meaning);
      if (setting.kind == SettingKind::kFlag) {
        // Alone it means true: --dev, --dev=false.
        flag.option = app.add_flag(flag.name, flag.value, meaning);
      } else {
        flag.option =
            app.add_option(flag.name, flag.value, meaning)->default_str(value_text(setting, {}));
      }
    }
  }
  [[nodiscard]] std::vector<NamedValue> given() const {
    std::vector<NamedValue> given;
    for (const Flag& flag : flags_) {
      if (flag.option->count() > 0) given.emplace_back(flag.name, flag.value);
    }
    return given;
  }

 private:
  struct Flag {
    std::string name;
    std::string value;
    CLI::Option* option;
  };
  std::list<Flag> flags_;  // CLI11 keeps their addresses
};

std::vector<NamedValue> environment() {
  std::vector<NamedValue> all;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string entry(*at);
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos)
      all.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return all;
}

int complain_of(const ConfigFaults& faults) {
  for (const std::string& fault : faults) complain(kCannotRun, fault);
  return kCannotRun;
}

std::expected<Configuration, ConfigFaults> read_configuration(const CommandLine& line) {
  ConfigInputs inputs{.environment = environment(), .flags = line.flags};
  if (!line.config.empty()) {
    auto file = read_config_file(line.config);
    if (!file) return std::unexpected(ConfigFaults{file.error()});
    inputs.file = std::move(*file);
  }
  return configure(inputs);
}

int serve(const Settings& settings, const sigset_t& signals) {
  auto node = Node::open(settings);
  const auto fail = [](const NodeError& error) {
    return complain(error.kind == NodeError::Kind::kRefused ? kRefused : kCannotRun, error.message);
  };
  if (!node) return fail(node.error());
  const std::string& device_warning = (*node)->report().device_warning;
  for (const std::string& line : report_lines((*node)->report(), (*node)->topics())) {
    line == device_warning ? log_warning(line) : log_info(line);
  }
  const auto listening = (*node)->listen();
  if (!listening) return fail(listening.error());
  if (settings.dev) log_info("--dev: no keys, everybody is who they say they are, loopback only");
  std::printf("listening on %s\n", text_of(listening->tcp).c_str());
  if (listening->http) std::printf("http on %s\n", text_of(*listening->http).c_str());
  if (listening->grpc) std::printf("grpc on %s\n", text_of(*listening->grpc).c_str());
  std::fflush(stdout);

  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) (*node)->reload();
  log_info("stopping", {{.name = "signal", .value = std::to_string(signal)}});
  (*node)->stop();
  log_info("stopped");
  return kDone;
}

int run(const CommandLine& line) {
  const auto configuration = read_configuration(line);
  if (!configuration) return complain_of(configuration.error());
  const Settings& settings = configuration->settings;
  if (line.print_config) {
    std::fputs(print_configuration(*configuration).c_str(), stdout);
    return kDone;
  }
  if (const ConfigFaults faults = contradictions(settings); !faults.empty())
    return complain_of(faults);
  start_log(log_format_of(settings.log_format), log_level_of(settings.log_level));
  for (const std::string& warning : configuration->warnings) log_warning(warning);
  if (line.check_config) {
    if (!settings.tls_certificate.empty()) {
      const auto tls =
          TlsContext::open({.certificate = settings.tls_certificate, .key = settings.tls_key});
      if (!tls) return complain(kCannotRun, tls.error());
    }
    if (!settings.tokens_keys.empty()) {
      if (const auto keys = KeyRing::open(settings.tokens_keys); !keys)
        return complain(kCannotRun, keys.error());
    }
    std::puts("the configuration is sound");
    return kDone;
  }
  // It would write a line on standard error for every stanza whose text is no UTF-8: whoever sends
  // one is told, and the log is not his to fill.
  google::protobuf::SetLogHandler(nullptr);
  // Before any thread begins: they inherit it, and only serve() waits for the signals.
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return serve(settings, signals);
}

}  // namespace

int main(int argc, char** argv) try {
  CommandLine line;
  CLI::App app{
      "The Bimip server: a durable message backbone.\n\nExample:\n"
      "  bimipd --data-dir /var/lib/bimip --dev\n\n"
      "A setting is taken from its flag, else from the environment (--log-format is\n"
      "BIMIP_LOG_FORMAT), else from the file (format in the table [log])."};
  app.name("bimipd");
  app.set_version_flag("--version", "bimipd " BIMIP_VERSION);
  app.add_option("--config", line.config, "A file of settings, in TOML")->envname("BIMIP_CONFIG");
  app.add_flag("--check-config", line.check_config,
               "Read the settings, say what is wrong, and end");
  app.add_flag("--print-config", line.print_config,
               "Print all settings in force and where each comes from, and end");
  const Flags flags(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return complain(kCannotRun, std::string(error.what()) + " (see bimipd --help)");
  }
  line.flags = flags.given();
  return run(line);
} catch (const std::exception& error) {
  return complain(kCannotRun, error.what());
}
