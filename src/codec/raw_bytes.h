// Bytes as the C libraries of cryptography want them.
#ifndef HOLDFAST_CODEC_RAW_BYTES_H_
#define HOLDFAST_CODEC_RAW_BYTES_H_

#include "base/bytes.h"

namespace holdfast::codec {

inline unsigned char* raw(MutableByteView bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
inline const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace holdfast::codec

#endif  // HOLDFAST_CODEC_RAW_BYTES_H_
