#include "engine/device/sim_bytes.h"

#include <algorithm>
#include <cstring>

namespace bimip::engine {

void SparseBytes::resize(std::uint64_t size) {
  const std::size_t inside = size % kPageBytes;
  const std::size_t page = size / kPageBytes;
  if (size < size_ && inside != 0 && pages_[page] != nullptr) {
    std::memset(writable(page) + inside, 0, kPageBytes - inside);
  }
  pages_.resize((size + kPageBytes - 1) / kPageBytes);
  size_ = size;
}

std::size_t SparseBytes::read(std::uint64_t position, MutableBytes into) const {
  if (position >= size_) return 0;
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - position));
  for (std::size_t done = 0; done < count;) {
    const std::size_t inside = (position + done) % kPageBytes;
    const std::size_t step = std::min(kPageBytes - inside, count - done);
    const auto& page = pages_[(position + done) / kPageBytes];
    if (page == nullptr) {
      std::memset(into.data() + done, 0, step);
    } else {
      std::memcpy(into.data() + done, page->data() + inside, step);
    }
    done += step;
  }
  return count;
}

void SparseBytes::write(std::uint64_t position, Bytes bytes) {
  if (position + bytes.size() > size_) resize(position + bytes.size());
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t inside = (position + done) % kPageBytes;
    const std::size_t step = std::min(kPageBytes - inside, bytes.size() - done);
    std::memcpy(writable((position + done) / kPageBytes) + inside, bytes.data() + done, step);
    done += step;
  }
}

SparseBytes SparseBytes::clone() const {
  SparseBytes copy;
  copy.size_ = size_;
  copy.pages_.reserve(pages_.size());
  for (const auto& page : pages_) {
    copy.pages_.push_back(page == nullptr ? nullptr : std::make_shared<Page>(*page));
  }
  return copy;
}

std::vector<std::byte> SparseBytes::to_vector() const {
  std::vector<std::byte> bytes(size_);
  read(0, bytes);
  return bytes;
}

std::byte* SparseBytes::writable(std::size_t number) {
  auto& page = pages_[number];
  if (page == nullptr) {
    page = std::make_shared<Page>();
  } else if (page.use_count() > 1) {
    page = std::make_shared<Page>(*page);
  }
  return page->data();
}

}  // namespace bimip::engine
