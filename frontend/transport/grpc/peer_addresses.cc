#include "frontend/transport/grpc/peer_addresses.h"

#include <charconv>

namespace bimip::frontend {

void PeerAddresses::put(int descriptor, std::string address) {
  const engine::MutexLock lock(mutex_);
  addresses_.insert_or_assign(descriptor, std::move(address));
}

std::string PeerAddresses::find(std::string_view peer) const {
  constexpr std::string_view kDescriptor = "fd:";
  int descriptor = -1;
  if (peer.starts_with(kDescriptor))
    std::from_chars(peer.data() + kDescriptor.size(), peer.data() + peer.size(), descriptor);
  const engine::MutexLock lock(mutex_);
  const auto found = addresses_.find(descriptor);
  return found == addresses_.end() ? std::string() : found->second;
}

}  // namespace bimip::frontend
