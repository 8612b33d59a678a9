// A part of a file as memory, where it lies in the operating system's page cache: read without a
// copy.
#ifndef HOLDFAST_ENV_MAPPED_RANGE_H_
#define HOLDFAST_ENV_MAPPED_RANGE_H_

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace holdfast::env {

// Others may change the file meanwhile, and cut it short; a medium may fail. Reading memory that is
// no longer behind the file would end the process (SIGBUS): here it reads zeros instead, and
// intact() says so afterwards. Move-only; by one thread at a time.
class MappedRange {
 public:
  MappedRange() = default;
  // `size` bytes of the file from `offset`, a multiple of the system's page size. Empty where that
  // cannot be: the file ends before, or its storage does not keep mappings and reads alike
  // (networks, overlays). Then it must be read.
  static MappedRange of(int descriptor, std::uint64_t offset, std::size_t size);
  ~MappedRange();
  MappedRange(MappedRange&& other) noexcept;
  MappedRange& operator=(MappedRange&& other) noexcept;

  // Reads all of it into the page cache, and makes it ready to be looked at: much faster than when
  // it is done for each page that is met first. False where that cannot be.
  bool load() const;

  ByteView bytes() const { return {memory_, size_}; }
  // False once a part could not be read. To be asked after what was read was used.
  bool intact() const;

 private:
  struct Watched;

  const std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  Watched* watched_ = nullptr;
};

}  // namespace holdfast::env

#endif  // HOLDFAST_ENV_MAPPED_RANGE_H_
