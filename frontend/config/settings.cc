#include "frontend/config/settings.h"

#include <algorithm>
#include <array>

#include "frontend/config/endpoint.h"
#include "frontend/stanza/category.h"

namespace bimip::frontend {
namespace {

using enum SettingKind;
using Count = std::uint64_t;
using Text = std::string;
using Duration = std::chrono::milliseconds;

constexpr std::array<std::string_view, 2> kLogFormats{"text", "json"};
constexpr std::array<std::string_view, 4> kLogLevels{"debug", "info", "warning", "error"};

constexpr Count kHour = 3'600'000;
constexpr Count kGiB = 1ULL << 30;

// Members of the limits, by a lambda that finds them.
#define BIMIP_LIMIT(type, member) [](Settings& s) -> type& { return s.limits.member; }

constexpr auto kSettings = std::to_array<Setting>({
    {.name = "data_dir",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.data_dir; },
     .meaning = "Where the log lives; created when missing. Required."},
    {.name = "tcp",
     .kind = kEndpoint,
     .place = [](Settings& s) -> Text& { return s.tcp; },
     .meaning = "ADDRESS:PORT to listen on for sessions over TCP; port 0 takes a free one."},
    {.name = "http",
     .kind = kEndpoint,
     .place = [](Settings& s) -> Text& { return s.http; },
     .meaning = "ADDRESS:PORT to listen on for sessions over WebSocket and for /healthz, /readyz, "
                "/metrics and /version; not set: none."},
    {.name = "http_origins",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.http_origins; },
     .meaning =
         "Origins (https://app.example), separated by commas, whose pages may open a session, "
         "beside the server's own by address or as localhost; *: all."},
    {.name = "metrics_open",
     .kind = kFlag,
     .place = [](Settings& s) -> bool& { return s.metrics_open; },
     .meaning = "/metrics is for everybody who reaches http; else for operators' tokens, where "
                "tokens are checked."},
    {.name = "grpc",
     .kind = kEndpoint,
     .place = [](Settings& s) -> Text& { return s.grpc; },
     .meaning = "ADDRESS:PORT to listen on for gRPC; not set: none."},
    {.name = "dev",
     .kind = kFlag,
     .place = [](Settings& s) -> bool& { return s.dev; },
     .meaning = "Without keys: loopback only, everybody is who they say they are."},
    {.name = "shards",
     .kind = kCount,
     .place = [](Settings& s) -> Count& { return s.shards; },
     .meaning = "Threads that serve sessions; 0: one a processor, at most 16.",
     .most = 64},
    {.name = "spare_space",
     .kind = kBytes,
     .place = [](Settings& s) -> Count& { return s.spare_space; },
     .meaning = "Kept zeroed ahead for bursts, once segments fill up."},
    {.name = "free_space_floor",
     .kind = kBytes,
     .place = [](Settings& s) -> Count& { return s.free_space_floor; },
     .meaning = "Writes stop while the file system has less free than this."},
    {.name = "scrub_rate",
     .kind = kBytes,
     .place = [](Settings& s) -> Count& { return s.scrub_rate; },
     .meaning = "Bytes a second that the check of sealed segments reads at most; 0: no check."},
    {.name = "record",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.record; },
     .meaning = "A folder, empty or not there yet, into which is recorded what sessions are told, "
                "for `bimip replay`; not set: nothing is recorded."},
    {.name = "record_bytes",
     .kind = kBytes,
     .place = [](Settings& s) -> Count& { return s.record_bytes; },
     .meaning =
         "What the recording may take of the disk; recording ends there, the server goes on.",
     .least = 1024 * 1024},
    {.name = "reload_every",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.reload_every; },
     .meaning = "How often keys and certificate are looked at for changes; SIGHUP does it at once.",
     .least = 100,
     .most = kHour},
    {.name = "log.format",
     .kind = kWord,
     .place = [](Settings& s) -> Text& { return s.log_format; },
     .meaning = "How the server's own log is written, on standard error.",
     .words = kLogFormats},
    {.name = "log.level",
     .kind = kWord,
     .place = [](Settings& s) -> Text& { return s.log_level; },
     .meaning = "The least that is logged.",
     .words = kLogLevels},
    {.name = "tokens.keys",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.tokens_keys; },
     .meaning = "A JSON Web Key Set: the keys that tokens are checked with."},
    {.name = "tokens.issuer",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.tokens_issuer; },
     .meaning = "The `iss` that a token must have."},
    {.name = "tokens.audience",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.tokens_audience; },
     .meaning = "The `aud` that a token must have, alone or among others."},
    {.name = "tokens.clock_skew",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.tokens_clock_skew; },
     .meaning = "How far the clocks of issuer and server may differ.",
     .most = 60'000},
    {.name = "tokens.life_max",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.tokens_life_max; },
     .meaning = "A token that expires later than this from now is refused; a revocation is kept as "
                "long.",
     .least = 60'000,
     .most = 366 * 24 * kHour},
    {.name = "tokens.warning",
     .kind = kDuration,
     .place = BIMIP_LIMIT(Duration, token_warning),
     .meaning = "How long before its token's end a session is told.",
     .most = kHour},
    {.name = "tokens.revocations_max",
     .kind = kCount,
     .place = [](Settings& s) -> Count& { return s.tokens_revocations_max; },
     .meaning = "Revocations in force at once, each some 300 bytes of memory; above it TokenRevoke "
                "is refused.",
     .least = 1,
     .most = 100'000'000},
    {.name = "tls.certificate",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.tls_certificate; },
     .meaning = "A PEM file with the server's certificate and those between it and its authority. "
                "With it, every port speaks TLS and nothing else."},
    {.name = "tls.key",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.tls_key; },
     .meaning = "A PEM file with the certificate's private key, not encrypted."},
    {.name = "inbox.categories",
     .kind = kText,
     .place = [](Settings& s) -> Text& { return s.inbox_categories; },
     .meaning = "Categories of inboxes beside chat, notification and control, separated by commas: "
                "1 to 32 lower-case letters, digits and hyphens each."},
    {.name = "inbox.messages_max",
     .kind = kCount,
     .place = [](Settings& s) -> Count& { return s.inbox_messages_max; },
     .meaning = "So many of the newest messages of each inbox are kept, whether its devices have "
                "the others or not; those go some time later, and a gap is told. 0: all are kept.",
     .most = 1'000'000'000},
    {.name = "inbox.keep",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.inbox_keep; },
     .meaning = "How long messages are kept, but for the newest of each inbox, in whole seconds, "
                "rounded up; 0: for ever.",
     .most = 10 * 366 * 24 * kHour},
    {.name = "awareness.lease",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.awareness_lease; },
     .meaning = "A device that is not heard this long is not there any more; at least twice "
                "limits.heartbeat is in force.",
     .least = 1'000,
     .most = kHour},
    {.name = "awareness.grace",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.awareness_grace; },
     .meaning = "How long a device that lost its connection is still there.",
     .most = kHour},
    {.name = "awareness.recover_within",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.awareness_recover_within; },
     .meaning = "How long devices that were there when the server ended have to come back.",
     .most = kHour},
    {.name = "awareness.coalesce",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.awareness_coalesce; },
     .meaning = "Of an entity at most one change is recorded and told in this time, and to a "
                "viewer at most one stanza is sent.",
     .least = 10,
     .most = 60'000},
    {.name = "awareness.history",
     .kind = kDuration,
     .place = [](Settings& s) -> Duration& { return s.awareness_history; },
     .meaning = "How long is kept who was there when, and when somebody was last seen; 0: for "
                "ever.",
     .most = 10 * 366 * 24 * kHour},
    {.name = "awareness.counts_above",
     .kind = kCount,
     .place = [](Settings& s) -> Count& { return s.awareness_counts_above; },
     .meaning = "With more contacts than this one is told how many of them are in which state, "
                "instead of who.",
     .most = limits::kRelationsMax},
    {.name = "awareness.entities_max",
     .kind = kCount,
     .place = [](Settings& s) -> Count& { return s.awareness_entities_max; },
     .meaning = "Entities whose awareness is known, each some 500 bytes of memory.",
     .least = 1,
     .most = 100'000'000},
    {.name = "awareness.relations_max",
     .kind = kCount,
     .place = [](Settings& s) -> Count& { return s.awareness_relations_max; },
     .meaning = "Consents, requests and restrictions between two entities, each some 70 bytes of "
                "memory.",
     .least = 1,
     .most = 1'000'000'000},
    {.name = "awareness.accept_damaged_rules",
     .kind = kFlag,
     .place = [](Settings& s) -> bool& { return s.awareness_accept_damaged_rules; },
     .meaning = "Consents, blocks and audiences that can't be read any more are taken for none; "
                "without it nobody is told of anybody then."},
    {.name = "limits.connections",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, connections),
     .meaning = "Connections at once; each costs a descriptor, one for gRPC three.",
     .least = 1,
     .most = 1'000'000},
    {.name = "limits.connections_per_address",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, connections_per_address),
     .meaning =
         "Connections of one address at once; an IPv6 address counts as its /64. 0: as many as "
         "there may be at all.",
     .most = 1'000'000},
    {.name = "limits.connection_rate_per_address",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, connection_rate_per_address),
     .meaning = "Connections that one address may open in a second.",
     .least = 1,
     .most = 1'000'000},
    {.name = "limits.sessions_per_entity",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, sessions_per_entity),
     .meaning = "Sessions of one entity at once. 0: as many as there may be at all.",
     .most = 1'000'000},
    {.name = "limits.publish_rate",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, publish_rate),
     .meaning = "Publishes of a session in a second; one that is faster is read from more slowly. "
                "0: as fast as the log takes them.",
     .most = 1'000'000'000},
    {.name = "limits.identify_within",
     .kind = kDuration,
     .place = BIMIP_LIMIT(Duration, identify_within),
     .meaning = "A connection that has not said who it is by then is closed.",
     .least = 100,
     .most = kHour},
    {.name = "limits.heartbeat",
     .kind = kDuration,
     .place = BIMIP_LIMIT(Duration, heartbeat),
     .meaning =
         "A peer that is silent this long is sent a Ping; one silent twice as long, asked in "
         "between, is gone.",
     .least = 100,
     .most = kHour},
    {.name = "limits.heartbeat_least",
     .kind = kDuration,
     .place = BIMIP_LIMIT(Duration, heartbeat_least),
     .meaning = "A peer whose Pongs come late is sent a Ping after less and less silence, down to "
                "this; never more than limits.heartbeat.",
     .least = 100,
     .most = kHour},
    {.name = "limits.write_stall",
     .kind = kDuration,
     .place = BIMIP_LIMIT(Duration, write_stall),
     .meaning = "A peer that takes no byte for this long while there are some for it is closed.",
     .least = 100,
     .most = kHour},
    {.name = "limits.output",
     .kind = kBytes,
     .place = BIMIP_LIMIT(Count, output_bytes),
     .meaning =
         "Bytes that wait for a session's socket. Above it deliveries wait in the log; above "
         "twice as much nothing is read from the peer.",
     .least = limits::kDeliveryBytes,
     .most = kGiB},
    {.name = "limits.publishes_in_flight",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, publishes_in_flight),
     .meaning = "Publishes of a session on their way to the log; above it nothing is read from it.",
     .least = 1,
     .most = 1'000'000},
    {.name = "limits.publish_bytes_in_flight",
     .kind = kBytes,
     .place = BIMIP_LIMIT(Count, publish_bytes_in_flight),
     .meaning = "The same in bytes.",
     .least = 1,
     .most = kGiB},
    {.name = "limits.subscriptions",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, subscriptions),
     .meaning = "Subscriptions of a session.",
     .least = 1,
     .most = 100'000},
    {.name = "limits.credit",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, credit),
     .meaning = "Records on their way to a subscriber and not acknowledged.",
     .least = 1,
     .most = 100'000'000},
    {.name = "limits.drain_within",
     .kind = kDuration,
     .place = BIMIP_LIMIT(Duration, drain_within),
     .meaning = "How long a stopping server takes at most to let its peers go.",
     .most = kHour},
    {.name = "limits.drain_rate",
     .kind = kCount,
     .place = BIMIP_LIMIT(Count, drain_rate),
     .meaning =
         "Sessions that it lets go in a second; faster only when they would else take longer "
         "than that.",
     .least = 1,
     .most = 1'000'000},
});

