// Every bound of the front end, in one place, with its reason. Those a client must know are in
// Welcome; those an operator may choose are in SessionLimits, and here are their defaults.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "engine/base/limits.h"

namespace bimip::frontend::limits {

using namespace std::chrono_literals;

inline constexpr std::uint16_t kTcpPort = 7450;

// One message: key, names and values of its headers, idempotency key and value together. What one
// record of the log holds, less what a record adds of its own.
inline constexpr std::size_t kMessageBytesMax = engine::limits::kRecordBytesMax - 2048;
// One frame: the largest message and what the stanza adds to it.
inline constexpr std::size_t kFrameBytesMax = kMessageBytesMax + 64 * 1024;
// One frame of a peer that has not said who it is: room for a token, and no more, so that strangers
// hold little.
inline constexpr std::size_t kIdentityFrameBytesMax = 16 * 1024;
// Records of one Delivery; one record is delivered whatever its size. Large enough that a frame's
// cost is spread, small enough that a slow socket holds little.
inline constexpr std::size_t kDeliveryBytes = 128 * 1024;

// Records of one Publish.
inline constexpr int kBatchRecordsMax = 500;

// Requests of a session that wait for their replies, and how long each waits: by default, at most.
inline constexpr std::size_t kRequestsMax = 1024;
inline constexpr auto kRequestWithin = 10s;
inline constexpr auto kRequestWithinMax = 1h;

// The words of an error: they may repeat what the peer sent.
inline constexpr std::size_t kErrorTextBytes = 1024;

// Bytes a session has for its socket and the socket has not taken. Above it deliveries wait in the
// log, and above twice as much nothing is read from the peer.
inline constexpr std::size_t kOutputBytes = 512 * 1024;
// Publishes of a session on their way to the log. Above either nothing is read from the peer.
inline constexpr std::size_t kPublishesInFlightMax = 8192;
inline constexpr std::size_t kNumberedInFlightMax = engine::limits::kProducerNumbersKept;
inline constexpr std::size_t kPublishBytesInFlightMax = 8 * 1024 * 1024;

inline constexpr std::size_t kSubscriptionsMax = 64;
// Records on their way to a subscriber and not acknowledged.
inline constexpr std::uint32_t kCreditMax = 1'000'000;

// Reads of entities of a session on their way, and what one list of entities holds at most (their
// keys are up to 1 KiB).
inline constexpr std::size_t kEntityReadsMax = 16;
inline constexpr std::size_t kEntitiesPerList = 500;

// How far ahead a message may say that it expires or is delivered, as a span; the topic's hold_max
// bounds the second again.
inline constexpr auto kMessageSpanMax = std::chrono::hours(100 * 366 * 24);

// Inboxes: names of categories and receipts, a sender's name for a message.
inline constexpr std::size_t kCategoryBytesMax = 32;
inline constexpr std::size_t kMessageIdBytesMax = 128;
// Messages a session has on their way to inboxes, inboxes it has open, and its requests about them
// that are on their way; of those, acknowledgements that are to be answered have a limit of their
// own.
inline constexpr std::size_t kSendsInFlightMax = 1024;
inline constexpr std::size_t kSendsAgainMax = 16;  // of them, those that are looked for first
inline constexpr std::size_t kInboxesMax = 16;
inline constexpr std::size_t kInboxRequestsMax = 16;
inline constexpr std::size_t kInboxAcknowledgementsMax = 1024;
// Messages of one read, and of one receipt.
inline constexpr std::size_t kInboxRecordsPerRead = 500;
inline constexpr std::size_t kReceiptMessagesMax = 500;
// Holes of a mark: each comes of a device that begins behind what it has not had.
inline constexpr std::size_t kInboxHolesMax = 16;
// Receipts that the log refused and that are tried again: how many, how many at once, how often.
inline constexpr std::size_t kReceiptsUntoldMax = 10'000;
inline constexpr std::size_t kReceiptsAgainAtOnce = 100;
inline constexpr std::chrono::seconds kReceiptsAgainEvery{1};
// Devices of an entity that are remembered, to tell of each what became of a message; and messages
// of an inbox that are looked at to find the one that is asked about, the newest first.
inline constexpr std::size_t kDevicesRememberedMax = 64;
inline constexpr std::size_t kExplainMessagesMax = 10'000;
// Devices that are told of in one answer: those that are connected beside those remembered.
inline constexpr std::size_t kExplainDevicesMax = 256;
// How far ahead the time of a message may be that is held until then.
inline constexpr std::chrono::seconds kInboxHoldMax{engine::limits::kHoldMaxSecondsMax};

// Awareness. How long a device that is not heard is there; one that lost its connection; one that
// was there when the server ended. Clients try again within 20 s, and are let go over 10 s.
inline constexpr auto kAwarenessLease = 60s;
inline constexpr auto kAwarenessGrace = 10s;
inline constexpr auto kAwarenessRecoverWithin = 60s;
// Of an entity, and to a viewer, at most one change in this time.
inline constexpr auto kAwarenessCoalesce = 1s;
inline constexpr auto kAwarenessHistory = 30 * 24h;
// Contacts above which a watch tells how many are what: more than anybody looks at.
inline constexpr std::uint64_t kAwarenessCountsAbove = 1'000;
// What a node holds of awareness.
inline constexpr std::uint64_t kAwarenessEntitiesMax = 1'000'000;
inline constexpr std::uint64_t kAwarenessRelationsMax = 5'000'000;
// Devices of an entity that are there, what each does at a time, and its own words.
inline constexpr std::size_t kAwarenessDevicesMax = 16;
inline constexpr std::size_t kActivitiesMax = 8;
inline constexpr std::size_t kActivityBytesMax = 32;
inline constexpr std::size_t kAwarenessTextBytesMax = 256;
inline constexpr std::size_t kSystemFieldsMax = 16;
inline constexpr std::size_t kSystemFieldBytesMax = 128;
// Numbers of a device: half way round the earth, faster than any rocket, more than any machine has.
inline constexpr double kAccuracyMax = 20'037'508;
inline constexpr double kSpeedMax = 100'000;
inline constexpr double kLoadMax = 1'000'000;
// How long an activity and a place last, unless they are said again.
inline constexpr auto kActivityLasts = 6s;
inline constexpr auto kActivityLastsMax = 60s;
inline constexpr auto kLocationLasts = 10min;
inline constexpr auto kLocationLastsMax = 24h;
// Relations of an entity to others, and of others to it.
inline constexpr std::size_t kRelationsMax = 10'000;
// Of one relation, how often it was restricted is remembered; of more the oldest become one.
inline constexpr std::size_t kRestrictedMax = 16;
// How often an entity's audience changed during its state is remembered.
inline constexpr std::size_t kAudiencesRemembered = 8;
// Entities a session watches beside its contacts: more than a screen shows.
inline constexpr std::size_t kWatchedMax = 500;
// Of one stanza: entities, and what is read from the history.
inline constexpr std::size_t kSeenPerStanza = 500;
inline constexpr std::size_t kTransitionsPerStanza = 500;
inline constexpr std::size_t kContactsPerLook = 100;
// Records of an entity that are read to answer one request for its history, and for what it was at
// one time, which is asked of many.
inline constexpr std::size_t kHistoryRecordsPerRead = 20'000;
inline constexpr std::size_t kHistoryRecordsPerLook = 1'000;
// Requests about awareness of a session on their way.
inline constexpr std::size_t kAwarenessRequestsMax = 16;
// While somebody is there the log is told that the server is alive: as exact is what is said of the
// end of those who did not come back after a crash.
inline constexpr auto kAliveEvery = 30s;
// A state that the log refused is tried again no sooner than this.
inline constexpr auto kStatesAgainEvery = 1s;

// Offers: how long one waits for an answer, and how long an accepted one lasts; its descriptions.
inline constexpr auto kOfferWaits = 60s;
inline constexpr auto kOfferWaitsMin = 1s;
inline constexpr auto kOfferLastsMax = 24h;
inline constexpr std::size_t kOfferDescriptionBytesMax = 64 * 1024;
inline constexpr std::size_t kOfferReasonBytesMax = 256;
// One that is over is remembered for so long, for who answers late.
inline constexpr auto kOfferKept = 60s;
// Whose end, or the note of it, cannot be stored: it is tried again after so long.
inline constexpr auto kOfferTriedAgain = 5s;
// Offers that are not over, and remembered: a node; of an entity, by it and to it.
inline constexpr std::size_t kOffersMax = 100'000;
inline constexpr std::size_t kOffersFromEntityMax = 32;
inline constexpr std::size_t kOffersToEntityMax = 256;
// Changes of one offer that wait for the one before, and a session's requests on their way.
inline constexpr std::size_t kOfferChangesWaitingMax = 16;
inline constexpr std::size_t kOfferRequestsMax = 16;

// A subscription's filter. Every record is held against it.
inline constexpr std::size_t kFilterBytesMax = 64 * 1024;
// Records are due again this late at most.
inline constexpr auto kRedeliverAfterMax = 24h;
// What could not be done for a record that is due is tried again after this time.
inline constexpr auto kRetryAfter = 1s;

// Consumer groups with members, a node.
inline constexpr std::size_t kGroupsMax = 10'000;
inline constexpr std::size_t kGroupBytesMax = 128;
// Cursors of groups, one a partition, also of groups that are away; those that stood still for so
// long make room for others.
inline constexpr std::size_t kGroupCursorsMax = 100'000;
inline constexpr auto kGroupCursorIdleMax = 30 * 24h;
// What a group has not acknowledged is held against retention, where a topic has it so, until its
// cursor stood still for so long; how often the log is told of it.
inline constexpr auto kGroupHoldsFor = 7 * 24h;
inline constexpr auto kFloorsEvery = 5s;
// Ranges of records of a partition whose deliveries are counted while nobody has them.
inline constexpr std::size_t kAttemptRangesKept = 1000;
// Acknowledgements of a session that wait for their answers, in all its groups.
inline constexpr std::size_t kAcknowledgementsMax = 1024;
// How long a member that is to let go of a partition is given to acknowledge what it has of it.
inline constexpr auto kLetGoWithin = 10s;

inline constexpr std::size_t kEidBytesMax = 256;
inline constexpr std::size_t kDeviceBytesMax = 128;
inline constexpr std::size_t kClientBytesMax = 128;

// A token: several times what one with many permissions takes. Its bearer has shown nothing yet.
inline constexpr std::size_t kTokenBytesMax = 8192;
inline constexpr std::size_t kTokenIdBytesMax = 128;
// Topic patterns of a token, for each action.
inline constexpr std::size_t kPatternsMax = 64;
inline constexpr std::size_t kPatternBytesMax = engine::limits::kTopicNameBytesMax;

// A connection that has not said who it is by then is closed.
inline constexpr auto kIdentifyWithin = 5s;
// A peer that hears nothing for this long sends a Ping; one that is silent for two of them is gone.
inline constexpr auto kHeartbeat = 30s;
// A peer whose answers come late is asked as often as this.
inline constexpr auto kHeartbeatLeast = 10s;
// A clock that is further off counts as this much in the metric.
inline constexpr std::chrono::microseconds kClockOffsetCounted = std::chrono::hours(24);
// A peer that takes no byte for this long while there are some for it is closed.
inline constexpr auto kWriteStall = 30s;

// What a peer still sends while its connection is being closed is read and dropped, so that it gets
// its answer and no reset: this much at once, and then this much and this long.
inline constexpr std::size_t kDropBytesMax = 1024 * 1024;
inline constexpr std::size_t kLingerBytesMax = 16 * 1024 * 1024;
inline constexpr auto kLingerWithin = 1s;

// A stanza as JSON text: bytes become base64 there, a third longer, and names are spelt out.
inline constexpr std::size_t kJsonBytesMax = 2 * kFrameBytesMax;
// JSON is made of a session's output this much at a time, as the socket takes it.
inline constexpr std::size_t kJsonOutputBytes = 64 * 1024;
// WebSocket control frames that wait for the socket; above it nothing is read from the peer.
inline constexpr std::size_t kControlOutputBytes = 4 * 1024;
// How long a peer may take to answer a WebSocket Close.
inline constexpr auto kCloseWithin = 5s;
// The head of an HTTP request; none of ours has a body.
inline constexpr std::size_t kHttpHeadBytesMax = 8 * 1024;
// From a connection's begin to a whole request.
inline constexpr auto kHttpRequestWithin = 5s;

// Calls at once on one gRPC connection: a call that is never read costs gRPC 17 KB, token or not.
// Together they are bounded by the node's connections.
inline constexpr std::size_t kGrpcStreamsMax = 256;
// A call's metadata; more is refused by gRPC with a status.
inline constexpr int kGrpcMetadataBytesMax = 16 * 1024;
// A call's metadata as it is sent: gRPC keeps all of it until it ends. Above either the connection
// ends.
inline constexpr std::size_t kGrpcHeaderBlockBytesMax = 64 * 1024;
inline constexpr std::size_t kGrpcHeaderBlockFramesMax = 32;
// Frames of one connection that undo work or ask for an answer (resets, PING, SETTINGS), in a
// second; above it the connection is read slower. A call that is reset costs gRPC 20 KB until it is
// cleared away.
inline constexpr std::uint64_t kGrpcPacedFramesPerSecond = 500;
// Resets of all connections together, in a second: above it gRPC clears them away slower than they
// come. Who resets more waits for the others, so long at most.
inline constexpr std::uint64_t kGrpcResetsPerSecond = 2'000;
inline constexpr auto kGrpcResetWaitMax = 2s;
// From a call's begin to the end of its request, or its first answer: a request that is half sent
// holds memory of gRPC's.
inline constexpr auto kGrpcRequestWithin = 60s;
// From a gRPC connection's begin to HTTP/2's preface, TLS included; and how long it may stay
// without a call.
inline constexpr auto kGrpcHelloWithin = 5s;
inline constexpr auto kGrpcIdleWithin = 10min;
// HTTP/2 pings more often than this, so many times, end the connection.
inline constexpr auto kGrpcPingEvery = 10s;
inline constexpr int kGrpcPingStrikesMax = 2;
// Buffers of all gRPC connections together.
inline constexpr std::size_t kGrpcMemoryBytes = 256 * 1024 * 1024;
// Of one Fetch: gRPC's clients take 4 MiB by default, and the largest record may come last.
inline constexpr std::size_t kFetchBytes = 2 * 1024 * 1024;
inline constexpr std::uint32_t kFetchRecordsMax = 10'000;

// Devices in the registry of sessions, each some 300 bytes; those of one answer about them.
inline constexpr std::size_t kDevicesMax = 1'000'000;
inline constexpr std::size_t kDevicesPerList = 500;
// A device whose session has ended is suspended when it has not come back by then: most do at once,
// and a server that is started again gives all of them that time.
inline constexpr auto kSuspendAfter = 10s;
// From then on: expired, and forgotten.
inline constexpr auto kExpireAfter = 7 * 24h;
inline constexpr auto kForgetAfter = 30 * 24h;

// What a server that records may take of the disk for it.
inline constexpr std::uint64_t kRecordBytes = 1024ULL * 1024 * 1024;

// Sessions that have ended and are still told of; each some 300 bytes.
inline constexpr std::size_t kClosedSessionsKept = 10'000;

// Connections of a node. Each costs a descriptor; the log needs some too.
inline constexpr std::size_t kConnectionsMax = 10'000;
// Connections that one address may open in a second; what a handshake costs, thousands of times.
inline constexpr std::uint64_t kConnectionRatePerAddress = 5'000;
// Who is turned away at the door comes back after one to two times as long.
inline constexpr auto kComeBackAfter = 1s;
// After the process ran out of descriptors, the time before accepting goes on.
inline constexpr auto kAcceptPause = 100ms;
// Read from a socket at once.
inline constexpr std::size_t kReadBytes = 64 * 1024;
// How long a stopping server takes at most to let its peers go.
inline constexpr auto kDrainWithin = 10s;
// Sessions that it lets go in a second, unless there are too many for that: whoever they turn to
// then must be able to take them.
inline constexpr std::uint64_t kDrainRate = 2'000;
// A session whose token expires this soon is told so, to fetch another.
inline constexpr auto kTokenWarning = 60s;

}  // namespace bimip::frontend::limits

