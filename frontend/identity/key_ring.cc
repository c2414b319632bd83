#include "frontend/identity/key_ring.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace bimip::frontend {
namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;

std::expected<std::string, std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  if (!file) return std::unexpected("cannot read " + path + ": " + std::strerror(errno));
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::unexpected("cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) return std::unexpected(path + ": a key set of more than 1 MiB");
  return text;
}

}  // namespace

std::expected<std::unique_ptr<KeyRing>, std::string> KeyRing::open(std::string path) {
  std::unique_ptr<KeyRing> ring(new KeyRing(std::move(path)));
  auto read = ring->reload();
  if (!read) return std::unexpected(std::move(read.error()));
  return ring;
}

std::shared_ptr<const KeySet> KeyRing::keys() const {
  const engine::MutexLock lock(mutex_);
  return keys_;
}

std::expected<KeyRing::Reload, std::string> KeyRing::reload() {
  auto text = read_file(path_);
  if (!text) return std::unexpected(std::move(text.error()));
  const engine::MutexLock lock(mutex_);
  if (*text == text_) return Reload::kUnchanged;
  text_ = std::move(*text);
  auto parsed = KeySet::parse(text_);
  if (!parsed) return std::unexpected(path_ + ": " + parsed.error());
  keys_ = std::make_shared<const KeySet>(std::move(*parsed));
  return Reload::kChanged;
}

}  // namespace bimip::frontend
