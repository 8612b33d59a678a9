#ifndef HOLDFAST_BASE_BUFFER_H_
#define HOLDFAST_BASE_BUFFER_H_

#include <cstddef>
#include <memory>

#include "base/bytes.h"

namespace holdfast {

// Scratch memory that is written before it is read: it begins without content, because filling a
// megabyte with zeros only to overwrite it costs as much as the copy it is for.
class Buffer {
 public:
  // The first `size` bytes. Whatever was in them is lost if the buffer has to grow.
  MutableByteView first(std::size_t size) {
    if (size > size_) {
      bytes_ = std::make_unique_for_overwrite<std::byte[]>(size);
      size_ = size;
    }
    return {bytes_.get(), size};
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_BASE_BUFFER_H_
