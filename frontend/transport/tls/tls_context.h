// The server's certificate, from files that may change.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "engine/base/thread_annotations.h"
#include "engine/base/types.h"
#include "frontend/transport/tls/tls_stream.h"

struct ssl_ctx_st;

namespace bimip::frontend {

// TLS 1.2 and 1.3. Thread-safe. Files that cannot be used leave the certificate as it was; streams
// that are there keep the one they began with.
class TlsContext {
 public:
  struct Files {
    std::string certificate{};  // PEM: the server's, then those between it and its authority
    std::string key{};          // PEM, not encrypted
  };
  // Why it cannot: a file that cannot be read or holds nothing of the kind, a key of another
  // certificate, a certificate outside its time.
  [[nodiscard]] static std::expected<std::unique_ptr<TlsContext>, std::string> open(Files files);

  enum class Reload : std::uint8_t { kUnchanged, kChanged };
  // Reads the files if they are others than those read last; what is wrong with them, once for
  // each.
  [[nodiscard]] std::expected<Reload, std::string> reload();

  // The server's end of a connection over this socket. Never null. `protocol` (ALPN) is in memory
  // for ever: a client that offers others is refused, one that offers none is let in. Null: what
  // clients offer is not looked at.
  [[nodiscard]] std::unique_ptr<TlsStream> accept(int socket, const char* protocol) const;
  // The end of the certificate in force.
  [[nodiscard]] engine::Timestamp expires_at() const;

 private:
  struct Pem {
    std::string certificate{};
    std::string key{};
    bool operator==(const Pem&) const = default;
  };
  struct InForce {
    std::shared_ptr<ssl_ctx_st> context{};
    engine::Timestamp expires_at{};
  };
  explicit TlsContext(Files files) : files_(std::move(files)) {}
  [[nodiscard]] static std::expected<InForce, std::string> make(const Files& files, const Pem& pem);

  const Files files_;
  mutable engine::Mutex mutex_;
  Pem read_ GUARDED_BY(mutex_);  // last, sound or not
  InForce in_force_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
