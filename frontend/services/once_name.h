// What makes a record that is written again the same record.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <initializer_list>
#include <string>
#include <string_view>

#include "engine/base/assert.h"

namespace bimip::frontend {

// An idempotency key out of the parts of a name, however long they are. SHA-256, so that nobody can
// find a name that stands for another's.
[[nodiscard]] inline std::string once_name(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts)
    text.append(std::to_string(part.size())).append(":").append(part);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  BIMIP_ASSERT(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) ==
               1);
  return {digest.begin(), digest.begin() + size};
}

}  // namespace bimip::frontend
