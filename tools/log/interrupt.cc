#include "tools/log/interrupt.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <string_view>

#include "engine/device/posix_device.h"

namespace bimip::log_tools {
namespace {

// Of the process, as its signals are.
std::atomic<int> signal_kept{0};
std::atomic<int> devices_written_to{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler uses it");

constexpr std::string_view kEnding =
    "\nbimip log: interrupted: it ends in order; once more to end at once\n";

void on_signal(int number) {
  int none = 0;
  if (devices_written_to > 0 && signal_kept.compare_exchange_strong(none, number)) {
    [[maybe_unused]] const ssize_t told = ::write(STDERR_FILENO, kEnding.data(), kEnding.size());
    return;
  }
  std::signal(number, SIG_DFL);
  std::raise(number);
}

Status check_interrupt(const Path& path) {
  if (signal_kept == 0) return {};
  return fail(ErrorCode::kIo, path.string() + ": interrupted while it was written");
}

class OutputFile final : public File {
 public:
  OutputFile(std::shared_ptr<File> file, Path path)
      : file_(std::move(file)), path_(std::move(path)) {}

  Result<std::size_t> read_at(FilePosition position, MutableBytes into) const override {
    return file_->read_at(position, into);
  }
  Result<std::size_t> read_aligned_at(FilePosition position, MutableBytes into) const override {
    return file_->read_aligned_at(position, into);
  }
  Status write_at(FilePosition position, Bytes bytes) override {
    Status done = check_interrupt(path_);
    return done ? file_->write_at(position, bytes) : done;
  }
  Status write_aligned_at(FilePosition position, Bytes bytes) override {
    Status done = check_interrupt(path_);
    return done ? file_->write_aligned_at(position, bytes) : done;
  }
  Status sync() override { return file_->sync(); }
  Status allocate(FilePosition from, std::uint64_t bytes) override {
    return file_->allocate(from, bytes);
  }
  Status truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<std::unique_ptr<Mapping>> map() const override { return file_->map(); }

 private:
  const std::shared_ptr<File> file_;
  const Path path_;
};

class OutputDevice final : public Device {
 public:
  OutputDevice() : device_(make_posix_device()) {}
  ~OutputDevice() override {
    if (has_written_) --devices_written_to;
  }
  OutputDevice(const OutputDevice&) = delete;
  OutputDevice& operator=(const OutputDevice&) = delete;

  std::string_view name() const override { return device_->name(); }

  Result<std::shared_ptr<File>> open(const Path& path, OpenMode mode) override {
    if (mode == OpenMode::kRead) return device_->open(path, mode);
    note_write();
    if (Status done = check_interrupt(path); !done) return std::unexpected(std::move(done.error()));
    Result<std::shared_ptr<File>> file = device_->open(path, mode);
    if (!file) return file;
    return std::make_shared<OutputFile>(std::move(*file), path);
  }
  Status create_directory(const Path& folder) override {
    note_write();
    Status done = check_interrupt(folder);
    return done ? device_->create_directory(folder) : done;
  }
  Result<bool> exists(const Path& path) override { return device_->exists(path); }
  Result<std::vector<std::string>> list(const Path& folder) override {
    return device_->list(folder);
  }
  Status remove(const Path& path) override { return device_->remove(path); }
  Status rename(const Path& from, const Path& to) override { return device_->rename(from, to); }
  Status sync_directory(const Path& folder) override { return device_->sync_directory(folder); }
  Status sync_tree(const Path& folder) override {
    Status done = check_interrupt(folder);
    return done ? device_->sync_tree(folder) : done;
  }
  std::size_t open_files_max() const override { return device_->open_files_max(); }
  Result<std::uint64_t> free_bytes(const Path& folder) override {
    return device_->free_bytes(folder);
  }
  Result<std::unique_ptr<FileLock>> lock(const Path& path) override { return device_->lock(path); }
  Result<std::unique_ptr<WriteQueue>> open_write_queue(BufferPool& buffers) override {
    return device_->open_write_queue(buffers);
  }

 private:
  void note_write() {
    if (!has_written_.exchange(true)) ++devices_written_to;
  }

  const std::unique_ptr<Device> device_;
  std::atomic<bool> has_written_{false};
};

}  // namespace

void catch_interrupts() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now{};
    if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) continue;  // nohup
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(number, &action, nullptr);
  }
}

std::optional<int> interrupted_by() {
  const int number = signal_kept;
  return number == 0 ? std::nullopt : std::optional(number);
}

std::unique_ptr<Device> make_output_device() { return std::make_unique<OutputDevice>(); }

}  // namespace bimip::log_tools
