// What S3 has beside a body, so that nothing is stored that was damaged on the way.
#ifndef HOLDFAST_STORAGE_S3_PAYLOAD_DIGEST_H_
#define HOLDFAST_STORAGE_S3_PAYLOAD_DIGEST_H_

#include <array>

#include "base/bytes.h"

namespace holdfast::storage {

// By OpenSSL's libcrypto, which libcurl brings along: it uses the processor's own instructions.
// Throws kUnsupported where it is not installed.
std::array<std::byte, 32> sha256(ByteView bytes);
std::array<std::byte, 16> md5(ByteView bytes);

}  // namespace holdfast::storage

#endif  // HOLDFAST_STORAGE_S3_PAYLOAD_DIGEST_H_
