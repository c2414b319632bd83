#include "tools/bimip/stop_signal.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace bimip::tools {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t set = stop_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
}

// The signals stay blocked: one that came is not to end the program while it says its last words.
StopSignal::~StopSignal() { ::close(fd_); }

bool StopSignal::came() const {
  pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
  return ::poll(&poll_fd, 1, 0) > 0;
}

}  // namespace bimip::tools