namespace bimip::frontend {

// The bounds in force: the `limits` of the configuration. Immutable once sessions run.
struct SessionLimits {
  std::uint64_t connections = limits::kConnectionsMax;
  std::chrono::milliseconds identify_within = limits::kIdentifyWithin;
  std::chrono::milliseconds heartbeat = limits::kHeartbeat;
  std::chrono::milliseconds heartbeat_least = limits::kHeartbeatLeast;
  std::chrono::milliseconds write_stall = limits::kWriteStall;
  std::uint64_t output_bytes = limits::kOutputBytes;
  std::uint64_t publishes_in_flight = limits::kPublishesInFlightMax;
  std::uint64_t publish_bytes_in_flight = limits::kPublishBytesInFlightMax;
  std::uint64_t subscriptions = limits::kSubscriptionsMax;
  std::uint64_t credit = limits::kCreditMax;
  // Of one address and of one entity, 0: as many as there may be at all. For behind one address
  // there may be a gateway, and behind one entity a fleet.
  std::uint64_t connections_per_address = 0;
  std::uint64_t sessions_per_entity = 0;
  std::uint64_t connection_rate_per_address = limits::kConnectionRatePerAddress;
  std::uint64_t publish_rate = 0;  // 0: as fast as the log takes them
  std::chrono::milliseconds drain_within = limits::kDrainWithin;
  std::chrono::milliseconds token_warning = limits::kTokenWarning;
  std::uint64_t drain_rate = limits::kDrainRate;
};

}  // namespace bimip::frontend
