#include "frontend/transport/grpc/grpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <mutex>

#include "frontend/stanza/limits.h"
#include "frontend/transport/grpc/services.h"

namespace bimip::frontend {
namespace {

// Health and reflection are turned on for the whole process, before the first builder.
void turn_on_plugins() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

int milliseconds(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

void set_limits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::kFrameBytesMax));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kGrpcStreamsMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, limits::kGrpcMetadataBytesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(limits::kHeartbeat));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(limits::kHeartbeat));
  // A client that pings more often than it may a few times over is sent away.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             milliseconds(limits::kGrpcPingEvery));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, limits::kGrpcPingStrikesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Two servers on one port would share its connections unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  grpc::ResourceQuota quota("bimip");
  quota.Resize(limits::kGrpcMemoryBytes);
  builder.SetResourceQuota(quota);
}

}  // namespace

class GrpcServer::Parts {
 public:
  explicit Parts(const GrpcHost& host)
      : services_{make_session_service(host), make_topic_service(host)} {}

  std::expected<std::uint16_t, std::string> listen(const std::string& address, std::uint16_t port) {
    turn_on_plugins();
    const bool is_v6 = address.find(':') != std::string::npos;
    const std::string where = (is_v6 ? "[" + address + "]:" : address + ":") + std::to_string(port);
    grpc::ServerBuilder builder;
    int bound = 0;
    builder.AddListeningPort(where, grpc::InsecureServerCredentials(), &bound);
    for (const std::shared_ptr<grpc::Service>& service : services_)
      builder.RegisterService(service.get());
    set_limits(builder);
    server_ = builder.BuildAndStart();
    if (!server_ || bound == 0) {
      server_.reset();
      return std::unexpected("cannot listen for gRPC on " + where);
    }
    return static_cast<std::uint16_t>(bound);
  }

  void stop_serving() {
    if (server_) server_->GetHealthCheckService()->SetServingStatus(false);
  }

  void close() {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }

 private:
  const std::vector<std::shared_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
};

GrpcServer::GrpcServer(const GrpcHost& host) : parts_(std::make_unique<Parts>(host)) {}
GrpcServer::~GrpcServer() { close(); }

std::expected<std::uint16_t, std::string> GrpcServer::listen(const std::string& address,
                                                             std::uint16_t port) {
  return parts_->listen(address, port);
}
void GrpcServer::stop_serving() { parts_->stop_serving(); }
void GrpcServer::close() { parts_->close(); }

}  // namespace bimip::frontend
