// The key set in force, from a file that may change.
#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <string>

#include "engine/base/thread_annotations.h"
#include "frontend/identity/key_set.h"

namespace bimip::frontend {

// Thread-safe. A file that cannot be used leaves the keys as they were.
class KeyRing {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<KeyRing>, std::string> open(std::string path);

  [[nodiscard]] std::shared_ptr<const KeySet> keys() const;

  enum class Reload : std::uint8_t { kUnchanged, kChanged };
  // Reads the file if it is another than the one in force; what is wrong with it, once for each.
  [[nodiscard]] std::expected<Reload, std::string> reload();

 private:
  explicit KeyRing(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  mutable engine::Mutex mutex_;
  std::string text_ GUARDED_BY(mutex_);  // as last read, sound or not
  std::shared_ptr<const KeySet> keys_ GUARDED_BY(mutex_);
};

}  // namespace bimip::frontend
