// What the fuzz targets share. A broken promise is an abort.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/base/assert.h"
#include "engine/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace bimip::testing {

inline engine::Bytes fuzz_input(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

}  // namespace bimip::testing