#undef BIMIP_LIMIT

std::string joined(std::string_view before, std::string_view name, char separator) {
  std::string joined(before);
  for (const char c : name) joined += c == '.' || c == '_' ? separator : c;
  return joined;
}

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

const Setting* find_setting(std::string_view name) {
  const auto* const found = std::ranges::find(kSettings, name, &Setting::name);
  return found == kSettings.end() ? nullptr : found;
}

std::string environment_name(const Setting& setting) {
  std::string name = joined("BIMIP_", setting.name, '_');
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

std::string flag_name(const Setting& setting) { return joined("--", setting.name, '-'); }

std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> words;
  while (!list.empty()) {
    std::string_view word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), word.size() + 1));
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

std::vector<std::string> contradictions(const Settings& settings) {
  std::vector<std::string> found;
  if (settings.data_dir.empty()) found.emplace_back("data_dir is not set");
  if (settings.dev && !settings.tokens_keys.empty())
    found.emplace_back("--dev trusts everybody: it does not go with tokens.keys");
  if (settings.tls_certificate.empty() != settings.tls_key.empty())
    found.emplace_back("tls.certificate and tls.key go together");
  for (const std::string& category : words_of(settings.inbox_categories)) {
    if (!is_category_name(category))
      found.push_back("inbox.categories: '" + category + "' is no name of a category");
    if (is_category_of_all(category))
      found.push_back("inbox.categories: '" + category + "' is a category that every server has");
  }
  if (!settings.dev && settings.tokens_keys.empty())
    found.emplace_back(
        "there are no keys to check tokens with: set tokens.keys, or run with --dev, on loopback "
        "only");
  for (const std::string& text : {settings.tcp, settings.http, settings.grpc}) {
    const auto endpoint = parse_listen_endpoint(text);
    if (settings.dev && endpoint && !is_loopback(*endpoint))
      found.push_back("--dev listens on loopback only, not on " + endpoint->address);
  }
  return found;
}

}  // namespace bimip::frontend
