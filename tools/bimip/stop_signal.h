// SIGINT and SIGTERM as something a loop can wait for.
#pragma once

namespace bimip::tools {

// While it lives, the two signals no longer end the program: they make fd() readable. One at a
// time in a program; made before any thread is. Thread-compatible.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  // Whether one came.
  [[nodiscard]] bool came() const;

 private:
  int fd_ = -1;
};

}  // namespace bimip::tools
