#ifndef HOLDFAST_BASE_BUFFER_H_
#define HOLDFAST_BASE_BUFFER_H_

#include <cstddef>
#include <memory>
#include <new>

#include "base/bytes.h"

namespace holdfast {

// Scratch memory that is written before it is read: it begins without content, because filling a
// megabyte with zeros only to overwrite it costs as much as the copy it is for. It begins at a
// page, so that files can be read into it around the operating system's cache.
class Buffer {
 public:
  // The first `size` bytes. Whatever was in them is lost if the buffer has to grow.
  MutableByteView first(std::size_t size) {
    if (size > size_) {
      bytes_.reset();
      bytes_.reset(static_cast<std::byte*>(::operator new(size, kPage)));
      size_ = size;
    }
    return {bytes_.get(), size};
  }

 private:
  static constexpr std::align_val_t kPage{4096};
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, kPage); }
  };

  std::unique_ptr<std::byte, Free> bytes_;
  std::size_t size_ = 0;
};

}  // namespace holdfast

#endif  // HOLDFAST_BASE_BUFFER_H_
