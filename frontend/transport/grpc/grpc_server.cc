#include "frontend/transport/grpc/grpc_server.h"

#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <unistd.h>

#include <chrono>
#include <mutex>

#include "engine/base/thread_annotations.h"
#include "frontend/config/server_log.h"
#include "frontend/stanza/limits.h"
#include "frontend/transport/grpc/services.h"

namespace bimip::frontend {
namespace {

// gRPC calls errors what strangers can bring about as often as they like, a failed handshake say.
void take_log(gpr_log_func_args* args) {
  log_line(LogLevel::kDebug, args->message, {{.name = "by", .value = "gRPC"}});
}

// For the whole process, before the first builder: its log goes where ours does; health and
// reflection are turned on.
void set_up_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(take_log);
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

int milliseconds(std::chrono::milliseconds time) { return static_cast<int>(time.count()); }

void set_limits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits::kFrameBytesMax));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(limits::kGrpcStreamsMax));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, limits::kGrpcMetadataBytesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(limits::kHeartbeat));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(limits::kHeartbeat));
  // A client that pings more often than it may a few times over is sent away.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             milliseconds(limits::kGrpcPingEvery));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, limits::kGrpcPingStrikesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  grpc::ResourceQuota quota("bimip");
  quota.Resize(limits::kGrpcMemoryBytes);
  builder.SetResourceQuota(quota);
}

}  // namespace

class GrpcServer::Parts {
 public:
  explicit Parts(const GrpcHost& host)
      : services_{make_session_service(host), make_topic_service(host)} {}

  bool start() {
    set_up_process();
    grpc::ServerBuilder builder;
    for (const std::shared_ptr<grpc::Service>& service : services_)
      builder.RegisterService(service.get());
    set_limits(builder);
    const engine::MutexLock lock(mutex_);
    server_ = builder.BuildAndStart();
    return server_ != nullptr;
  }

  void serve(int descriptor) {
    const engine::MutexLock lock(mutex_);
    if (server_) {
      grpc::AddInsecureChannelFromFd(server_.get(), descriptor);
    } else {
      ::close(descriptor);
    }
  }

  void stop_serving() {
    const engine::MutexLock lock(mutex_);
    if (server_) server_->GetHealthCheckService()->SetServingStatus(false);
  }

  void close() {
    std::unique_ptr<grpc::Server> server;
    {
      const engine::MutexLock lock(mutex_);
      server = std::move(server_);
    }
    if (!server) return;
    server->Shutdown(std::chrono::system_clock::now());
    server->Wait();
  }

 private:
  const std::vector<std::shared_ptr<grpc::Service>> services_;
  engine::Mutex mutex_;
  std::unique_ptr<grpc::Server> server_ GUARDED_BY(mutex_);
};

GrpcServer::GrpcServer(const GrpcHost& host) : parts_(std::make_unique<Parts>(host)) {}
GrpcServer::~GrpcServer() { close(); }

bool GrpcServer::start() { return parts_->start(); }
void GrpcServer::serve(int descriptor) { parts_->serve(descriptor); }
void GrpcServer::stop_serving() { parts_->stop_serving(); }
void GrpcServer::close() { parts_->close(); }

}  // namespace bimip::frontend
