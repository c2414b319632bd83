// The server's certificate, from files that may change.
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <string>

#include "engine/base/thread_annotations.h"
#include "frontend/transport/tls/tls_stream.h"

struct ssl_ctx_st;

namespace bimip::frontend {

// TLS 1.2 and 1.3. Thread-safe. Files that cannot be used leave the certificate as it was; streams
// that are there keep the one they began with.
class TlsContext {
 public:
  struct Files {
    std::string certificate{};  // PEM: the server's, then those between it and its authority
    std::string key{};          // PEM
  };
  [[nodiscard]] static std::expected<std::unique_ptr<TlsContext>, std::string> open(Files files);

  enum class Reload : std::uint8_t { kUnchanged, kChanged };
  // Reads the files if they are others than those in force; what is wrong with them, once for each.
  [[nodiscard]] std::expected<Reload, std::string> reload();

  // The server's end of a connection over this socket. Never null.
  [[nodiscard]] std::unique_ptr<TlsStream> accept(int socket) const;

 private:
  explicit TlsContext(Files files) : files_(std::move(files)) {}

  const Files files_;
  mutable engine::Mutex mutex_;
  std::string text_ GUARDED_BY(mutex_);  // of both files, as last read, sound or not
  std::shared_ptr<ssl_ctx_st> context_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
