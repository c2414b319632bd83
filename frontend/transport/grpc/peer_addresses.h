// Who is at the other end of a connection whose socket is not gRPC's.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/base/thread_annotations.h"

namespace bimip::frontend {

// gRPC is given one end of a pipe for each connection, and names the peer of its calls after that
// descriptor, "fd:N". It keeps the descriptor open while it has a call of the connection, so N is
// another connection's only once nobody asks for the one before: an entry is right until it is
// overwritten, and there are no more of them than there were descriptors. Thread-safe.
class PeerAddresses {
 public:
  // Before gRPC has the descriptor.
  void put(int descriptor, std::string address);
  // Of a peer as gRPC names it: "ADDRESS:PORT".
  [[nodiscard]] std::string find(std::string_view peer) const;

 private:
  mutable engine::Mutex mutex_;
  std::unordered_map<int, std::string> addresses_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
